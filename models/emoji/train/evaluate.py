"""How good the model is, as one JSON: python evaluate.py --data DIR --work WORK --onnx models/emoji [--sheet FILE.png]

DIR holds the data sets test, held, style and things. Draws full captions of scenes never seen in training with the exported
files (DDIM), half of them of combinations that were held out, and has a classifier tell what is in the pictures; the same for
the true pictures, as the classifier's own limit. `legible` in classifier.py says what is graded.
"""
import argparse
import json
import platform
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from PIL import Image

from classifier import SHIFT, load_classifier, targets_of
from corrections import corrected
from data import CHANNELS, GRID, floats, labels_of, load_pictures
from pipeline import Pipeline

# What a caption leaves unsaid, and what most scenes are.
DEFAULTS = {
    "second colour": "none", "size": "large", "across": "centre", "down": "middle", "turn": "upright", "mirrored": "false", "recoloured": "own",
    "treatment": "none", "frame": "none", "frame width": "none", "tone": "none", "shadow": "none", "beside": "none",
}
BATCH = 50
LOOKS = [(2, 2), (1, 1), (1, 3), (3, 1), (3, 3)]  # where a picture is cut out of itself, its edge repeated; the first as it is


class Scenes:
    """The first `count` of a data set; the last `count` are `others`, true pictures for comparison."""

    def __init__(self, folder, count, classes):
        self.targets = targets_of(labels_of(folder)[:count], classes)
        self.full, self.corrected = ((Path(folder) / name).read_text().splitlines()[:count] for name in ("full.txt", "corrected.txt"))
        pictures = load_pictures(folder)
        self.truth, self.others = floats(pictures[:count]).numpy(), floats(pictures[-count:]).numpy()


class Reader:
    def __init__(self, work):
        self.classifier, self.classes = load_classifier(work)

    def __call__(self, pictures):
        """Log-probabilities of each attribute, and features [n, 256]."""
        with torch.no_grad():
            parts = [self.looks(torch.from_numpy(pictures[i : i + BATCH])) for i in range(0, len(pictures), BATCH)]
        return {name: torch.cat([outputs[name] for outputs, _ in parts]) for name in self.classes}, torch.cat([f for _, f in parts]).numpy()

    def looks(self, pictures):
        """Five looks at each picture, four of them at it moved by a pixel both ways, and their mean."""
        wide = F.pad(pictures, (SHIFT,) * 4, mode="replicate")
        side = pictures.shape[-1]
        outputs, features = zip(*(self.classifier(wide[..., y : y + side, x : x + side]) for y, x in LOOKS))
        return {name: torch.stack([each[name] for each in outputs]).mean(0) for name in self.classes}, features[0]

    def right(self, pictures, targets):
        """Whether each attribute is as wanted, [n] booleans; for what isn't legible too. `thing, top 5`: whether it is among five."""
        outputs, _ = self(pictures)
        right = {name: outputs[name].argmax(1) == targets[name] for name in self.classes}
        five = (outputs["thing"].topk(5).indices == targets["thing"][:, None]).any(1)
        return {"thing": right.pop("thing"), "thing, top 5": five, **right}


def grades(right, targets, classes):
    """Rates over what is legible; `not default` over those that aren't what a caption leaves unsaid."""
    rates, marked = {}, {}
    for name, each in right.items():
        target = targets[name.split(",")[0]]
        rates[name] = rate(each[target >= 0])
        if name in DEFAULTS:
            marked[name] = rate(each[(target >= 0) & (target != classes[name].index(DEFAULTS[name]))])
    return {**rates, "whole scene": rate(whole(right, targets)), "not default": marked}


def corrections(right, targets, captions):
    """Rates over what the captions correct; `corrected`: all that one corrects, `whole scene`: all that is legible."""
    asked = {name: torch.tensor([name in corrected(caption) for caption in captions]) for name in targets}
    asked = {name: target.where(asked[name], -100) for name, target in targets.items()}
    rates = {name: rate(right[name][target >= 0]) for name, target in asked.items()}
    return {"corrected": rate(whole(right, asked)), "whole scene": rate(whole(right, targets)), **rates}


def whole(right, targets):
    return torch.stack([right[name] | (target < 0) for name, target in targets.items()]).all(0)


def rate(right):
    return {"percent": round(100 * right.float().mean().item(), 1), "of": len(right)} if len(right) else None


def frechet(left, right):
    """Fréchet distance of two normal distributions fitted to features [n, d]."""
    covariance = [np.cov(each, rowvar=False) for each in (left, right)]
    roots = np.sqrt(np.linalg.eigvals(covariance[0] @ covariance[1]).real.clip(0))
    return float(((left.mean(0) - right.mean(0)) ** 2).sum() + np.trace(covariance[0] + covariance[1]) - 2 * roots.sum())


def psnr(pictures, truth):
    return 10 * np.log10(4 / ((pictures - truth) ** 2).mean((1, 2, 3)))


def in_batches(function, *lists):
    return np.concatenate([function(*(each[i : i + BATCH] for each in lists)) for i in range(0, len(lists[0]), BATCH)])


def retrieval(pipeline, scenes, count=256):
    """How often a picture's embedding is nearest to its own caption's among `count`."""
    captions = np.array(scenes.full[:count])
    pictures, texts = pipeline.embed(scenes.truth[:count]), pipeline.prompts(captions)[1]
    likeness = pictures @ (texts / np.linalg.norm(texts, axis=1, keepdims=True)).T
    return rate(torch.from_numpy(captions[likeness.argmax(1)] == captions))


