"""Data sets as the networks read them: python data.py --data DATA --work WORK --tokenizer DIR --shards SEED,… [--keep SEED,…]

DATA/SEED is what dataset.ts wrote. Each becomes WORK/shards/SEED.pt: latents [n, 64, 96] float16, captions [n, 4, 40] int16 (three
varied ones, then the full one), labels [n, attributes] int16. Pictures of shards that aren't kept are deleted afterwards. The
first shard decides the principal components, WORK/components.pt, and the classes, WORK/classes.json.
"""
import argparse
import json
import math
import re
from pathlib import Path

import numpy as np
import torch

TOKENS = 40  # length of a prompt
SIDE, PATCH, CHANNELS = 128, 16, 96  # pixels of a picture's side and of a latent's, channels of a latent
GRID = SIDE // PATCH


class Tokenizer:
    """Every word of a caption is one token of `tokenizer/vocab.json`; words that it doesn't have are left out."""

    def __init__(self, folder):
        self.vocab = json.loads((Path(folder) / "vocab.json").read_text())
        self.bos, self.eos = self.vocab["<|startoftext|>"], self.vocab["<|endoftext|>"]

    def __call__(self, caption):
        ids = [self.vocab[word + "</w>"] for word in re.findall(r"[a-z]+|,", caption) if word + "</w>" in self.vocab][: TOKENS - 2]
        return [self.bos, *ids] + [self.eos] * (TOKENS - 1 - len(ids))


class Components:
    """Principal components of 16 × 16 patches. Channels are scaled by variance^−0.1, the strongest to a deviation of 2."""

    def __init__(self, mean, directions, variances):
        self.mean, self.directions, self.variances = mean, directions, variances
        self.scales = variances**-0.1
        self.scales = self.scales * 2 / (self.scales[0] * variances[0].sqrt())

    @staticmethod
    def of(pictures):
        x = patches(pictures)
        mean = x.mean(0)
        variances, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
        return Components(mean, vectors.T.flip(0)[:CHANNELS].contiguous(), variances.flip(0)[:CHANNELS].contiguous())

    @staticmethod
    def load(work):
        return Components(**torch.load(Path(work) / "components.pt", weights_only=True))

    def save(self, work):
        torch.save({"mean": self.mean, "directions": self.directions, "variances": self.variances}, Path(work) / "components.pt")

    def encode(self, pictures):
        """uint8 [n, 128, 128, 3] → latents [n, 64, 96]."""
        return (((patches(pictures) - self.mean) @ self.directions.T) * self.scales).reshape(-1, GRID * GRID, CHANNELS)

    def decode(self, latents):
        """[n, 64, 96] → pictures [n, 3, 128, 128], about −1…1."""
        return joined((latents / self.scales).reshape(-1, CHANNELS) @ self.directions + self.mean)


def patches(pictures):
    """uint8 [n, 128, 128, 3] → [n · 64, 768] in −1…1, channel-major inside a patch as a convolution reads it."""
    x = torch.from_numpy(np.array(pictures)).float() / 127.5 - 1
    return x.reshape(-1, GRID, PATCH, GRID, PATCH, 3).permute(0, 1, 3, 5, 2, 4).reshape(-1, 3 * PATCH * PATCH)


def joined(rows):
    """[n · 64, 768] → [n, 3, 128, 128]."""
    return rows.reshape(-1, GRID, GRID, 3, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, SIDE, SIDE)


