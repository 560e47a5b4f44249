"""Whole model folders at the real sizes, with random weights, as optimum exports them: what is too large to be kept.

    python full_size.py sd15 FOLDER     Stable Diffusion 1.5 (860 M parameters in its UNet)
    python full_size.py sdxl FOLDER     Stable Diffusion XL base (2,570 M)

Weights are float32 and PyTorch's own initial ones, seed 0; `--half` stores and declares all as float16. `--single FILE` also
writes them in float16 into one file under their original names, and `--only-single` nothing else. The tokenizers are the small ones of the fixtures. SDXL is exported in float16 and widened on disk, for which 12 GB of memory are enough; it takes
16 GB on disk.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from pipelines import BETAS, TOKENIZERS, Wrapped, unet_call, write_json
from single_files import Holder, one_file

LENGTH = 77
only_single = False
UNETS = {
    "sd15": {
        "sample_size": 64,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
    },
    "sdxl": {
        "sample_size": 128,
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}
VIT_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
BIG_G = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20}
SCHEDULER = {"_class_name": "DDIMScheduler", **BETAS, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}


def export(path, module, call, inputs, outputs, axes):
    """One graph and, beside it, one file of weights."""
    if only_single:
        return
    path.parent.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch, torch.no_grad():
        first = str(Path(scratch) / "model.onnx")  # A path object is refused above 2 GB.
        torch.onnx.export(
            Wrapped(module, call),
            tuple(inputs.values()),
            first,
            dynamo=False,
            input_names=list(inputs),
            output_names=outputs,
            opset_version=17,
            dynamic_axes=axes,
        )
        model = onnx.load(first)
        onnx.save(model, path, save_as_external_data=True, location="model.onnx_data", size_threshold=1024)
    config = module.config.to_dict() if hasattr(module.config, "to_dict") else dict(module.config)
    write_json(path.parent / "config.json", config)


def widen(path):
    """float16 to float32, in the graph and, a tensor at a time, on disk."""
    half, full = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    model = onnx.load(path, load_external_data=False)
    source, target = path.parent / "model.onnx_data", path.parent / "wide"

    def widen_tensor(tensor):
        if tensor.data_type != half:
            return
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            values = np.memmap(source, np.float16, "r", int(place["offset"]), (int(place["length"]) // 2,))
            offset = out.tell()
            out.write(values.astype(np.float32).tobytes())
            for entry in tensor.external_data:
                entry.value = {"offset": str(offset), "length": str(out.tell() - offset)}.get(entry.key, entry.value)
        else:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
        tensor.data_type = full

    with target.open("wb") as out:
        for tensor in model.graph.initializer:
            widen_tensor(tensor)
        for node in model.graph.node:
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.name == "to" and attribute.i == half:
                    attribute.i = full
                if attribute.HasField("t"):
                    widen_tensor(attribute.t)
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        if value.type.tensor_type.elem_type == half:
            value.type.tensor_type.elem_type = full
    target.replace(source)
    onnx.save(model, path)


def write_unet(family, folder, wanted):
    dtype = torch.float16 if family == "sdxl" else wanted
    torch.set_default_dtype(dtype)
    unet = UNet2DConditionModel(**UNETS[family]).eval()
    torch.set_default_dtype(torch.float32)
    side = 8  # Open sizes: the smallest is exported soonest.
    inputs = {
        "sample": torch.randn(2, 4, side, side, dtype=dtype),
        "timestep": torch.tensor([601]),
        "encoder_hidden_states": torch.randn(2, LENGTH, unet.config.cross_attention_dim, dtype=dtype),
    }
    axes = {
        "sample": {0: "batch_size", 2: "height", 3: "width"},
        "timestep": {0: "steps"},
        "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"},
    }
    if family == "sdxl":
        inputs |= {"text_embeds": torch.randn(2, 1280, dtype=dtype), "time_ids": torch.ones(2, 6, dtype=dtype)}
        axes |= {"text_embeds": {0: "batch_size"}, "time_ids": {0: "batch_size"}}
    export(folder / "unet" / "model.onnx", unet, unet_call, inputs, ["out_sample"], axes)
    if dtype != wanted and not only_single:
        widen(folder / "unet" / "model.onnx")
    return unet


def write_text(folder, suffix, sizes, dtype, projection=None):
    config = CLIPTextConfig(**sizes, hidden_act="quick_gelu" if not projection else "gelu", bos_token_id=712, eos_token_id=713, pad_token_id=713)
    if projection:
        config.projection_dim = projection
    text = (CLIPTextModelWithProjection if projection else CLIPTextModel)._from_config(config).to(dtype).eval()
    outputs = ["text_embeds" if projection else "pooler_output", "last_hidden_state"]
    states = [f"hidden_states.{layer}" for layer in range(sizes["num_hidden_layers"] + 1)]

    def call(module, ids):
        out = module(ids, output_hidden_states=True)
        return out.text_embeds if projection else out.pooler_output, out.last_hidden_state, *out.hidden_states

    axes = {"input_ids": {0: "batch_size", 1: "sequence_length"}}
    ids = {"input_ids": torch.full((1, LENGTH), 713)}
    export(folder / f"text_encoder{suffix}" / "model.onnx", text, call, ids, outputs + states, axes)
    if not only_single:
        shutil.copytree(TOKENIZERS / ("bang-pad" if suffix else "eos-pad"), folder / f"tokenizer{suffix}")
    return text


def write_vae(folder, scaling_factor, dtype):
    vae = AutoencoderKL(**VAE, scaling_factor=scaling_factor).to(dtype).eval()
    picture = {0: "batch_size", 2: "height", 3: "width"}
    for part, call, name, inputs, output in [
        ("vae_encoder", lambda vae, sample: vae.encode(sample).latent_dist.parameters, "sample", torch.randn(1, 3, 64, 64, dtype=dtype), "latent_parameters"),
        ("vae_decoder", lambda vae, sample: vae.decode(sample, return_dict=False), "latent_sample", torch.randn(1, 4, 8, 8, dtype=dtype), "sample"),
    ]:
        export(folder / part / "model.onnx", vae, call, {name: inputs}, [output], {name: picture})
    return vae


def write_single(path, held, is_xl):
    tensors = one_file(held, is_xl, False)
    save_file({name: value.detach().half().contiguous() for name, value in tensors.items()}, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=UNETS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", action="store_true")
    parser.add_argument("--only-unet", action="store_true")
    parser.add_argument("--single", type=Path)
    parser.add_argument("--only-single", action="store_true")
    arguments = parser.parse_args()
    global only_single
    only_single = arguments.only_single
    dtype = torch.float16 if arguments.half else torch.float32
    torch.manual_seed(0)
    folder, is_xl = arguments.folder, arguments.family == "sdxl"
    held = Holder()
    held.unet = write_unet(arguments.family, folder, dtype)
    if not only_single:
        write_json(folder / "model_index.json", {"_class_name": "StableDiffusionXLPipeline" if is_xl else "StableDiffusionPipeline"})
        write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    if arguments.only_unet:
        return
    held.text_encoder = write_text(folder, "", VIT_L, dtype)
    if is_xl:
        held.text_encoder_2 = write_text(folder, "_2", BIG_G, dtype, projection=1280)
    held.vae = write_vae(folder, 0.13025 if is_xl else 0.18215, dtype)
    if arguments.single:
        write_single(arguments.single, held, is_xl)


if __name__ == "__main__":
    main()
