"""A classifier of its own, to grade what the model draws: python classifier.py --data DIR --work DIR --minutes 15

It never sees the diffusion model. A fifth of its pictures pass through the autoencoder, with some of the noise that sampling
leaves, so that softness is not a clue. Resumes from WORK/classifier.pt; the learning rate follows the minutes trained so far,
over all runs.
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

from export import components_of, decoder_of
from train import encode, load_pictures

ATTRIBUTES = ["thing", "style", "background", "size", "position", "turn", "mirrored", "treatment", "frame", "tone", "shadow", "beside"]
SHIFT = 2  # pixels that a picture is moved by at most, in training


def block(width_in, width, kernel, stride):
    padding = (kernel - stride + 1) // 2
    return nn.Sequential(nn.Conv2d(width_in, width, kernel, stride, padding, bias=False), nn.BatchNorm2d(width), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = block(width, width, 3, 1)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class Classifier(nn.Module):
    """pixels [n, 3, 64, 64] in −1…1 → log-probabilities [n, classes] of each attribute, and features [n, 256].

    Thing and style are read off together, as one of all icons: what tells flat from glossy is another thing in every thing.
    """

    def __init__(self, classes, side=64, width=64):
        super().__init__()
        self.body = nn.Sequential(
            block(3, 24, 4, 2), block(24, width, 3, 2), Residual(width),
            block(width, 2 * width, 2, 2), Residual(2 * width), block(2 * width, 4 * width, 2, 2), Residual(4 * width),
        )
        read = 4 * width * ((side // 16) ** 2 + 1)  # what is where, and what is anywhere
        self.heads = nn.ModuleDict({name: nn.Linear(read, len(names)) for name, names in classes.items()})
        self.together = nn.Linear(read, len(classes["thing"]) * len(classes["style"]))

    def forward(self, pixels):
        maps = self.body(pixels)
        read = torch.cat([maps.flatten(1), maps.amax((2, 3))], 1)
        logits = {name: head(read).float() for name, head in self.heads.items()}
        both = self.together(read).float().reshape(len(read), -1, logits["style"].shape[1])
        icons = (both + logits["thing"][:, :, None] + logits["style"][:, None]).flatten(1).log_softmax(1).reshape(both.shape)
        outputs = {name: values.log_softmax(1) for name, values in logits.items()}
        return {**outputs, "thing": icons.logsumexp(2), "style": icons.logsumexp(1), "icon": icons.flatten(1)}, maps.mean((2, 3)).float()


def labels_of(folder):
    """Scenes of a data set. A tint counts as a treatment of its own."""
    scenes = [json.loads(line) for line in (Path(folder) / "scenes.jsonl").read_text().splitlines()]
    for scene in scenes:
        if scene["treatment"] == "tinted":
            scene["treatment"] = "tinted " + scene["tint"]
    return scenes


def legible(name, scene):
    """Whether an attribute can be told from the picture at all; what can't is neither learnt nor graded.

    - background: not where it is between two of the 26 colours, nor under greyscale or sepia, where many of them look alike;
    - size and position: not beside a companion, where they mean nothing;
    - skin tone: not under greyscale or sepia;
    - in 8 × 8 pixels, a thing that doesn't fill the picture is five of them wide: no thing, style, turn, mirroring, tone,
      shadow or companion.
    Where there are two things, thing, style and tone are those of the left one.
    """
    grey = scene["treatment"] in ("greyscale", "sepia")
    two = scene["beside"] != "none"
    if name == "background":
        return not grey and " and " not in scene["background"]
    if name in ("size", "position"):
        return not two
    if name == "tone" and grey:
        return False
    coarse = scene["treatment"] == "pixelated" and (two or scene["size"] != "large")
    return not coarse or name in ("treatment", "frame")


def targets_of(scenes, classes):
    """Indices [n] of each attribute, −100 where it isn't legible."""
    def index(name, scene):
        return classes[name].index(str(scene[name])) if legible(name, scene) else -100

    return {name: torch.tensor([index(name, scene) for scene in scenes]) for name in classes}


