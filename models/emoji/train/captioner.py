"""Sharpens the image encoder for captions: python captioner.py --data DIR --work DIR --minutes 6 [--phrases FILE]

The contrastive loss of train.py sees other scenes only, so things decide it and a frame or a treatment hardly counts. Here each
picture must also find its caption among captions of the same scene with one attribute said wrongly, which is what the captioner
asks. Text encoder and UNet stay as they are; the averaged image encoder in WORK/checkpoint.pt is replaced.
"""
import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from networks import ImageEncoder, Tokenizer, text_encoder
from train import HERE, load_pictures

BETWEEN = "on a background between "


class Phrases:
    def __init__(self, path):
        bank = json.loads(Path(path).read_text())
        self.things = bank["things"]
        self.groups = [(attribute["said"] == "unless first", attribute["phrases"]) for attribute in bank["attributes"]]
        self.of = {phrase: index for index, (_, phrases) in enumerate(self.groups) for phrase in phrases}
        self.backgrounds = self.of["on a white background"]
        self.companions = self.of["alone"]

    def read(self, caption):
        """A full caption as its thing and {attribute: phrase}; attributes at their default are absent."""
        first, *rest = caption.split(", ")
        thing, _, companion = first.partition(" beside ")
        said = {self.backgrounds if phrase.startswith(BETWEEN) else self.of[phrase]: phrase for phrase in rest}
        if companion:
            said[self.companions] = f"beside {companion}"
        return thing, said

    def write(self, thing, said):
        return ", ".join([thing, *(said[index] for index in sorted(said))])

    def wrong(self, thing, said, index):
        """The same with another phrase for one attribute, or with another thing for −1."""
        if index < 0:
            return self.write(random.choice([other for other in self.things if other != thing]), said)
        is_silent, phrases = self.groups[index]
        right = said.get(index, phrases[0])
        other = random.choice([phrase for phrase in phrases if phrase != right])
        changed = {key: phrase for key, phrase in said.items() if key != index}
        return self.write(thing, changed if is_silent and other == phrases[0] else {**changed, index: other})

    def candidates(self, caption, count):
        """The right caption, with some of what it says left out, and `count` wrong ones that leave out the same."""
        thing, said = self.read(caption)
        if random.random() < 0.5:
            said = {index: phrase for index, phrase in said.items() if random.random() < 0.7}
        # Only what is said, or is at its default, can be said wrongly.
        full = self.read(caption)[1]
        open_to_change = [-1, *(index for index, (is_silent, _) in enumerate(self.groups) if index in said or (is_silent and index not in full))]
        chosen = [random.choice(open_to_change) for _ in range(count)]
        return [self.write(thing, said), *(self.wrong(thing, said, index) for index in chosen)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--tokenizer", default=HERE.parent / "tokenizer")
    parser.add_argument("--phrases", default=HERE.parent / "captioner" / "phrases.json")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--wrong", type=int, default=7)
    options = parser.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    torch.set_flush_denormal(True)
    path = Path(options.work) / "checkpoint.pt"
    saved = torch.load(path, weights_only=True)
    part = lambda name: {key.removeprefix(f"{name}."): value for key, value in saved["average"].items() if key.startswith(f"{name}.")}
    tokenizer, phrases = Tokenizer(options.tokenizer), Phrases(options.phrases)
    text, image = text_encoder(tokenizer).eval(), ImageEncoder().to(memory_format=torch.channels_last)
    text.load_state_dict(part("text"))
    image.load_state_dict(part("image"))
    scale = saved["average"]["temperature"].exp().clamp(max=50).item()
    pictures = load_pictures(options.data)
    captions = (Path(options.data) / "full.txt").read_text().splitlines()
    optimizer = torch.optim.AdamW(image.parameters(), lr=6e-4, weight_decay=0.01, betas=(0.9, 0.99), fused=True)
    start, step, sums = time.time(), 0, torch.zeros(3)
    while (progress := (time.time() - start) / (options.minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 6e-4 * min(1, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * progress)) + 1e-5
        rows = torch.randint(0, len(pictures), (options.batch,))
        said = [caption for row in rows.tolist() for caption in phrases.candidates(captions[row], options.wrong)]
        ids = torch.tensor([tokenizer(caption) for caption in said])
        # Causal, and pooled at the first end token: what follows does not matter.
        ids = ids[:, : int((ids == tokenizer.eos).int().argmax(1).max()) + 1]
        pixels = (torch.from_numpy(pictures[rows.numpy()]).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                texts = F.normalize(text(input_ids=ids).text_embeds.float(), dim=-1).reshape(options.batch, 1 + options.wrong, -1)
            seen = F.normalize(image(pixels).float(), dim=-1)
        own = scale * torch.einsum("bd,bkd->bk", seen, texts)
        others = scale * seen @ texts[:, 0].T
        others.fill_diagonal_(-1e4)
        right = torch.zeros(options.batch, dtype=torch.long)
        loss = F.cross_entropy(torch.cat([own, others], 1), right)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(image.parameters(), 1.0)
        optimizer.step()
        step += 1
        sums += torch.tensor([loss.item(), (own.argmax(1) == 0).float().mean().item(), 1])
        if step % 50 == 0:
            print(f"step {step} minutes {(time.time() - start) / 60:.1f} loss {sums[0] / sums[2]:.3f} right among wrong ones {sums[1] / sums[2]:.3f}", flush=True)
            sums.zero_()
    saved["average"].update({f"image.{key}": value for key, value in image.state_dict().items()})
    torch.save(saved, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


if __name__ == "__main__":
    main()
