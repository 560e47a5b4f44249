"""Trains the mean picture of a caption on the text encoder's pooled outputs that pool.py keeps.

python mean.py --data FOLDER --work WORK --seconds 1500
The pictures of FOLDER decide the painter's encoder; what the labels say of a scene's numbers is a second loss.
Seconds are those that the processor worked, over all runs: the learning rate follows them. Resumes from WORK/mean.pt.
"""
import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from data import Classes, Components, Shards, load_pictures
from mean_picture import ORIENTATIONS, MeanPicture
from hints import STARTS, Sprites, Told, weights

BATCH, RATE, HINTS = 64, 1e-3, 0.2
FIRST = 0.45  # of the time, only numbers and sprites are learned, without painting


def error(network, components, pooled, latents):
    """Squared error of the picture, mean over its values, and the share of the variance that is left."""
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rest = network(pooled).float() - latents.float()
    share = rest.square().mean((0, 1)) / (components.variances * components.scales**2)
    weights = components.variances * components.scales**2
    return (rest / components.scales).square().sum(-1).mean().item() / 768, (share * weights).sum().item() / weights.sum().item()


def draw_sheet(components, latents, path):
    """Pairs of rows of twenty, drawn above and true below."""
    rows = [torch.cat(list(components.decode(each.float())[start : start + 20]), 2) for start in (0, 20) for each in latents]
    picture = ((torch.cat(rows, 1).clamp(-1, 1).permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
    Image.fromarray(np.ascontiguousarray(picture)).save(path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    path, components = Path(options.work) / "mean.pt", Components.load(options.work)
    shards = Shards(options.work, ("latents", "labels", "pooled"), ("shards", "pooled"))
    classes = Classes.load(options.work).values
    network, told, asked, sprites = MeanPicture(), Told(options.work, classes), weights(), Sprites(options.work, classes)
    network.painter.fit(components, load_pictures(options.data)[:1500])
    full = shards.parts["pooled"][0][:, -1].float()
    network.mean.copy_(full.mean(0)), network.deviation.copy_(full.std(0))
    if not path.exists():
        network.start(sprites.basis(network.bases))
    groups = [{"params": [p for p in network.parameters() if p.ndim >= 2], "weight_decay": 0.01}, {"params": [p for p in network.parameters() if p.ndim < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99), fused=True)
    step, views, worked = 0, 0, 0.0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        network.load_state_dict(saved["mean_picture"]), optimizer.load_state_dict(saved["optimizer"])
        step, views, worked = saved["step"], saved["views"], saved["seconds"]
    generator, total, hinted, tick = torch.Generator().manual_seed(step), 0.0, 0.0, time.process_time()
    valid = shards.validation

    def save():
        state = {"mean_picture": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "views": views, "seconds": worked}
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    while (progress := worked / options.seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * max(0.02, min(1, (1 - progress) / 0.7))
        first = progress < FIRST
        batch = BATCH * 2 if first else BATCH
        scenes = shards.take(generator, batch)
        known = (scenes["labels"] >= 0).all(1)  # a rare value may be missing among the classes
        scenes, batch = {name: values[known] for name, values in scenes.items()}, int(known.sum())
        which = (torch.rand(batch, generator=generator) < 0.6).long()
        said, orientation, rows = told(scenes["labels"])
        things, paired, companions = sprites(scenes["labels"])
        with torch.autocast("cpu", torch.bfloat16):
            numbers, sprite, small, rest = network.layers(scenes["pooled"][torch.arange(batch), which].float())
            drawn = None if first else (network.painter(numbers, sprite, small, *rows) + rest).float()
        turns = STARTS["orientation"]
        hints = ((numbers - said).square() * asked).sum(1).mean() + 0.3 * F.cross_entropy(numbers[:, turns : turns + ORIENTATIONS], orientation)
        hints = hints + 4 * (sprite.float() - things).square().mean() + 20 * (small[paired].float() - companions).square().sum() / small.numel()
        loss = torch.zeros(()) if first else (drawn - scenes["latents"].float()).square().mean()
        views += batch
        optimizer.zero_grad()
        (loss + HINTS * hints).backward() if not first else hints.backward()
        optimizer.step()
        step, total, hinted = step + 1, total + loss.item(), hinted + hints.item()
        now = time.process_time()
        worked, tick = worked + now - tick, now
        if step % 200 == 0:
            picture, share = error(network, components, valid["pooled"][:, -1].float(), valid["latents"])
            print(f"step {step} seconds {worked:.0f} views {views} of {len(shards)} loss {total / 200:.4f} hints {hinted / 200:.4f} picture {picture:.4f} share {share:.3f}", flush=True)
            total = hinted = 0.0
            save()
            shards.refresh()
            tick = time.process_time()
    save()
    with torch.no_grad():
        drawn = network(valid["pooled"][:40, -1].float())
    draw_sheet(components, (drawn, valid["latents"][:40]), Path(options.work) / "mean.png")


if __name__ == "__main__":
    main()
