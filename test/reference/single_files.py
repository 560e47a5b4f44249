"""Checkpoints in one file, with the names that Stability AI gave its tensors, and what diffusers computes with them.

Writes test/fixtures/checkpoints/NAME.safetensors.gz (half precision; most token embeddings are zeros), with its numbers in
NAME.numbers.safetensors and NAME.json; and names.json.gz: of the real sizes, every original name and diffusers' own for it.
Both are held against diffusers' reader of such files here.
"""

import gzip
import json
import re
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors.torch import save, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

import pipelines
from exports import enliven, seeded
from pipelines import FAMILIES, FIXTURES, numbers_of, write_json

OUT = FIXTURES / "checkpoints"
BY_NAME = {family.name: family for family in FAMILIES}
pipelines.BOS, pipelines.EOS = 49406, 49407
pipelines.WIDTH, pipelines.WIDTH_2 = 32, 40
ONE = {"sd15-one": "sd15", "sd21-one": "sd21", "sdxl-one": "sdxl"}


# 1. Names: diffusers' → original.


def unet_name(name, per_level, with_attention):
    fixed = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "time_embedding.cond_proj": "time_embed.cond_proj",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }
    residual = {
        "norm1": "in_layers.0",
        "conv1": "in_layers.2",
        "time_emb_proj": "emb_layers.1",
        "norm2": "out_layers.0",
        "conv2": "out_layers.3",
        "conv_shortcut": "skip_connection",
    }
    stem, end = name.rsplit(".", 1)
    if stem in fixed:
        return f"{fixed[stem]}.{end}"
    part, rest = re.fullmatch(r"(\w+_blocks\.\d+|mid_block)\.(.*)", name).groups()
    kind, index, inner = re.fullmatch(r"(\w+)\.(\d+)\.(.*)", rest).groups()
    index = int(index)
    if kind == "resnets":
        inner = f"{residual[inner.rsplit('.', 1)[0]]}.{end}"
    if part == "mid_block":
        return f"middle_block.{2 * index if kind == 'resnets' else 1}.{inner}"
    level = int(part.split(".")[1])
    if part.startswith("down"):
        block = 1 + per_level * level + (per_level - 1 if kind == "downsamplers" else index)
        if kind == "downsamplers":
            return f"input_blocks.{block}.0.op.{end}"
        return f"input_blocks.{block}.{0 if kind == 'resnets' else 1}.{inner}"
    block = per_level * level + (per_level - 1 if kind == "upsamplers" else index)
    if kind == "upsamplers":
        return f"output_blocks.{block}.{2 if part in with_attention else 1}.{inner}"
    return f"output_blocks.{block}.{0 if kind == 'resnets' else 1}.{inner}"


def unet_names(unet):
    names = list(unet.state_dict())
    with_attention = {re.match(r"(up_blocks\.\d+)\.attentions", name)[1] for name in names if re.match(r"up_blocks\.\d+\.attentions", name)}
    return {name: unet_name(name, unet.config.layers_per_block + 1, with_attention) for name in names}


def vae_name(name, levels):
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    if found := re.fullmatch(r"(encoder|decoder)\.mid_block\.resnets\.(\d)\.(.*)", name):
        return f"{found[1]}.mid.block_{int(found[2]) + 1}.{found[3]}"
    if found := re.fullmatch(r"(encoder|decoder)\.mid_block\.attentions\.0\.(.*)\.(\w+)", name):
        return f"{found[1]}.mid.attn_1.{attention[found[2]]}.{found[3]}"
    if found := re.fullmatch(r"encoder\.down_blocks\.(\d)\.(.*)", name):
        return f"encoder.down.{found[1]}." + re.sub(r"^resnets", "block", found[2]).replace("downsamplers.0", "downsample")
    if found := re.fullmatch(r"decoder\.up_blocks\.(\d)\.(.*)", name):
        inner = re.sub(r"^resnets", "block", found[2]).replace("upsamplers.0", "upsample")
        return f"decoder.up.{levels - 1 - int(found[1])}.{inner}"
    return name


def vae_names(vae):
    return {name: vae_name(name, len(vae.config.block_out_channels)) for name in vae.state_dict()}


