"""Trains the image encoder towards the frozen text encoder's pooled outputs: python image.py --data FOLDER,… --work WORK --tokenizer DIR --phrases FILE --seconds 2600

The data are pairs of a scene and its change. A picture's embedding should lie where its full caption's does (cosine), be nearer to
it than to the other captions of the batch, and hold every attribute (linear heads, thrown away). For the last part of the time
it should also be nearer to it than to captions with one attribute said wrongly, which is what the captioner asks; and from one
picture of a pair to the other it should move as the captions do, and not as one with another change or with one more, which is
how a difference is named. Full captions are embedded once, into WORK/embedded. Seconds are those that the processor worked.
Resumes from WORK/image.pt.
"""
import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from data import Classes, Tokenizer, floats, labels_of, load_pictures
from pool import load_text, pool
from networks import POOLED_WIDTH, ImageEncoder

BATCH, WRONG, RATE, SHARPNESS = 64, 3, 2e-3, 20.0
PLAIN = 0.55  # of the time: without captions that are wrong
PAIRS = 16  # of a batch: compared with captions that are wrong
SOMETHING = "something"


class Phrases:
    """The captioner's phrase bank: reads full captions, and says them wrongly."""

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
        said = {self.of.get(phrase, self.backgrounds): phrase for phrase in rest}
        if companion:
            said[self.companions] = f"beside {companion}"
        return thing, said

    def write(self, thing, said):
        """As the captioner writes: attributes in the bank's order, the companion last."""
        return ", ".join([thing, *(said[index] for index in sorted(said))])

    def wrong(self, thing, said, index):
        """The same with another phrase for one attribute, or with another thing for −1."""
        if index < 0:
            return self.write(random.choice([other for other in self.things if other not in (thing, SOMETHING)]), said)
        is_silent, phrases = self.groups[index]
        right = said.get(index, phrases[0])
        other = random.choice([phrase for phrase in phrases if phrase != right])
        changed = {key: phrase for key, phrase in said.items() if key != index}
        return self.write(thing, changed if is_silent and other == phrases[0] else {**changed, index: other})

    def candidates(self, caption, count):
        """The right caption, sometimes with some of what it says left out, and `count` wrong ones that leave out the same."""
        thing, full = self.read(caption)
        said = {index: phrase for index, phrase in full.items() if random.random() < 0.7} if random.random() < 0.5 else full
        # Only what is said, or is at its default, can be said wrongly.
        open_to_change = [-1, *(index for index, (is_silent, _) in enumerate(self.groups) if index in said or (is_silent and index not in full))]
        return [self.write(thing, said), *(self.wrong(thing, said, random.choice(open_to_change)) for _ in range(count))]

    def changes(self, before, after):
        """A pair's two captions, and six that are wrong for the second: with a wrong value, with one change more, with another change."""
        (thing, said), (other, now) = self.read(before), self.read(after)
        everything = [-1, *range(len(self.groups))]
        changed = [index for index in everything if (thing != other if index < 0 else said.get(index) != now.get(index))]
        rest = [index for index in everything if index not in changed] or everything
        wrong = [self.wrong(other, now, random.choice(indices)) for indices in (changed or everything, rest, rest, rest)]
        return [before, after, *wrong, *(self.wrong(thing, said, random.choice(everything)) for _ in range(2))]