def step_milliseconds(pipeline, count=60):
    """Median of the UNet at batch 2, as guidance asks it."""
    prompts, times = pipeline.prompts(["", "a dog, flat style, on a teal background"]), []
    x = np.random.default_rng(0).standard_normal((2, CHANNELS, GRID, GRID)).astype(np.float32)
    for _ in range(count):
        start = time.perf_counter()
        pipeline.velocity(x, 500, prompts)
        times.append(1000 * (time.perf_counter() - start))
    return round(float(np.median(times[10:])), 1)


def sheet(drawn, truth, file):
    """Twenty scenes a row, as many rows as are full: drawn above, true below."""
    rows = [np.concatenate([half[i : i + 20] for half in (drawn, truth)], 0) for i in range(0, len(drawn) - 19, 20)]
    picture = np.concatenate([np.concatenate([np.concatenate(list(line), 2) for line in np.split(row, 2)], 1) for row in rows], 1)
    Image.fromarray(((picture.transpose(1, 2, 0) + 1) * 127.5).round().astype(np.uint8)).save(file, optimize=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="folder of the data sets test, held, style and things")
    parser.add_argument("--work", required=True, help="folder of classifier.pt")
    parser.add_argument("--onnx", required=True)
    parser.add_argument("--sheet", help="write the first 60 scenes of the one and the first 40 of the other here")
    parser.add_argument("--captions", type=int, default=1000, help="half from each data set")
    parser.add_argument("--corrections", type=int, default=500, help="half from each data set; at most as many as captions")
    parser.add_argument("--inversions", type=int, default=100, help="half from each data set")
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    start = time.time()
    random = np.random.default_rng(options.seed)
    pipeline, reader = Pipeline(options.onnx, options.threads), Reader(options.work)
    half, data = options.captions // 2, Path(options.data)
    halves = {"trained combinations": Scenes(data / "test", half, reader.classes), "held-out combinations": Scenes(data / "held", half, reader.classes)}
    report = {
        "command": " ".join(["python", *sys.argv]), "date": str(date.today()),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__},
        "captions": 2 * half, "steps": options.steps, "guidance": options.guidance, "seed": options.seed,
        "step milliseconds": step_milliseconds(pipeline), "threads": options.threads, "grades": {},
    }

    def draw(captions):
        return in_batches(lambda some: pipeline.draw(some, options.guidance, options.steps, random), captions)

    drawn, rebuilt = {}, {}
    for name, scenes in halves.items():
        drawn[name] = draw(scenes.full)
        rebuilt[name] = in_batches(lambda some: pipeline.decode(pipeline.encode(some)), scenes.truth)
        pictures = {"drawn": drawn[name], "true pictures": scenes.truth, "through the autoencoder": rebuilt[name]}
        report["grades"][name] = {kind: grades(reader.right(each, scenes.targets), scenes.targets, reader.classes) for kind, each in pictures.items()}
        print(f"{name}: {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    if options.sheet:
        seen, held = halves
        shown = [(drawn[name][:count], halves[name].truth[:count]) for name, count in ((seen, 60), (held, 40))]
        sheet(*(np.concatenate(pair) for pair in zip(*shown)), options.sheet)
    every = {"truth": np.concatenate([scenes.truth for scenes in halves.values()]), "others": np.concatenate([scenes.others for scenes in halves.values()])}
    every["drawn"], every["rebuilt"] = np.concatenate(list(drawn.values())), np.concatenate(list(rebuilt.values()))
    features = {name: reader(pictures)[1] for name, pictures in every.items()}
    report["frechet"] = {
        "features": "of the classifier, 256", "drawn, other true pictures": frechet(features["drawn"], features["others"]),
        "true pictures, other true pictures": frechet(features["truth"], features["others"]),
        "through the autoencoder, other true pictures": frechet(features["rebuilt"], features["others"]),
    }
    report["autoencoder PSNR"] = round(float(psnr(every["rebuilt"], every["truth"]).mean()), 2)
    report["autoencoder PSNR, held out"] = {}
    for name in ("style", "things"):
        strangers = floats(load_pictures(data / name)[:200]).numpy()
        rebuilt = in_batches(lambda some: pipeline.decode(pipeline.encode(some)), strangers)
        report["autoencoder PSNR, held out"][name] = round(float(psnr(rebuilt, strangers).mean()), 2)
    report["retrieval among 256"] = {name: retrieval(pipeline, scenes) for name, scenes in halves.items()}

    some = min(options.corrections // 2, half)
    report["corrections"] = {}
    for name, scenes in halves.items():
        targets = {attribute: target[:some] for attribute, target in scenes.targets.items()}
        pictures = {"said wrongly, then corrected": draw(scenes.corrected[:some]), "said once": drawn[name][:some], "true pictures": scenes.truth[:some]}
        report["corrections"][name] = {kind: corrections(reader.right(each, targets), targets, scenes.corrected[:some]) for kind, each in pictures.items()}
    print(f"corrections: {time.time() - start:.0f} s", file=sys.stderr, flush=True)

    some = min(options.inversions // 2, half)
    truth = np.concatenate([scenes.truth[:some] for scenes in halves.values()])
    captions = [caption for scenes in halves.values() for caption in scenes.full[:some]]
    latents = in_batches(pipeline.encode, truth)
    report["inversion PSNR"] = {"scenes": len(truth), "autoencoder": round(float(psnr(in_batches(pipeline.decode, latents), truth).mean()), 2)}
    for name, steps, refinements in (("25 steps", 25, 0), ("50 steps", 50, 0), ("50 steps, refined", 50, 1)):
        again = in_batches(lambda z, told: pipeline.decode(pipeline.rebuild(z, told, steps, refinements)), latents, captions)
        report["inversion PSNR"][name] = round(float(psnr(again, truth).mean()), 2)
    report["seconds"] = round(time.time() - start)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
