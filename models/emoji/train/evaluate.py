"""How good the model is: python evaluate.py --data TEST --work DIR --onnx models/emoji --sheet FILE.png [--captions 500]

Draws full captions of scenes never seen in training with the shipped ONNX files (DDIM, 50 steps), and grades the pictures with
the classifier. Prints the same grades for the true pictures, as the classifier's own limit, and the autoencoder's PSNR.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image

from classifier import indices, labels_of, load_classifier
from networks import GRID, LATENT_CHANNELS, TRAIN_TIMESTEPS, Tokenizer, alphas_cumprod
from train import load_pictures


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


class Pipeline:
    def __init__(self, folder):
        self.tokenizer = Tokenizer(folder / "tokenizer")
        self.text, self.unet = session(folder / "text_encoder/model.onnx"), session(folder / "unet/model.onnx")
        self.encoder, self.decoder = session(folder / "vae_encoder/model.onnx"), session(folder / "vae_decoder/model.onnx")

    def prompts(self, captions):
        return self.text.run(["last_hidden_state", "text_embeds"], {"input_ids": np.array([self.tokenizer(c) for c in captions])})

    def draw(self, captions, guidance, steps, random):
        hidden, pooled = (np.concatenate(pair) for pair in zip(self.prompts([""] * len(captions)), self.prompts(captions)))
        x = random.standard_normal((len(captions), LATENT_CHANNELS, GRID, GRID)).astype(np.float32)
        abar = alphas_cumprod().numpy()
        timesteps = [round(TRAIN_TIMESTEPS - i * TRAIN_TIMESTEPS / steps) - 1 for i in range(steps)]
        for t, following in zip(timesteps, [*timesteps[1:], -1]):
            feeds = {"sample": np.concatenate([x, x]), "timestep": np.full(2 * len(x), t), "encoder_hidden_states": hidden, "text_embeds": pooled}
            free, told = np.split(self.unet.run(None, feeds)[0], 2)
            v = free + guidance * (told - free)
            signal, sigma = abar[t] ** 0.5, (1 - abar[t]) ** 0.5
            original, noise = signal * x - sigma * v, signal * v + sigma * x
            next_abar = abar[following] if following >= 0 else 1.0
            x = (next_abar**0.5 * original + (1 - next_abar) ** 0.5 * noise).astype(np.float32)
        return self.decoder.run(None, {"latent_sample": x})[0].clip(-1, 1)


def grade(pixels, scenes, classifier, classes):
    with torch.no_grad():
        outputs = classifier(torch.from_numpy(pixels))
    wanted = indices(scenes, classes)
    # The background's colour can't be told once a treatment has changed all colours.
    legible = {"background": torch.tensor([s["treatment"] in ("none", "blurred", "pixelated") for s in scenes])}
    grades = {}
    for name in classes:
        right = outputs[name].argmax(1) == wanted[name]
        grades[name] = round(right[legible.get(name, torch.ones(len(scenes), dtype=torch.bool))].float().mean().item(), 3)
    return grades


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--onnx", required=True)
    parser.add_argument("--sheet", required=True)
    parser.add_argument("--captions", type=int, default=500)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    pipeline = Pipeline(Path(options.onnx))
    classifier, classes = load_classifier(options.work)
    _, scenes = labels_of(options.data)
    scenes = scenes[: options.captions]
    captions = (Path(options.data) / "full.txt").read_text().splitlines()[: options.captions]
    truth = np.ascontiguousarray(load_pictures(options.data)[: options.captions].transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1
    latents = pipeline.encoder.run(None, {"sample": truth})[0]
    rebuilt = pipeline.decoder.run(None, {"latent_sample": latents})[0].clip(-1, 1)
    psnr = 10 * np.log10(4 / ((rebuilt - truth) ** 2).mean((1, 2, 3))).mean()
    drawn = np.concatenate([pipeline.draw(captions[i : i + 50], options.guidance, options.steps, random) for i in range(0, len(captions), 50)])
    print(json.dumps({
        "captions": len(captions), "guidance": options.guidance, "steps": options.steps, "psnr": round(float(psnr), 2),
        "drawn": grade(drawn, scenes, classifier, classes), "true pictures": grade(truth, scenes, classifier, classes),
        "rebuilt pictures": grade(rebuilt.astype(np.float32), scenes, classifier, classes),
    }, indent=1))
    # The first hundred in the file's order: drawn above, true below.
    rows = [np.concatenate([half[i : i + 20] for half in (drawn, truth)], 0) for i in range(0, 100, 20)]
    sheet = np.concatenate([np.concatenate([np.concatenate(list(line), 2) for line in np.split(row, 2)], 1) for row in rows], 1)
    Image.fromarray(((sheet.transpose(1, 2, 0) + 1) * 127.5).round().astype(np.uint8)).save(options.sheet, optimize=True)


if __name__ == "__main__":
    main()
