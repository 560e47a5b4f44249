"""Trains the diffusion of what the mean picture leaves; text encoder and mean picture are frozen.

python residual.py --work WORK --tokenizer DIR --seconds 3600 [--sheet FILE.png]
Seconds are those that the processor worked, over all runs: the learning rate follows them. Resumes from WORK/residual.pt. With
--sheet, nothing is trained: the averaged weights draw forty captions.
"""
import argparse
import time
from pathlib import Path

import torch

from data import CHANNELS, GRID, Components, Shards, Tokenizer
from mean import draw_sheet
from mean_picture import MeanPicture
from networks import TRAIN_TIMESTEPS, Residual, UNet
from optimizer import FlatAdamW
from pool import load_text

BATCH, RATE, DROPPED = 32, 1e-3, 0.1
UNNAMED, MISNAMED, SEEN = 0.1, 0.15, -3  # shares of captions without a name and with a wrong one, the latter from this log signal to noise on
LOG_SIGNAL_TO_NOISE = (-6, -4, -2, 0, 2, 4)  # where it is measured


class Denoiser:
    """Text encoder, mean picture and UNet in bfloat16: what captions and noisy latents become."""

    def __init__(self, work, tokenizer, shards):
        self.text = load_text(work, tokenizer).bfloat16()
        mean_picture = MeanPicture()
        mean_picture.load_state_dict(torch.load(Path(work) / "mean.pt", weights_only=True)["mean_picture"])
        mean_picture.requires_grad_(False)
        self.unet = UNet(mean_picture, Residual(), torch.ones(CHANNELS))
        self.empty = torch.tensor(tokenizer(""))
        self.something, self.comma = torch.tensor(tokenizer("something")), tokenizer.vocab[",</w>"]
        self.seen = int((self.unet.scales[:, 0] / self.unet.scales[:, 1]).log().gt(SEEN / 2).sum())
        ids = shards.validation["captions"][:, 0].long()
        for row in range(0, len(ids), 4):
            ids[row] = self.retold(ids[row], ids[row - 1])
        self.unet.variances.copy_((shards.validation["latents"].float() - self.prompt(ids)[2]).square().mean((0, 1)))

    def retold(self, ids, other):
        """A caption with the beginning of another one, up to its first comma, which is the thing: [40]."""
        def first(each):
            ends = ((each == self.comma) | (each == self.empty[-1])).nonzero()
            return int(ends[0])

        start, rest = other[: first(other)], ids[first(ids) :]
        told = torch.cat([start, rest, self.empty[-1:].expand(len(ids))])[: len(ids)]
        told[-1] = self.empty[-1]
        return told

    @torch.no_grad()
    def prompt(self, ids):
        """Hidden states [n, 40, 192], pooled [n, 256] and mean picture [n, 64, 96]."""
        output = self.text(input_ids=ids)
        with torch.autocast("cpu", torch.bfloat16):
            mean = self.unet.mean_picture(output.text_embeds.float()).float()
        return output.last_hidden_state, output.text_embeds, mean

    def noisy(self, latents, timestep, noise):
        signal, sigma = self.unet.scales[timestep][:, None].chunk(2, -1)
        return signal * latents + sigma * noise, signal * noise - sigma * latents

    @torch.no_grad()
    def draw(self, ids, steps=20, guidance=1.5):
        """Latents of captions by DDIM from noise."""
        told, free = self.prompt(ids), self.prompt(self.empty.expand_as(ids))
        x = torch.randn(len(ids), GRID * GRID, CHANNELS, generator=torch.Generator().manual_seed(0))
        times = [round(TRAIN_TIMESTEPS - i * TRAIN_TIMESTEPS / steps) - 1 for i in range(steps)]
        for t, after in zip(times, [*times[1:], None]):
            timestep = torch.full((len(ids),), t)
            v0 = self.unet(x, timestep, *free)
            v = v0 + guidance * (self.unet(x, timestep, *told) - v0)
            signal, sigma = self.unet.scales[t]
            start, noise = signal * x - sigma * v, sigma * x + signal * v
            if after is None:
                return start
            x = self.unet.scales[after][0] * start + self.unet.scales[after][1] * noise