class Pictures:
    """Several data sets of pairs as one."""

    def __init__(self, folders, classes, embed, kept):
        self.pictures = [load_pictures(folder) for folder in folders]
        self.captions = [(Path(folder) / "full.txt").read_text().splitlines() for folder in folders]
        self.labels = [classes.numbers(labels_of(folder)).long() for folder in folders]
        self.embedded = []
        kept.mkdir(exist_ok=True)
        for folder, captions in zip(folders, self.captions):
            path = kept / f"{Path(folder).name}.pt"
            if not path.exists():
                torch.save(embed(captions).half(), path)
            self.embedded.append(torch.load(path, weights_only=True))

    def take(self, count):
        folder = random.randrange(len(self.pictures))
        rows = (2 * np.sort(np.random.randint(0, len(self.pictures[folder]) // 2, count // 2))[:, None] + [0, 1]).reshape(-1)
        chosen = torch.from_numpy(rows)
        captions = [self.captions[folder][row] for row in rows]
        return floats(self.pictures[folder][rows]), captions, self.labels[folder][chosen], self.embedded[folder][chosen].float()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="folders with pictures, separated by commas")
    parser.add_argument("--work", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--phrases", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    path, tokenizer, classes, phrases = Path(options.work) / "image.pt", Tokenizer(options.tokenizer), Classes.load(options.work), Phrases(options.phrases)
    text = load_text(options.work, tokenizer).bfloat16()

    def embed(captions):
        """Unit embeddings [n, 256]."""
        return F.normalize(pool(text, torch.tensor([tokenizer(caption) for caption in captions]), tokenizer), dim=-1)

    data = Pictures(options.data.split(","), classes, embed, Path(options.work) / "embedded")
    encoder = ImageEncoder().to(memory_format=torch.channels_last)
    heads = nn.ModuleList(nn.Linear(POOLED_WIDTH, len(values)) for values in classes.values.values())
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=RATE, weight_decay=0.01, betas=(0.9, 0.99), fused=True)
    step, worked = 0, 0.0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        encoder.load_state_dict(saved["image"]), heads.load_state_dict(saved["heads"]), optimizer.load_state_dict(saved["optimizer"])
        step, worked = saved["step"], saved["seconds"]
    random.seed(step), np.random.seed(step)

    def save():
        torch.save({"image": encoder.state_dict(), "heads": heads.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": worked}, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    sums, tick = torch.zeros(5), time.process_time()
    while (progress := worked / options.seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * max(0.02, min(1, (1 - progress) / 0.7))
        pixels, captions, labels, truth = data.take(BATCH)
        with torch.autocast("cpu", torch.bfloat16):
            embedded = encoder(pixels.contiguous(memory_format=torch.channels_last)).float()
        seen = F.normalize(embedded, dim=-1)
        to_all = SHARPNESS * seen @ truth.T
        likeness = (seen * truth).sum(-1).mean()
        told = sum(F.cross_entropy(head(embedded), labels[:, i]) for i, head in enumerate(heads)) / len(heads)
        contrast, named, right, moves = F.cross_entropy(to_all, torch.arange(BATCH)), 0.0, 0.0, 0.0
        if progress > PLAIN:
            pairs = list(zip(captions[: 2 * PAIRS : 2], captions[1 : 2 * PAIRS : 2]))
            said = [caption for each in captions[: 2 * PAIRS] for caption in phrases.candidates(each, WRONG)]
            texts = embed(said + [caption for pair in pairs for caption in phrases.changes(*pair)])
            own = SHARPNESS * torch.einsum("bd,bkd->bk", seen[: 2 * PAIRS], texts[: len(said)].view(2 * PAIRS, 1 + WRONG, -1))
            moved = texts[len(said) :].view(PAIRS, 8, -1)
            seen_move = seen[1 : 2 * PAIRS : 2] - seen[: 2 * PAIRS : 2]
            directions = F.cosine_similarity(seen_move[:, None], moved[:, 1:] - moved[:, :1], dim=-1)
            first = torch.zeros(2 * PAIRS, dtype=torch.long)
            named = F.cross_entropy(own, first) + F.cross_entropy(SHARPNESS * directions, first[:PAIRS]) + (1 - directions[:, 0]).mean()
            right, moves = (own.argmax(1) == 0).float().mean().item(), (directions.argmax(1) == 0).float().mean().item()
        loss = contrast + 2 * (1 - likeness) + 2 * told + named
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        sums += torch.tensor([contrast.item(), likeness.item(), told.item(), right, moves])
        now = time.process_time()
        worked, tick = worked + now - tick, now
        if step % 200 == 0:
            contrast, likeness, told, right, moves = (sums / 200).tolist()
            print(f"step {step} seconds {worked:.0f} contrast {contrast:.3f} cosine {likeness:.3f} attributes {told:.3f} right among wrong ones {right:.3f} changes {moves:.3f}", flush=True)
            sums.zero_()
            save()
    save()


if __name__ == "__main__":
    main()
