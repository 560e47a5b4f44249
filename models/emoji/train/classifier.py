"""A classifier of its own, to grade what the model draws: python classifier.py --data DIR --work DIR --minutes 5

It never sees the diffusion model. A fifth of its pictures pass through the autoencoder, so that softness is not a clue.
"""
import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from export import decoder_of
from networks import ImageBlock
from train import encode, load_pictures

ATTRIBUTES = ["thing", "style", "background", "size", "position", "turn", "mirrored", "treatment", "frame"]


class Classifier(nn.Module):
    def __init__(self, classes, width=64):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 4, 4), ImageBlock(width), nn.Conv2d(width, 2 * width, 2, 2), ImageBlock(2 * width), ImageBlock(2 * width),
            nn.Conv2d(2 * width, 4 * width, 2, 2), ImageBlock(4 * width), ImageBlock(4 * width),
        )
        self.norm = nn.LayerNorm(4 * width)
        self.heads = nn.ModuleDict({name: nn.Linear(4 * width * 16, len(names)) for name, names in classes.items()})

    def forward(self, pixels):
        features = self.norm(self.body(pixels).flatten(2).transpose(1, 2)).flatten(1)
        return {name: head(features) for name, head in self.heads.items()}


def labels_of(folder):
    """Names of the classes of each attribute, and [n] indices. A tint counts as a treatment of its own."""
    scenes = [json.loads(line) for line in (Path(folder) / "scenes.jsonl").read_text().splitlines()]
    for scene in scenes:
        if scene["treatment"] == "tinted":
            scene["treatment"] = "tinted " + scene["tint"]
    classes = {name: sorted({str(scene[name]) for scene in scenes}) for name in ATTRIBUTES}
    return classes, scenes


def indices(scenes, classes):
    return {name: torch.tensor([classes[name].index(str(scene[name])) for scene in scenes]) for name in classes}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    pictures = load_pictures(options.data)
    classes, scenes = labels_of(options.data)
    targets = indices(scenes, classes)
    prepared = torch.load(Path(options.work) / "prepared.pt", weights_only=True, mmap=True)
    latents, decoder = prepared["latents"], decoder_of(options.work, prepared["pca"]).requires_grad_(False)
    model = Classifier(classes).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02, fused=True)
    start, step, total = time.time(), 0, 0.0
    while (progress := (time.time() - start) / (options.minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * progress)) + 1e-5
        rows = torch.randint(0, len(pictures), (128,))
        pixels = torch.from_numpy(pictures[rows.numpy()]).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            pixels[:24] = decoder(latents[rows[:24]].float().contiguous(memory_format=torch.channels_last)).float().clamp(-1, 1)
        pixels = (pixels + 0.05 * torch.rand(128, 1, 1, 1) * torch.randn_like(pixels)).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            outputs = model(pixels)
        loss = sum(F.cross_entropy(outputs[name].float(), targets[name][rows], label_smoothing=0.02) for name in classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step, total = step + 1, total + loss.item()
        if step % 100 == 0:
            print(f"step {step} loss {total / 100:.3f}", flush=True)
            total = 0.0
    torch.save({"classes": classes, "model": model.state_dict()}, Path(options.work) / "classifier.pt")


def load_classifier(work):
    saved = torch.load(Path(work) / "classifier.pt", weights_only=True)
    model = Classifier(saved["classes"])
    model.load_state_dict(saved["model"])
    return model.eval(), saved["classes"]


if __name__ == "__main__":
    main()
