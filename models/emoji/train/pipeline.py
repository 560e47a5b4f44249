"""The exported ONNX files at work: drawing, and DDIM (arXiv 2010.02502) from noise to picture and back."""
from pathlib import Path

import numpy as np
import onnxruntime

from data import CHANNELS, GRID, Tokenizer
from networks import TRAIN_TIMESTEPS, alphas_cumprod


class Pipeline:
    """Pictures are float32 [n, 3, 128, 128] in −1…1, latents [n, 96, 8, 8]."""

    def __init__(self, folder, threads=2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads

        def session(name):
            return onnxruntime.InferenceSession(Path(folder) / name / "model.onnx", options, providers=["CPUExecutionProvider"])

        self.tokenizer = Tokenizer(Path(folder) / "tokenizer")
        self.text, self.unet, self.image = session("text_encoder"), session("unet"), session("image_encoder")
        self.encoder, self.decoder = session("vae_encoder"), session("vae_decoder")
        self.alphas = alphas_cumprod().numpy()

    def prompts(self, captions):
        """Hidden states [n, 40, 192] and pooled [n, 256]."""
        return self.text.run(["last_hidden_state", "text_embeds"], {"input_ids": np.array([self.tokenizer(c) for c in captions])})

    def embed(self, pictures):
        return self.image.run(None, {"pixel_values": pictures})[0]

    def encode(self, pictures):
        return self.encoder.run(None, {"sample": pictures})[0]

    def decode(self, latents):
        return self.decoder.run(None, {"latent_sample": latents})[0].clip(-1, 1)

    def draw(self, captions, guidance, steps, random):
        x = random.standard_normal((len(captions), CHANNELS, GRID, GRID)).astype(np.float32)
        return self.decode(self.walk(x, captions, [*timesteps(steps), -1], guidance))

    def rebuild(self, latents, captions, steps, refinements=0):
        """DDIM inversion to noise and the way back, both at guidance 1."""
        way = [*timesteps(steps), -1]
        return self.walk(self.walk(latents, captions, way[::-1], refinements=refinements), captions, way)

    def walk(self, x, captions, way, guidance=1, refinements=0):
        """From the first of the timesteps to the last, −1 being no noise. Each step asks the network at its noisier end.

        Towards noise that end isn't known yet and x stands for it; each refinement asks again where the step arrived.
        """
        prompts = self.prompts(captions)
        if guidance != 1:
            prompts = [np.concatenate([np.repeat(free, len(x), 0), told]) for free, told in zip(self.prompts([""]), prompts)]
        for start, end in zip(way, way[1:]):
            t = max(start, end)
            (signal, sigma), (start_signal, start_sigma), (end_signal, end_sigma) = map(self.scales, (t, start, end))
            noisy = x
            for _ in range(1 + refinements):
                v = self.velocity(noisy, t, prompts) if guidance == 1 else self.guided(noisy, t, prompts, guidance)
                noise = signal * v + sigma * noisy
                original = (x - start_sigma * noise) / start_signal
                noisy = (end_signal * original + end_sigma * noise).astype(np.float32)
            x = noisy
        return x

    def guided(self, x, t, prompts, guidance):
        free, told = np.split(self.velocity(np.concatenate([x, x]), t, prompts), 2)
        return free + guidance * (told - free)

    def velocity(self, x, t, prompts):
        feeds = {"sample": x, "timestep": np.full(len(x), t), "encoder_hidden_states": prompts[0], "text_embeds": prompts[1]}
        return self.unet.run(None, feeds)[0]

    def scales(self, t):
        alpha = self.alphas[t] if t >= 0 else 1.0
        return alpha**0.5, (1 - alpha) ** 0.5


def timesteps(steps):
    """Trailing: the noisiest first."""
    return [round(TRAIN_TIMESTEPS - i * TRAIN_TIMESTEPS / steps) - 1 for i in range(steps)]
