"""Writes the trained weights as ONNX in the diffusers layout: python export.py --work WORK --tokenizer DIR --phrases FILE --out models/emoji

Weights lie on disk as float16 behind a Cast, so that the graph computes in float32.
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

import layers
from data import CHANNELS, GRID, SIDE, TOKENS, Components, Tokenizer
from decoder import load_decoder
from mean_picture import MeanPicture
from pool import load_text
from networks import (
    BETA_END, BETA_START, POOLED_WIDTH, TEXT_WIDTH, TRAIN_TIMESTEPS, ExportedUNet, ImageEncoder, PatchEncoder, Residual, UNet,
)

OPSET = 17
KNOWS = "emoji: one or two things in a few drawing styles on plain backgrounds, and no photographs"


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


def load_unet(work):
    """Mean picture and the averaged residual network, in float32."""
    saved = torch.load(Path(work) / "residual.pt", weights_only=True)
    mean_picture, residual = MeanPicture(), Residual()
    mean_picture.load_state_dict(torch.load(Path(work) / "mean.pt", weights_only=True)["mean_picture"])
    parameters = list(residual.parameters())
    for chosen, group in zip(([p for p in parameters if p.ndim >= 2], [p for p in parameters if p.ndim < 2]), saved["flat"]["groups"]):
        for p, values in zip(chosen, group["averaged"].split([p.numel() for p in chosen])):
            p.data = values.view(p.shape).clone()
    print("step", saved["step"], "seconds", round(saved["seconds"]))
    return UNet(mean_picture, residual, saved["variances"]).eval()


def load_image_encoder(work):
    encoder = ImageEncoder()
    encoder.load_state_dict(torch.load(Path(work) / "image.pt", weights_only=True)["image"])
    return encoder.eval()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--tokenizer", required=True, help="folder of the tokenizer; copied to the model's")
    parser.add_argument("--phrases", required=True, help="the captioner's phrase bank; copied to the model's")
    parser.add_argument("--out", required=True)
    parser.add_argument("--only", help="the one network to write anew, such as image_encoder; the others stay")
    options = parser.parse_args()
    torch.manual_seed(0)
    out, tokenizer = Path(options.out), Tokenizer(options.tokenizer)
    shutil.copytree(options.tokenizer, out / "tokenizer", dirs_exist_ok=True)
    (out / "captioner").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(options.phrases, out / "captioner" / "phrases.json")

    ids = torch.tensor([tokenizer("a dog"), tokenizer("a cat, flat style")])
    latents, text, pooled = torch.randn(2, CHANNELS, GRID, GRID), torch.randn(2, TOKENS, TEXT_WIDTH), torch.randn(2, POOLED_WIDTH)
    pixels = torch.randn(2, 3, SIDE, SIDE)
    layers.exporting = True
    networks = {
        "text_encoder": lambda: (TextOutputs(load_text(options.work, tokenizer)), (ids,), ["input_ids"], ["text_embeds", "last_hidden_state"]),
        "unet": lambda: (ExportedUNet(load_unet(options.work)), (latents, torch.tensor([3, 7]), text, pooled), ["sample", "timestep", "encoder_hidden_states", "text_embeds"], ["out_sample"]),
        "image_encoder": lambda: (load_image_encoder(options.work), (pixels,), ["pixel_values"], ["image_embeds"]),
        "vae_encoder": lambda: (PatchEncoder(Components.load(options.work)), (pixels,), ["sample"], ["latent_parameters"]),
        "vae_decoder": lambda: (load_decoder(options.work), (latents,), ["latent_sample"], ["sample"]),
    }
    for name, network in networks.items():
        if options.only in (None, name):
            module, arguments, inputs, outputs = network()
            export(module, arguments, out / name, inputs, outputs, half=name != "vae_encoder")
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
        "side": SIDE,
        "description": f"Emoji in five drawing styles at {SIDE} px; made for isto, ships with it",
        "knows": KNOWS,
        "licence": "MIT (weights); trained on Noto Emoji (Apache-2.0), Fluent Emoji (MIT) and Twemoji (CC BY 4.0), see README.md",
        "files": [{"path": str(p.relative_to(out)), "bytes": p.stat().st_size, "sha256": hashlib.sha256(p.read_bytes()).hexdigest()} for p in files],
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print(sum(f["bytes"] for f in manifest["files"]) / 2**20, "MiB")


if __name__ == "__main__":
    main()