def open_clip(state):
    """OpenCLIP's names; queries, keys and values are one tensor, and the projection is turned."""
    found = {}
    for name, value in state.items():
        name = name.removeprefix("text_model.")
        if name == "text_projection.weight":
            found["text_projection"] = value.T.contiguous()
            continue
        block = re.fullmatch(r"encoder\.layers\.(\d+)\.(.*)", name)
        if not block:
            fixed = {
                "embeddings.token_embedding.weight": "token_embedding.weight",
                "embeddings.position_embedding.weight": "positional_embedding",
                "final_layer_norm.weight": "ln_final.weight",
                "final_layer_norm.bias": "ln_final.bias",
            }
            found[fixed[name]] = value
            continue
        prefix = f"transformer.resblocks.{block[1]}."
        own = re.fullmatch(r"self_attn\.([qkv])_proj\.(weight|bias)", block[2])
        if own and own[1] == "q":
            parts = [state[f"{pre}encoder.layers.{block[1]}.self_attn.{each}_proj.{own[2]}"] for each in "qkv" for pre in ["text_model." if "text_model.encoder.layers.0.layer_norm1.weight" in state else ""]]
            found[f"{prefix}attn.in_proj_{own[2]}"] = torch.cat(parts)
        elif not own:
            inner = block[2].replace("self_attn.", "attn.").replace("layer_norm", "ln_")
            found[prefix + inner.replace("fc1", "c_fc").replace("fc2", "c_proj")] = value
    return found


def one_file(pipeline, xl, second):
    unet = {f"model.diffusion_model.{new}": pipeline.unet.state_dict()[old] for old, new in unet_names(pipeline.unet).items()}
    vae = {f"first_stage_model.{new}": pipeline.vae.state_dict()[old] for old, new in vae_names(pipeline.vae).items()}
    vae = {name: value.reshape(*value.shape, 1, 1) if re.search(r"attn_1\.\w+\.weight$", name) and value.ndim == 2 else value for name, value in vae.items()}
    text = pipeline.text_encoder.state_dict()
    text = {name if name.startswith("text_model.") else f"text_model.{name}": value for name, value in text.items()}
    if xl:
        encoders = {f"conditioner.embedders.0.transformer.{name}": value for name, value in text.items()}
        other = open_clip(pipeline.text_encoder_2.state_dict())
        encoders |= {f"conditioner.embedders.1.model.{name}": value for name, value in other.items()}
    elif second:
        encoders = {f"cond_stage_model.model.{name}": value for name, value in open_clip(pipeline.text_encoder.state_dict()).items()}
    else:
        encoders = {f"cond_stage_model.transformer.{name}": value for name, value in text.items()}
    return {**unet, **vae, **encoders}


def check(pipeline, held, xl, second):
    """diffusers' own reader finds the same tensors."""

    def same(found, module, strip=""):
        known = {name.removeprefix(strip): value for name, value in module.state_dict().items()}
        found = {name.removeprefix(strip): value for name, value in found.items() if "position_ids" not in name}
        assert known.keys() == found.keys(), (known.keys() ^ found.keys())
        for name, value in known.items():
            assert torch.equal(found[name].reshape(value.shape), value) or value.is_meta, name

    same(convert_ldm_unet_checkpoint(dict(held), pipeline.unet.config), pipeline.unet)
    same(convert_ldm_vae_checkpoint(dict(held), pipeline.vae.config), pipeline.vae)
    if xl or second:
        module = pipeline.text_encoder_2 if xl else pipeline.text_encoder
        prefix = "conditioner.embedders.1.model." if xl else "cond_stage_model.model."
        same(convert_open_clip_checkpoint(module, dict(held), prefix=prefix), module, "text_model.")


# 2. The small pipelines.


