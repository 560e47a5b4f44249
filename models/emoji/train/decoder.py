"""Trains the decoder's small convolutional repair of patch borders: python decoder.py --data DIR --work DIR --minutes 2

The encoder and the linear part of the decoder stay; the latents are those that the UNet is trained on.
"""
import argparse
import math
import time
from pathlib import Path

import torch

from export import components_of, decoder_of
from train import encode, load_pictures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    path = Path(options.work) / "decoder.pt"
    path.unlink(missing_ok=True)
    pictures = load_pictures(options.data)
    pca = components_of(options.work)
    decoder = decoder_of(options.work, pca, pictures.shape[1]).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(decoder.repair.parameters(), lr=2e-3, weight_decay=0.0)
    start, step, total = time.time(), 0, 0.0
    while (progress := (time.time() - start) / (options.minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * 0.5 * (1 + math.cos(math.pi * progress)) + 1e-5
        chosen = pictures[torch.randint(0, len(pictures), (64,)).numpy()]
        truth = torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 127.5 - 1
        # None to much noise, as sampling leaves it.
        z = encode(pca, chosen)
        noise = 0.15 * torch.rand(64, 1, 1, 1) * torch.randn_like(z)
        with torch.autocast("cpu", torch.bfloat16):
            repaired = decoder((z + noise).contiguous(memory_format=torch.channels_last))
        loss = ((repaired.float() - truth) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step, total = step + 1, total + loss.item()
        if step % 200 == 0:
            print(f"step {step} psnr {10 * math.log10(4 * 200 / total):.2f}", flush=True)
            total = 0.0
    torch.save(decoder.state_dict(), path)


if __name__ == "__main__":
    main()
