"""A classifier of its own, to grade what the model draws: python classifier.py --data FOLDER,… --work WORK --seconds 600

It never sees the diffusion model. A fifth of its pictures pass through the linear autoencoder, with some of the noise that
sampling leaves, so that softness is not a clue. Resumes from WORK/classifier.pt; the learning rate follows the seconds that the
processor worked, over all runs.
"""
import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from data import Classes, Components, floats, labels_of, load_pictures
from networks import ImageBlock, convolved

BATCH, RATE = 64, 1.5e-3
SHIFT = 2  # pixels that a picture is moved by at most, in training


class Classifier(nn.Module):
    """pixels [n, 3, 128, 128] in −1…1 → logarithms of probabilities [n, classes] of each attribute, and features [n, 256]."""

    def __init__(self, classes, width=48):
        super().__init__()
        self.body = nn.Sequential(
            convolved(3, 24, 4, 4), convolved(24, width, 3, 2), ImageBlock(width),
            convolved(width, 2 * width, 2, 2), ImageBlock(2 * width), convolved(2 * width, 256, 2, 2), ImageBlock(256),
        )
        self.thin = nn.Conv2d(256, 48, 1)
        read = 48 * 16 + 256  # what is where, and what is anywhere
        self.heads = nn.ModuleDict({name: nn.Linear(read, len(names)) for name, names in classes.items()})

    def forward(self, pixels):
        maps = self.body(pixels)
        read = torch.cat([self.thin(maps).flatten(1), maps.amax((2, 3))], 1)
        return {name: head(read).float().log_softmax(1) for name, head in self.heads.items()}, maps.mean((2, 3)).float()


def legible(name, scene):
    """Whether an attribute can be told from the picture at all; what can't is neither learnt nor graded.

    - background and what it fades to or lies between: not under greyscale or sepia, where many look alike;
    - size and place: not beside a companion, where they mean nothing;
    - skin tone and own colours turned: not under greyscale or sepia;
    - in a few blocks, a thing that doesn't fill the picture can't be told, nor anything about it.
    Where there are two things, those of the left one count.
    """
    grey = scene["treatment"] in ("greyscale", "sepia")
    two = scene["beside"] != "none"
    if grey and name in ("background", "second colour", "tone", "recoloured"):
        return False
    if name in ("size", "across", "down"):
        return not two
    coarse = scene["treatment"] == "pixelated" and (two or scene["size"] not in ("large", "fairly large"))
    return not coarse or name in ("treatment", "frame", "frame width", "background", "second colour")


def targets_of(scenes, classes):
    """Numbers [n] of each attribute, −100 where it isn't legible or not among the classes."""
    index = {name: {value: number for number, value in enumerate(values)} for name, values in classes.items()}
    return {
        name: torch.tensor([index[name].get(scene[name], -100) if legible(name, scene) else -100 for scene in scenes]) for name in classes}


def shifted(pictures, random):
    """Each picture moved by up to two pixels both ways; its edge is repeated."""
    side = pictures.shape[1]
    wide = np.pad(pictures, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    moves = random.integers(0, 2 * SHIFT + 1, (len(pictures), 2))
    return np.stack([picture[y : y + side, x : x + side] for picture, (y, x) in zip(wide, moves)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="folders with pictures, separated by commas")
    parser.add_argument("--work", required=True, help="folder of components.pt and classes.json; classifier.pt is written there")
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    folders = options.data.split(",")
    classes, components = Classes.load(options.work).values, Components.load(options.work)
    pictures = [load_pictures(folder) for folder in folders]
    targets = [targets_of(labels_of(folder), classes) for folder in folders]
    model = Classifier(classes).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.02, fused=True)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    path, step, worked = Path(options.work) / "classifier.pt", 0, 0.0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"]), optimizer.load_state_dict(saved["optimizer"])
        average, step, worked = saved["average"], saved["step"], saved["seconds"]
    random, total, tick = np.random.default_rng(step), 0.0, time.process_time()
    share = np.array([len(each) for each in pictures]) / sum(len(each) for each in pictures)

    def save():
        state = {"classes": classes, "model": model.state_dict(), "average": average, "optimizer": optimizer.state_dict()}
        torch.save({**state, "step": step, "seconds": worked}, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    while (progress := worked / options.seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
        folder = random.choice(len(folders), p=share)
        rows = np.sort(random.integers(0, len(pictures[folder]), BATCH))
        moved = shifted(pictures[folder][rows], random)
        pixels, through = floats(moved), torch.randperm(BATCH)[: BATCH // 5]
        latents = components.encode(moved[through.numpy()])
        pixels[through] = components.decode(latents + 0.1 * torch.rand(len(latents), 1, 1) * torch.randn_like(latents)).clamp(-1, 1)
        pixels += 0.05 * torch.rand(BATCH, 1, 1, 1) * torch.randn_like(pixels)
        with torch.autocast("cpu", torch.bfloat16):
            outputs, _ = model(pixels.contiguous(memory_format=torch.channels_last))
        each = [F.nll_loss(outputs[name], targets[folder][name][rows]) for name in classes if (targets[folder][name][rows] >= 0).any()]
        loss = sum(each)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay = min(0.997, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                average[name].lerp_(value, 1 - decay) if value.is_floating_point() else average[name].copy_(value)
        step, total = step + 1, total + loss.item()
        now = time.process_time()
        worked, tick = worked + now - tick, now
        if step % 200 == 0:
            print(f"step {step} seconds {worked:.0f} loss {total / 200:.3f}", flush=True)
            total = 0.0
            save()
    save()


def load_classifier(work):
    """The averaged classifier, and the names of its classes."""
    saved = torch.load(Path(work) / "classifier.pt", weights_only=True)
    model = Classifier(saved["classes"])
    model.load_state_dict(saved["average"])
    return model.eval(), saved["classes"]


if __name__ == "__main__":
    main()