def load_pictures(folder):
    """uint8 [n, side, side, 3], mapped from the file; the side is what the file's length makes it."""
    count = len((Path(folder) / "full.txt").read_text().splitlines())
    flat = np.memmap(Path(folder) / "pictures.u8", np.uint8, "r")
    side = math.isqrt(len(flat) // count // 3)
    return flat.reshape(count, side, side, 3)


def floats(pictures):
    """uint8 [n, side, side, 3] → float [n, 3, side, side] in −1…1."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


class Classes:
    """The values of each attribute, and their numbers; −100 where a scene has one that is not among them."""

    def __init__(self, values):
        self.values = values

    @staticmethod
    def of(labels):
        return Classes({name: sorted({scene[name] for scene in labels}) for name in labels[0]})

    @staticmethod
    def load(work):
        return Classes(json.loads((Path(work) / "classes.json").read_text()))

    def save(self, work):
        (Path(work) / "classes.json").write_text(json.dumps(self.values))

    def numbers(self, labels):
        index = {name: {value: number for number, value in enumerate(values)} for name, values in self.values.items()}
        return torch.tensor([[index[name].get(scene[name], -100) for name in self.values] for scene in labels], dtype=torch.int16)


def labels_of(folder):
    return [json.loads(line) for line in (Path(folder) / "labels.jsonl").read_text().splitlines()]


def captions_of(folder):
    """Three varied captions and the full one of each scene."""
    varied = (Path(folder) / "captions.txt").read_text().splitlines()
    full = (Path(folder) / "full.txt").read_text().splitlines()
    return [[*line.split("\t"), last] for line, last in zip(varied, full)]


def prepare(folder, work, tokenizer):
    pictures, labels = load_pictures(folder), labels_of(folder)
    if not (Path(work) / "components.pt").exists():
        Components.of(pictures[:8000]).save(work)
        Classes.of(labels).save(work)
    components, classes = Components.load(work), Classes.load(work)
    latents = torch.cat([components.encode(pictures[i : i + 1000]).half() for i in range(0, len(pictures), 1000)])
    captions = torch.tensor([[tokenizer(caption) for caption in each] for each in captions_of(folder)], dtype=torch.int16)
    return {"latents": latents, "captions": captions, "labels": classes.numbers(labels)}


class Shards:
    """All shards that are prepared in each of the folders; `refresh` takes in those that have come since.

    The last 512 scenes of the first are for validation.
    """

    VALIDATION = 512

    def __init__(self, work, names, folders=("shards",)):
        self.folders, self.names, self.read = [Path(work) / folder for folder in folders], names, []
        self.parts = {name: [] for name in names}
        self.refresh()

    def refresh(self):
        for path in sorted(self.folders[0].glob("*.pt")):
            files = [folder / path.name for folder in self.folders]
            if path.name in self.read or not all(file.exists() for file in files):
                continue
            shard = {name: values for file in files for name, values in torch.load(file, weights_only=True, mmap=True).items() if name in self.names}
            if not self.read:
                self.validation = {name: shard[name][-self.VALIDATION :].clone() for name in self.names}
                shard = {name: values[: -self.VALIDATION] for name, values in shard.items()}
            for name in self.names:
                self.parts[name].append(shard[name])
            self.read.append(path.name)
        self.starts = np.cumsum([0, *(len(part) for part in self.parts[self.names[0]])])

    def __len__(self):
        return int(self.starts[-1])

    def take(self, generator, count):
        """`count` scenes of one shard, so that little is gathered from afar: a dictionary of tensors."""
        shard = int(np.searchsorted(self.starts, torch.randint(len(self), (1,), generator=generator).item(), side="right")) - 1
        rows = torch.randint(len(self.parts[self.names[0]][shard]), (count,), generator=generator)
        return {name: self.parts[name][shard][rows] for name in self.names}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--shards", required=True, help="names of folders in DATA, separated by commas, in order")
    parser.add_argument("--keep", default="", help="those whose pictures are kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    (Path(options.work) / "shards").mkdir(parents=True, exist_ok=True)
    for name in options.shards.split(","):
        path = Path(options.work) / "shards" / f"{name}.pt"
        if path.exists():
            continue
        torch.save(prepare(Path(options.data) / name, options.work, Tokenizer(options.tokenizer)), path.with_suffix(".new"))
        path.with_suffix(".new").rename(path)
        if name not in options.keep.split(","):
            (Path(options.data) / name / "pictures.u8").unlink()
        print(name, flush=True)


if __name__ == "__main__":
    main()