@torch.no_grad()
def evaluate(denoiser, components, shards, count=192):
    """Error of the picture that is expected from noisy latents and full captions, at each of six levels of noise."""
    latents = shards.validation["latents"][:count].float()
    prompt = denoiser.prompt(shards.validation["captions"][:count, -1].long())
    scales, generator, errors = denoiser.unet.scales, torch.Generator().manual_seed(1), []
    levels = 2 * (scales[:, 0] / scales[:, 1]).log()
    for level in LOG_SIGNAL_TO_NOISE:
        timestep = (levels - level).abs().argmin().repeat(count)
        x, _ = denoiser.noisy(latents, timestep, torch.randn(latents.shape, generator=generator))
        v = denoiser.unet(x, timestep, *prompt)
        signal, sigma = scales[timestep[0]]
        errors.append((((signal * x - sigma * v - latents) / components.scales).square().sum(-1).mean() / 768).item())
    return errors


def sheet(denoiser, components, shards, path, count=40):
    latents, ids = shards.validation["latents"][:count].float(), shards.validation["captions"][:count, -1].long()
    drawn = denoiser.draw(ids)
    draw_sheet(components, (drawn, latents), path)
    return (components.decode(drawn).clamp(-1, 1) - components.decode(latents)).square().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--until", type=float, default=0, help="of those seconds, when to stop this time; 0: at the end")
    parser.add_argument("--sheet")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    path, components = Path(options.work) / "residual.pt", Components.load(options.work)
    shards = Shards(options.work, ("latents", "captions"))
    denoiser = Denoiser(options.work, Tokenizer(options.tokenizer), shards)
    optimizer = FlatAdamW(denoiser.unet.residual.parameters(), RATE)
    step, worked = 0, 0.0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        optimizer.load_state_dict(saved["flat"])
        denoiser.unet.variances.copy_(saved["variances"])
        step, worked = saved["step"], saved["seconds"]
    if options.sheet:
        optimizer.use_averages()
        print(f"step {step} seconds {worked:.0f} drawing error {sheet(denoiser, components, shards, options.sheet):.4f}", flush=True)
        return

    def save():
        state = {"flat": optimizer.state_dict(), "variances": denoiser.unet.variances, "step": step, "seconds": worked}
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    generator, total, tick = torch.Generator().manual_seed(step), 0.0, time.process_time()
    while worked < (options.until or options.seconds):
        progress = worked / options.seconds
        rate = RATE * min(1, (step + 1) / 100) * max(0.02, min(1, (1 - progress) / 0.6))
        scenes = shards.take(generator, BATCH)
        latents, rows = scenes["latents"].float(), torch.arange(BATCH)
        which = torch.where(torch.rand(BATCH, generator=generator) < 0.5, 3, torch.randint(0, 3, (BATCH,), generator=generator))
        ids = scenes["captions"][rows, which].long()
        ids[torch.rand(BATCH, generator=generator) < DROPPED] = denoiser.empty
        # Stratified over the batch: every batch sees the whole range of noise.
        timestep = ((torch.randperm(BATCH, generator=generator) + torch.rand(BATCH, generator=generator)) / BATCH * TRAIN_TIMESTEPS).long()
        chance = torch.rand(BATCH, generator=generator)
        for row in (chance < UNNAMED).nonzero()[:, 0].tolist():
            ids[row] = denoiser.retold(ids[row], denoiser.something)
        # Where a picture can be seen through the noise, another thing is named now and then: what is seen has to win.
        for row in ((chance > 1 - MISNAMED) & (timestep < denoiser.seen)).nonzero()[:, 0].tolist():
            ids[row] = denoiser.retold(ids[row], scenes["captions"][row - 1, 3].long())
        x, target = denoiser.noisy(latents, timestep, torch.randn(latents.shape, generator=generator))
        loss = (denoiser.unet(x, timestep, *denoiser.prompt(ids)) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(rate)
        step, total = step + 1, total + loss.item()
        now = time.process_time()
        worked, tick = worked + now - tick, now
        if step % 500 == 0:
            text = f"step {step} seconds {worked:.0f} scenes {step * BATCH} of {len(shards)} loss {total / 500:.4f}"
            total = 0.0
            if step % 2000 == 0:
                optimizer.use_averages()
                errors = evaluate(denoiser, components, shards)
                optimizer.use_averages(False)
                text += f" val {sum(errors) / len(errors):.4f} " + " ".join(f"{error:.4f}" for error in errors)
            print(text, flush=True)
            save()
            shards.refresh()
            tick = time.process_time()
    save()


if __name__ == "__main__":
    main()