def text_of(width, activation, vocabulary=49408, layers=3, **more):
    heads = max(1, width // 64)
    config = CLIPTextConfig(
        bos_token_id=49406,
        eos_token_id=49407,
        pad_token_id=49407,
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=more.pop("wide", 2 * width),
        num_attention_heads=heads,
        num_hidden_layers=layers,
        max_position_embeddings=77,
        hidden_act=activation,
        **more,
    )
    return (CLIPTextModelWithProjection if "projection_dim" in more else CLIPTextModel)._from_config(config)


def tokenizer(pad):
    path = Path(sys.argv[1])  # a folder with CLIP's vocab.json and merges.txt
    return CLIPTokenizer.from_pretrained(path, pad_token=pad, model_max_length=77)


def sparse(module, ids):
    table = module.get_input_embeddings().weight
    rows = table.data[ids].clone()
    table.data.zero_()
    table.data[ids] = rows
    return module


def small(name, family):
    def lively(module, part):
        return enliven(module, seeded(f"{name} {part}")).half()

    xl, second = family.xl, family.name == "sd21"
    added = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 6 * 256 + pipelines.PROJECTION,
    }
    first = "" if xl else "CrossAttn"
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 32),
        down_block_types=(f"{first}DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", f"{first}UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=32,
        cross_attention_dim=32 + (40 if xl else 0),
        attention_head_dim=(1, 1) if xl or second else 8,
        use_linear_projection=xl or second,
        **(added if xl else {}),
    )
    vae = AutoencoderKL(
        sample_size=16,
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=32,
        layers_per_block=1,
        **family.vae,
    )
    pads = ["<|endoftext|>", "!"] if xl else ["!" if second else "<|endoftext|>"]
    tokenizers = [tokenizer(pad) for pad in pads]
    words = [pipelines.PROMPT, f"{pipelines.LEARNED_BEHIND}, ,", "", "!"]
    ids = sorted({id for text in words for each in tokenizers for id in each(text).input_ids} | {0})
    parts = {
        "tokenizer": tokenizers[0],
        "text_encoder": sparse(lively(text_of(32, "gelu" if second else "quick_gelu"), "text"), ids),
        "unet": lively(unet, "unet"),
        "vae": lively(vae, "vae"),
        "scheduler": DDIMScheduler.from_config(family.scheduler),
    }
    if xl:
        other = lively(text_of(40, "gelu", projection_dim=pipelines.PROJECTION), "text 2")
        return StableDiffusionXLPipeline(**parts, tokenizer_2=tokenizers[1], text_encoder_2=sparse(other, ids))
    return StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)


# 3. The names of the real sizes.

LEVELS = {"down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",), "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3}
REAL = {
    "sd15": {**LEVELS, "block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768, "attention_head_dim": 8},
    "sd21": {
        **LEVELS,
        "block_out_channels": (320, 640, 1280, 1280),
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
    "sdxl": {
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "transformer_layers_per_block": (1, 2, 10),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}


class Holder:
    """A pipeline's parts."""


def real_names(name):
    with torch.device("meta"):
        held = Holder()
        held.unet = UNet2DConditionModel(**REAL[name])
        held.vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
        )
        held.text_encoder = text_of(1024, "gelu", layers=23) if name == "sd21" else text_of(768, "quick_gelu", layers=12)
        held.text_encoder_2 = text_of(1280, "gelu", layers=32, projection_dim=1280)
        tensors = one_file(held, name == "sdxl", name == "sd21")
    return {original: list(value.shape) for original, value in tensors.items()}, {
        "unet": {new: old for old, new in unet_names(held.unet).items()},
        "vae": {new: old for old, new in vae_names(held.vae).items()},
    }


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for name, of in ONE.items():
        torch.manual_seed(0)
        family = replace(BY_NAME[of], name=name)
        pipeline = small(name, BY_NAME[of])
        held = one_file(pipeline, family.xl, of == "sd21")
        check(pipeline, held, family.xl, of == "sd21")
        extras = {"model_ema.decay": torch.tensor([0.5]), "alphas_cumprod": torch.ones(4)}
        content = save({key: value.contiguous() for key, value in {**held, **extras}.items()})
        (OUT / f"{name}.safetensors.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        with tempfile.TemporaryDirectory() as scratch:
            numbers, description = numbers_of(family, pipeline, Path(scratch) / "difference.safetensors")
        arrays = {key: value.detach().float().contiguous() for key, value in numbers.items()}
        save_file(arrays, OUT / f"{name}.safetensors")
        write_json(OUT / f"{name}.json", description)
        print(name, (OUT / f"{name}.safetensors.gz").stat().st_size, "bytes", flush=True)
    names = {}
    for name in REAL:
        shapes, parts = real_names(name)
        names[name] = {"shapes": shapes, **parts}
        print(name, len(shapes), "names", flush=True)
    (OUT / "names.json.gz").write_bytes(gzip.compress(json.dumps(names).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
