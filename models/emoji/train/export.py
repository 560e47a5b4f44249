"""Writes the averaged weights as ONNX in the diffusers layout: python export.py --work DIR --out models/emoji [--tokenizer DIR]

The tokenizer is the one that the weights were trained with, and lies in the model's folder unless told. Weights lie on disk as
float16 behind a Cast, so that the graph computes in float32.
"""
import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from networks import BETA_END, BETA_START, LATENT_CHANNELS, PATCH, TOKENS, TRAIN_TIMESTEPS, PatchDecoder, PatchEncoder, Tokenizer, build

OPSET = 17


class TextOutputs(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids):
        output = self.encoder(input_ids=input_ids)
        return output.text_embeds, output.last_hidden_state


def halve(model):
    """Large float32 initializers become float16 followed by a Cast."""
    casts = []
    for index, initializer in enumerate(model.graph.initializer):
        if initializer.data_type != onnx.TensorProto.FLOAT or np.prod(initializer.dims) < 1024:
            continue
        half = numpy_helper.from_array(numpy_helper.to_array(initializer).astype(np.float16), initializer.name + ".half")
        casts.append(helper.make_node("Cast", [half.name], [initializer.name], name=initializer.name + ".cast", to=onnx.TensorProto.FLOAT))
        model.graph.initializer[index].CopyFrom(half)
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def export(module, arguments, folder, inputs, outputs, half=True):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    axes = {name: {0: "batch"} for name in [*inputs, *outputs]}
    with torch.no_grad():
        torch.onnx.export(module.eval(), arguments, path, input_names=inputs, output_names=outputs, dynamic_axes=axes, opset_version=OPSET, dynamo=False)
    model = onnx.load(path)
    if half:
        halve(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def components_of(work):
    """The autoencoder's principal components, from the checkpoint or, before there is one, from what was prepared for it."""
    for name in ("checkpoint.pt", "prepared.pt"):
        path = Path(work) / name
        saved = torch.load(path, weights_only=True, mmap=True) if path.exists() else {}
        if "pca" in saved:
            return {name: value.clone() for name, value in saved["pca"].items()}
    raise FileNotFoundError(f"Expected {work} to hold checkpoint.pt or prepared.pt with principal components")


def decoder_of(work, pca, side):
    weight = (pca["directions"] / pca["scales"][:, None]).reshape(LATENT_CHANNELS, 3, 8, 8)
    decoder = PatchDecoder(weight, pca["mean"].reshape(3, 8, 8), side)
    repaired = Path(work) / "decoder.pt"
    if repaired.exists():
        decoder.load_state_dict(torch.load(repaired, weights_only=True))
    return decoder


def encoder_of(pca):
    rows = pca["directions"] * pca["scales"][:, None]
    return PatchEncoder(rows.reshape(LATENT_CHANNELS, 3, 8, 8), -(rows @ pca["mean"]))


def averaged(work, tokenizer):
    """The averaged networks, and the side of their pictures."""
    saved = torch.load(Path(work) / "checkpoint.pt", weights_only=True, mmap=True)
    if saved["vocab"] != tokenizer.vocab:
        raise ValueError("Expected the tokenizer that the checkpoint was trained with, got one of other words")
    sizes = saved.get("sizes", {"side": 64})
    networks = build(tokenizer, **sizes)
    networks.load_state_dict(saved["average"])
    print("step", saved["step"], "minutes", round(saved["seconds"] / 60, 1))
    return networks.eval(), sizes["side"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--tokenizer", help="folder of the tokenizer; copied to the model's")
    options = parser.parse_args()
    out = Path(options.out)
    if options.tokenizer:
        shutil.copytree(options.tokenizer, out / "tokenizer", dirs_exist_ok=True)
    tokenizer = Tokenizer(out / "tokenizer")
    networks, side = averaged(options.work, tokenizer)
    pca = components_of(options.work)

    ids = torch.tensor([tokenizer("a dog"), tokenizer("a cat, flat style")])
    latents, text, pooled = torch.randn(2, LATENT_CHANNELS, side // PATCH, side // PATCH), torch.randn(2, TOKENS, 192), torch.randn(2, 256)
    pixels = torch.randn(2, 3, side, side)
    export(TextOutputs(networks["text"]), (ids,), out / "text_encoder", ["input_ids"], ["text_embeds", "last_hidden_state"])
    export(networks["unet"], (latents, torch.tensor([3, 7]), text, pooled), out / "unet", ["sample", "timestep", "encoder_hidden_states", "text_embeds"], ["out_sample"])
    export(networks["image"], (pixels,), out / "image_encoder", ["pixel_values"], ["image_embeds"])
    export(encoder_of(pca), (pixels,), out / "vae_encoder", ["sample"], ["latent_parameters"], half=False)
    export(decoder_of(options.work, pca, side), (latents,), out / "vae_decoder", ["latent_sample"], ["sample"])
    scheduler = {
        "_class_name": "DDIMScheduler", "num_train_timesteps": TRAIN_TIMESTEPS, "beta_start": BETA_START, "beta_end": BETA_END, "beta_schedule": "scaled_linear",
        "prediction_type": "v_prediction", "set_alpha_to_one": True, "steps_offset": 0, "timestep_spacing": "trailing", "clip_sample": False,
    }
    (out / "scheduler").mkdir(exist_ok=True)
    (out / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler, indent=2) + "\n")
    (out / "vae_decoder" / "config.json").write_text(json.dumps({"scaling_factor": 1.0}, indent=2) + "\n")

    files = sorted(p for p in out.rglob("*") if p.is_file() and p.suffix in {".onnx", ".json", ".txt"} and "train" not in p.parts and p.name != "manifest.json")
    manifest = {
        "name": "emoji",
        "side": side,
        "description": f"Emoji in four drawing styles at {side} px; made for isto, ships with it",
        "licence": "MIT (weights); trained on Noto Emoji (Apache-2.0) and Fluent Emoji (MIT), see README.md",
        "files": [{"path": str(p.relative_to(out)), "bytes": p.stat().st_size, "sha256": hashlib.sha256(p.read_bytes()).hexdigest()} for p in files],
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print(sum(f["bytes"] for f in manifest["files"]) / 2**20, "MiB")


if __name__ == "__main__":
    main()
