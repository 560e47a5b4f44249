"""Stable Diffusion 3.5 and FLUX.1 in single files, under the names of Stability AI and Black Forest Labs.

Writes test/fixtures/checkpoints/sd3-one.safetensors.gz (text encoders and autoencoder included, as ComfyUI has them) and
flux-one.safetensors.gz (the transformer alone, as it is published; its other parts are those of sd3-one), with the numbers of
NAME.safetensors and NAME.json; and transformer-names.json.gz: of the real sizes, what diffusers' own reader makes of every
original tensor. Takes a folder with CLIP's vocab.json and merges.txt, and
perhaps the word `small`, to leave the names out.
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
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from diffusers.loaders.single_file_utils import (
    convert_flux_transformer_checkpoint_to_diffusers,
    convert_ldm_vae_checkpoint,
    convert_sd3_t5_checkpoint_to_diffusers,
    convert_sd3_transformer_checkpoint_to_diffusers,
)
from safetensors.torch import save, save_file
from transformers import CLIPTextModel, T5Tokenizer

import pipelines
from exports import enliven, seeded
from pipelines import numbers_of, write_json
from single_files import BY_NAME, OUT, sparse, text_of, tokenizer, vae_names

pipelines.WIDTH_3 = 80  # at least the widths of CLIP's two encoders together

# 1. Names: diffusers' → original.

STREAMS = {
    "sd3": {
        "x_block": {
            "attn.to_out.0": "attn.proj",
            "attn.norm_q": "attn.ln_q",
            "attn.norm_k": "attn.ln_k",
            "attn2.to_out.0": "attn2.proj",
            "attn2.norm_q": "attn2.ln_q",
            "attn2.norm_k": "attn2.ln_k",
            "ff.net.0.proj": "mlp.fc1",
            "ff.net.2": "mlp.fc2",
            "norm1.linear": "adaLN_modulation.1",
        },
        "context_block": {
            "attn.to_add_out": "attn.proj",
            "attn.norm_added_q": "attn.ln_q",
            "attn.norm_added_k": "attn.ln_k",
            "ff_context.net.0.proj": "mlp.fc1",
            "ff_context.net.2": "mlp.fc2",
            "norm1_context.linear": "adaLN_modulation.1",
        },
    },
    "flux": {
        "img": {
            "attn.to_out.0": "attn.proj",
            "attn.norm_q": "attn.norm.query_norm",
            "attn.norm_k": "attn.norm.key_norm",
            "ff.net.0.proj": "mlp.0",
            "ff.net.2": "mlp.2",
            "norm1.linear": "mod.lin",
        },
        "txt": {
            "attn.to_add_out": "attn.proj",
            "attn.norm_added_q": "attn.norm.query_norm",
            "attn.norm_added_k": "attn.norm.key_norm",
            "ff_context.net.0.proj": "mlp.0",
            "ff_context.net.2": "mlp.2",
            "norm1_context.linear": "mod.lin",
        },
    },
}
SINGLE = {"norm.linear": "modulation.lin", "attn.norm_q": "norm.query_norm", "attn.norm_k": "norm.key_norm", "proj_out": "linear2"}
FIXED = {
    "sd3": {
        "pos_embed": "pos_embed",
        "pos_embed.proj": "x_embedder.proj",
        "context_embedder": "context_embedder",
        "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
        "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    },
    "flux": {
        "x_embedder": "img_in",
        "context_embedder": "txt_in",
        "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
        "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
        "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
        "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
        "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
        "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    },
}
LAST = {"proj_out": "final_layer.linear", "norm_out.linear": "final_layer.adaLN_modulation.1"}


def swapped(value):
    return torch.cat(value.chunk(2)[::-1])


def original(state, family):
    found = {}
    blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("transformer_blocks"))
    for name, value in state.items():
        stem, kind = name.rsplit(".", 1)
        block = re.fullmatch(r"(single_)?transformer_blocks\.(\d+)\.(.*)", stem)
        if not block:
            if name == "pos_embed.pos_embed":
                found["pos_embed"] = value
            else:
                value = swapped(value) if stem == "norm_out.linear" else value
                found[f"{(FIXED[family] | LAST)[stem]}.{kind}"] = value
            continue
        single, index, inner = block.groups()
        prefix = name[: name.index(inner)]
        if single:
            prefix_new = f"single_blocks.{index}."
            if inner == "attn.to_q":
                parts = [state[f"{prefix}{each}.{kind}"] for each in ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")]
                found[f"{prefix_new}linear1.{kind}"] = torch.cat(parts)
            elif inner in SINGLE:
                found[f"{prefix_new}{SINGLE[inner]}.{'scale' if 'norm_' in inner else kind}"] = value
            continue
        for stream, names in STREAMS[family].items():
            new = f"joint_blocks.{index}.{stream}." if family == "sd3" else f"double_blocks.{index}.{stream}_"
            first = {"x_block": "to_{}", "img": "to_{}", "context_block": "add_{}_proj", "txt": "add_{}_proj"}[stream]
            own = inner.split(".")[0]
            if inner == f"{own}.{first.format('q')}":
                parts = [state[f"{prefix}{own}.{first.format(each)}.{kind}"] for each in "qkv"]
                found[f"{new}{own}.qkv.{kind}"] = torch.cat(parts)
            elif inner in names:
                is_last = family == "sd3" and stream == "context_block" and int(index) == blocks - 1
                value = swapped(value) if is_last and inner == "norm1_context.linear" else value
                is_norm = family == "flux" and ".norm_" in inner
                found[f"{new}{names[inner]}.{'scale' if is_norm else kind}"] = value
    return found


CONVERT = {"sd3": convert_sd3_transformer_checkpoint_to_diffusers, "flux": convert_flux_transformer_checkpoint_to_diffusers}


def same(found, expected):
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name].reshape(value.shape), value), name


# 2. The real sizes: every row is a number of its own, so that it is known where it came from.

REAL = {
    "sd3-medium": ("sd3", SD3Transformer2DModel, {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "joint_attention_dim": 4096, "pooled_projection_dim": 2048, "pos_embed_max_size": 192, "out_channels": 16}),
    "sd3.5-medium": ("sd3", SD3Transformer2DModel, {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "joint_attention_dim": 4096, "pooled_projection_dim": 2048, "pos_embed_max_size": 384, "out_channels": 16, "qk_norm": "rms_norm", "dual_attention_layers": tuple(range(13))}),
    "sd3.5-large": ("sd3", SD3Transformer2DModel, {"num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432, "joint_attention_dim": 4096, "pooled_projection_dim": 2048, "pos_embed_max_size": 192, "out_channels": 16, "qk_norm": "rms_norm"}),
    "flux-dev": ("flux", FluxTransformer2DModel, {"guidance_embeds": True}),
    "flux-schnell": ("flux", FluxTransformer2DModel, {}),
}


def names_of(family, kind, config):
    with torch.device("meta"):
        shapes = {name: list(value.shape) for name, value in kind(**config).state_dict().items()}
    if family == "sd3":
        shapes["pos_embed.pos_embed"][1] = config["pos_embed_max_size"] ** 2
    start, state = 0, {}
    for name, shape in shapes.items():
        rows = shape[0]
        state[name] = torch.arange(start, start + rows).reshape(rows, *[1] * (len(shape) - 1))
        start += rows
    held = original(state, family)
    if family == "sd3":  # that reader asks the width of this one
        held["context_embedder.weight"] = held["context_embedder.weight"].expand(-1, 1)
    same(CONVERT[family]({f"model.diffusion_model.{name}": value for name, value in held.items()}), state)
    owner = {}
    for name, value in state.items():
        owner |= {int(row): (name, index) for index, row in enumerate(value.flatten())}
    known = {}
    for name, value in held.items():
        rows = value.flatten().tolist()
        parts, at = [], 0
        while at < len(rows):
            of, index = owner[rows[at]]
            count = next((n for n in range(1, len(rows) - at) if owner[rows[at + n]] != (of, index + n)), len(rows) - at)
            parts.append([of, index, count])
            at += count
        known[name] = {"dims": [len(rows), *shapes[parts[0][0]][1:]], "parts": parts}
    return known


# 3. The small pipelines.


def small_sd3(name, family):
    def lively(module, part):
        return enliven(module, seeded(f"{name} {part}")).half()

    transformer = SD3Transformer2DModel(
        sample_size=8,
        in_channels=16,
        out_channels=16,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=pipelines.WIDTH_3,
        caption_projection_dim=32,
        pooled_projection_dim=sum(family.projections),
        pos_embed_max_size=12,
        **family.unet,
    )
    tokenizers = [tokenizer("<|endoftext|>"), tokenizer("!")]
    words = [pipelines.PROMPT, f"{pipelines.LEARNED_BEHIND}, ,", "", "!"]
    ids = sorted({id for text in words for each in tokenizers for id in each(text).input_ids} | {0})
    one, other = family.projections
    return StableDiffusion3Pipeline(
        tokenizer=tokenizers[0],
        text_encoder=sparse(lively(text_of(32, "quick_gelu", projection_dim=one), "text"), ids),
        tokenizer_2=tokenizers[1],
        text_encoder_2=sparse(lively(text_of(40, "gelu", projection_dim=other), "text 2"), ids),
        tokenizer_3=T5Tokenizer.from_pretrained(pipelines.TOKENIZERS / "t5"),
        text_encoder_3=lively(pipelines.t5(), "text 3"),
        transformer=lively(transformer, "transformer"),
        vae=lively(vae_of(family), "vae"),
        scheduler=FlowMatchEulerDiscreteScheduler.from_config(family.scheduler),
    )


def vae_of(family):
    return AutoencoderKL(
        sample_size=16,
        latent_channels=16,
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=32,
        layers_per_block=1,
        **family.vae,
    )


def small_flux(name, family, sd3):
    transformer = FluxTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=32,
        num_attention_heads=1,
        joint_attention_dim=pipelines.WIDTH_3,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 14, 14),
        guidance_embeds=True,
    )
    vae, clip = vae_of(family), CLIPTextModel(sd3.text_encoder.config)
    vae.load_state_dict(sd3.vae.state_dict())
    state = {key: value for key, value in sd3.text_encoder.state_dict().items() if key != "text_projection.weight"}
    prefix = next(iter(clip.state_dict())).startswith("text_model.")
    clip.load_state_dict({key if prefix else key.removeprefix("text_model."): value for key, value in state.items()})
    return FluxPipeline(
        tokenizer=tokenizer("<|endoftext|>"),  # one without the tokens that diffusers adds
        text_encoder=clip.eval().requires_grad_(False),
        tokenizer_2=sd3.tokenizer_3,
        text_encoder_2=sd3.text_encoder_3,
        transformer=enliven(transformer, seeded(f"{name} transformer")).half(),
        vae=vae.eval().requires_grad_(False),
        scheduler=FlowMatchEulerDiscreteScheduler.from_config(family.scheduler),
    )


def one_file(pipeline):
    """As ComfyUI has it."""
    vae_state = pipeline.vae.state_dict()
    vae = {f"first_stage_model.{new}": vae_state[old] for old, new in vae_names(pipeline.vae).items()}
    vae = {key: value.reshape(*value.shape, 1, 1) if re.search(r"attn_1\.[qkvp]\w*\.weight$", key) else value for key, value in vae.items()}
    same(convert_ldm_vae_checkpoint(dict(vae), pipeline.vae.config), vae_state)
    transformer = pipeline.transformer.state_dict()
    held = {f"model.diffusion_model.{key}": value for key, value in original(transformer, "sd3").items()}
    same(CONVERT["sd3"](dict(held)), transformer)
    encoders = {}
    for prefix, module in (("clip_l", pipeline.text_encoder), ("clip_g", pipeline.text_encoder_2)):
        for key, value in module.state_dict().items():
            own = key if key.startswith("text_") else f"text_model.{key}"
            encoders[f"text_encoders.{prefix}.transformer.{own}"] = value
        encoders[f"text_encoders.{prefix}.logit_scale"] = torch.tensor(4.6)
    t5 = pipeline.text_encoder_3.state_dict()
    encoders |= {f"text_encoders.t5xxl.transformer.{key}": t5[key] for key in t5 if key != "encoder.embed_tokens.weight"}
    assert convert_sd3_t5_checkpoint_to_diffusers(encoders).keys() <= t5.keys()
    return {**held, **vae, **encoders}


def write(name, family, pipeline, held):
    content = save({key: value.contiguous() for key, value in held.items()})
    (OUT / f"{name}.safetensors.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    with tempfile.TemporaryDirectory() as scratch:
        numbers, description = numbers_of(replace(family, name=name), pipeline, Path(scratch) / "difference.safetensors")
    save_file({key: value.detach().float().contiguous() for key, value in numbers.items()}, OUT / f"{name}.safetensors")
    write_json(OUT / f"{name}.json", description)
    print(name, (OUT / f"{name}.safetensors.gz").stat().st_size, "bytes; PyTorch's own error", description["errorOfPyTorch"], flush=True)


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    if "small" not in sys.argv[2:]:
        names = {name: names_of(*of) for name, of in REAL.items()}
        packed = gzip.compress(json.dumps(names, separators=(",", ":")).encode(), 9, mtime=0)
        (OUT / "transformer-names.json.gz").write_bytes(packed)
        print({name: len(known) for name, known in names.items()}, len(packed), "bytes", flush=True)
    torch.manual_seed(0)
    sd3 = small_sd3("sd3-one", BY_NAME["sd3"])
    held = one_file(sd3)
    flux = small_flux("flux-one", BY_NAME["flux"], sd3)
    transformer = original(flux.transformer.state_dict(), "flux")
    write("sd3-one", BY_NAME["sd3"], sd3, held)
    write("flux-one", BY_NAME["flux"], flux, transformer)


if __name__ == "__main__":
    main()