def weights_of(scenes):
    """How often a scene is taken: the more about it isn't as usual, the oftener. [n], adding up to 1."""
    usual = {"size": "large", "turn": "upright", "mirrored": False, "treatment": "none", "tone": "none", "shadow": False, "beside": "none"}
    weights = np.array([1.0 + sum(scene[name] != value for name, value in usual.items()) for scene in scenes])
    return weights / weights.sum()


def shifted(pictures, random):
    """Each picture moved by up to two pixels both ways; its edge is repeated."""
    side = pictures.shape[1]
    wide = np.pad(pictures, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    moves = random.integers(0, 2 * SHIFT + 1, (len(pictures), 2))
    return np.stack([picture[y : y + side, x : x + side] for picture, (y, x) in zip(wide, moves)])


def loss_of(outputs, targets):
    icon = targets["thing"] * outputs["style"].shape[1] + targets["style"]
    icon[targets["thing"] < 0] = -100
    return sum(F.nll_loss(outputs[name], target) for name, target in {**targets, "icon": icon}.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True, help="folder of the checkpoint, or of a prepared.pt; classifier.pt is written there")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=10**9, help="stop after so many steps (for timing)")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_flush_denormal(True)
    pictures, scenes = load_pictures(options.data), labels_of(options.data)
    path = Path(options.work) / "classifier.pt"
    saved = torch.load(path, weights_only=True) if path.exists() else None
    classes = saved["classes"] if saved else {
        name: sorted({str(scene[name]) for scene in scenes if legible(name, scene)}) for name in ATTRIBUTES}
    targets, bounds = targets_of(scenes, classes), weights_of(scenes).cumsum()
    pca = components_of(options.work)
    decoder = decoder_of(options.work, pca, pictures.shape[1]).requires_grad_(False).to(memory_format=torch.channels_last)
    side = pictures.shape[1]
    model = Classifier(classes, side).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr, weight_decay=0.02, fused=True)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    step, trained = 0, 0.0
    if saved:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        average, step, trained = saved["average"], saved["step"], saved["seconds"]
    first_step, tick, total = step, time.time(), 0.0
    last_save = tick
    random = np.random.default_rng(options.seed + step)

    def save():
        state = {"classes": classes, "side": side, "model": model.state_dict(), "average": average, "optimizer": optimizer.state_dict()}
        torch.save({**state, "step": step, "seconds": trained}, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    while trained < options.minutes * 60 and step - first_step < options.steps:
        progress = trained / (options.minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = options.lr * min(1, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
        chosen = np.sort(np.searchsorted(bounds, random.random(options.batch) * bounds[-1], side="right"))
        rows = torch.from_numpy(chosen)
        moved = shifted(pictures[chosen], random)
        pixels = torch.from_numpy(moved).permute(0, 3, 1, 2).float() / 127.5 - 1
        through = torch.randperm(options.batch)[: options.batch // 5]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            z = encode(pca, moved[through.numpy()])
            z = z + 0.1 * torch.rand(len(z), 1, 1, 1) * torch.randn_like(z)
            pixels[through] = decoder(z.contiguous(memory_format=torch.channels_last)).float().clamp(-1, 1)
        pixels += 0.05 * torch.rand(options.batch, 1, 1, 1) * torch.randn_like(pixels)
        with torch.autocast("cpu", torch.bfloat16):
            outputs, _ = model(pixels.contiguous(memory_format=torch.channels_last))
        loss = loss_of(outputs, {name: target[rows] for name, target in targets.items()})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay = min(0.997, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                average[name].lerp_(value, 1 - decay) if value.is_floating_point() else average[name].copy_(value)
        step, total = step + 1, total + loss.item()
        now = time.time()
        trained += now - tick
        tick = now
        if step % 100 == 0 or step - first_step == options.steps:
            print(f"step {step} minutes {trained / 60:.1f} loss {total / ((step - first_step - 1) % 100 + 1):.3f}", flush=True)
            total = 0.0
        if now - last_save > 120:
            save()
            last_save = now
    save()


def load_classifier(work):
    """The averaged classifier, and the names of its classes."""
    saved = torch.load(Path(work) / "classifier.pt", weights_only=True)
    model = Classifier(saved["classes"], saved.get("side", 64))
    model.load_state_dict(saved["average"])
    return model.eval(), saved["classes"]


if __name__ == "__main__":
    main()
