"""Trains the decoder's convolutional repair: python decoder.py --data FOLDER --work WORK --seconds 300

The encoder and the linear part stay; latents get noise in proportion to each channel's deviation, as sampling leaves it. Loss:
absolute differences of pixels and of their gradients. Seconds are those that the processor worked. Resumes from WORK/decoder.pt.
"""
import argparse
import time
from pathlib import Path

import torch

from data import CHANNELS, GRID, Components, floats, load_pictures
from networks import PatchDecoder

BATCH, RATE, NOISE = 16, 1.5e-3, 0.12
VALIDATION = 512


def load_decoder(work):
    decoder = PatchDecoder(Components.load(work))
    decoder.load_state_dict(torch.load(Path(work) / "decoder.pt", weights_only=True)["decoder"])
    return decoder.eval()


def as_maps(latents):
    """[n, 64, 96] → [n, 96, 8, 8]."""
    return latents.transpose(1, 2).reshape(-1, CHANNELS, GRID, GRID)


def slopes(pictures):
    return pictures[..., 1:, :] - pictures[..., :-1, :], pictures[..., :, 1:] - pictures[..., :, :-1]


def psnr(pictures, truth):
    return (10 * torch.log10(4 / (pictures.clamp(-1, 1) - truth).square().mean((1, 2, 3)))).mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    path, components, pictures = Path(options.work) / "decoder.pt", Components.load(options.work), load_pictures(options.data)
    deviations = components.variances.sqrt() * components.scales
    decoder = PatchDecoder(components).to(memory_format=torch.channels_last)
    parameters = [p for p in decoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    step, worked = 0, 0.0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        decoder.load_state_dict(saved["decoder"]), optimizer.load_state_dict(saved["optimizer"])
        step, worked = saved["step"], saved["seconds"]

    def decode(latents):
        with torch.autocast("cpu", torch.bfloat16):
            return decoder(as_maps(latents).contiguous(memory_format=torch.channels_last)).float()

    def report():
        chosen = pictures[-96:]
        latents, truth = components.encode(chosen), floats(chosen)
        noisy = latents + 0.1 * deviations * torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            return ", ".join(f"noise {noise}: {psnr(components.decode(each), truth):.2f} → {psnr(decode(each), truth):.2f} dB" for noise, each in ((0, latents), (0.1, noisy)))

    def save():
        torch.save({"decoder": decoder.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": worked}, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    tick = time.process_time()
    while (progress := worked / options.seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50) * (1 - progress)
        chosen = pictures[torch.randint(0, len(pictures) - VALIDATION, (BATCH,)).sort().values.numpy()]
        latents, truth = components.encode(chosen), floats(chosen)
        drawn = decode(latents + 2 * NOISE * torch.rand(BATCH, 1, 1) ** 2 * deviations * torch.randn_like(latents))
        loss = (drawn - truth).abs().mean() + 0.5 * sum((a - b).abs().mean() for a, b in zip(slopes(drawn), slopes(truth)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        now = time.process_time()
        worked, tick = worked + now - tick, now
        if step % 300 == 0:
            print(f"step {step} seconds {worked:.0f} loss {loss.item():.4f} {report()}", flush=True)
            save()
    save()
    print(report(), flush=True)


if __name__ == "__main__":
    main()
