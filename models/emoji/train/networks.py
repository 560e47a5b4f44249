"""The networks of the emoji model. Sizes are the only thing to turn up; the layout is that of Stable Diffusion XL's.

Shapes in the comments are those of pictures of 64 pixels; any multiple of 16 does.
"""
import json
import math
import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

TOKENS = 32  # length of a prompt
PATCH, LATENT_CHANNELS = 8, 48  # pixels of a latent's side, its channels
TRAIN_TIMESTEPS, BETA_START, BETA_END = 1000, 0.00085, 0.012  # scaled linear, as Stable Diffusion


class Tokenizer:
    """Every word of a caption is one token of `tokenizer/vocab.json`."""

    def __init__(self, folder):
        self.vocab = json.loads((Path(folder) / "vocab.json").read_text())
        self.bos, self.eos = self.vocab["<|startoftext|>"], self.vocab["<|endoftext|>"]

    def __call__(self, caption):
        ids = [self.vocab[word + "</w>"] for word in re.findall(r"[a-z]+|,", caption)][: TOKENS - 2]
        return [self.bos, *ids] + [self.eos] * (TOKENS - 1 - len(ids))


def text_encoder(tokenizer, width=192, layers=3, projection=256):
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=len(tokenizer.vocab), hidden_size=width, intermediate_size=4 * width, projection_dim=projection,
        num_hidden_layers=layers, num_attention_heads=width // 48, max_position_embeddings=TOKENS, hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos, eos_token_id=tokenizer.eos, pad_token_id=tokenizer.eos, attn_implementation="eager",
    )
    return CLIPTextModelWithProjection(config)


class ImageEncoder(nn.Module):
    """pixel_values [n, 3, 64, 64] in −1…1 → image_embeds [n, projection], not normalised."""

    def __init__(self, side=64, width=128, projection=256):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.layers = nn.Sequential(
            ImageBlock(width), nn.Conv2d(width, 2 * width, 2, 2), ImageBlock(2 * width), nn.Conv2d(2 * width, 3 * width, 2, 2), ImageBlock(3 * width),
        )
        self.norm = nn.LayerNorm(3 * width)
        self.projection = nn.Linear(3 * width * (side // 16) ** 2, projection, bias=False)

    def forward(self, pixel_values):
        x = self.layers(self.patches(pixel_values))
        return self.projection(self.norm(x.flatten(2).transpose(1, 2)).flatten(1))


class ImageBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.up, self.down = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(3 * width, width, 1)

    def forward(self, x):
        return x + self.down(F.gelu(self.up(self.norm(self.depthwise(x)))))


class Attention(nn.Module):
    def __init__(self, width, context_width, heads):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, x, context):
        def split(y):
            return y.reshape(y.shape[0], -1, self.heads, y.shape[-1] // self.heads).transpose(1, 2)

        q, k, v = split(self.to_q(x)), split(self.to_k(context)), split(self.to_v(context))
        weights = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)
        return self.to_out((weights @ v).transpose(1, 2).reshape(x.shape))


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention to the prompt, GEGLU."""

    def __init__(self, width, text_width, heads):
        super().__init__()
        self.norm0 = nn.GroupNorm(32, width)
        self.proj_in, self.proj_out = nn.Linear(width, width), nn.Linear(width, width)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn1, self.attn2 = Attention(width, width, heads), Attention(width, text_width, heads)
        self.geglu, self.ff = nn.Linear(width, 6 * width), nn.Linear(3 * width, width)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x, text):
        y = self.proj_in(self.norm0(x).flatten(2).transpose(1, 2))
        z = self.norm1(y)
        y = y + self.attn1(z, z)
        y = y + self.attn2(self.norm2(y), text)
        value, gate = self.geglu(self.norm3(y)).chunk(2, -1)
        y = y + self.ff(value * F.gelu(gate))
        return x + self.proj_out(y).transpose(1, 2).reshape(x.shape)


class ResidualBlock(nn.Module):
    """Two convolutions; time and pooled prompt enter as scale and shift of the second norm."""

    def __init__(self, width_in, width, embedding):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(32, width_in), nn.Conv2d(width_in, width, 3, padding=1)
        self.embedding = nn.Linear(embedding, 2 * width)
        self.norm2, self.conv2 = nn.GroupNorm(32, width), nn.Conv2d(width, width, 3, padding=1)
        self.skip = nn.Conv2d(width_in, width, 1) if width_in != width else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, embedding):
        scale, shift = self.embedding(embedding)[:, :, None, None].chunk(2, 1)
        y = self.conv1(F.silu(self.norm1(x)))
        return self.skip(x) + self.conv2(F.silu(self.norm2(y) * (1 + scale) + shift))


class UNet(nn.Module):
    """sample [n, 48, 8, 8], timestep [n] or [], encoder_hidden_states [n, 32, text_width], text_embeds [n, projection] → v [n, 48, 8, 8]."""

    def __init__(self, side=64, fine=128, coarse=320, text_width=192, projection=256, embedding=512):
        super().__init__()
        self.embedding = embedding
        self.time = nn.Sequential(nn.Linear(256, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.pooled = nn.Sequential(nn.Linear(projection, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.conv_in = nn.Conv2d(LATENT_CHANNELS, fine, 3, padding=1)
        grid = side // PATCH
        self.position_fine = nn.Parameter(torch.randn(1, fine, grid, grid) * 0.02)
        self.position_coarse = nn.Parameter(torch.randn(1, coarse, grid // 2, grid // 2) * 0.02)

        def res(width_in, width):
            return ResidualBlock(width_in, width, embedding)

        def attention(width):
            return TransformerBlock(width, text_width, width // 64 if width > 128 else 4)

        self.fine_in = res(fine, fine)
        self.down = nn.Conv2d(fine, coarse, 3, stride=2, padding=1)
        self.coarse_in, self.coarse_in_attention = res(coarse, coarse), attention(coarse)
        self.middle, self.middle_attention = res(coarse, coarse), attention(coarse)
        self.coarse_out, self.coarse_out_attention = res(2 * coarse, coarse), attention(coarse)
        self.up = nn.Conv2d(coarse, fine, 3, padding=1)
        self.fine_out, self.fine_out_attention = res(2 * fine, fine), attention(fine)
        self.fine_last = res(2 * fine, fine)
        self.norm_out, self.conv_out = nn.GroupNorm(32, fine), nn.Conv2d(fine, LATENT_CHANNELS, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, sample, timestep, encoder_hidden_states, text_embeds):
        frequencies = torch.exp(torch.arange(128, device=sample.device) * (-math.log(10000) / 128))
        angles = timestep.float().reshape(-1, 1) * frequencies
        embedding = F.silu(self.time(torch.cat([angles.cos(), angles.sin()], -1)) + self.pooled(text_embeds))
        text = encoder_hidden_states
        x0 = self.conv_in(sample) + self.position_fine
        x1 = self.fine_in(x0, embedding)
        y0 = self.down(x1) + self.position_coarse
        y1 = self.coarse_in_attention(self.coarse_in(y0, embedding), text)
        y = self.middle_attention(self.middle(y1, embedding), text)
        y = self.coarse_out_attention(self.coarse_out(torch.cat([y, y1], 1), embedding), text)
        x = self.up(F.interpolate(y, scale_factor=2.0, mode="nearest"))
        x = self.fine_out_attention(self.fine_out(torch.cat([x, x1], 1), embedding), text)
        x = self.fine_last(torch.cat([x, x0], 1), embedding)
        return self.conv_out(F.silu(self.norm_out(x)))


class PatchEncoder(nn.Module):
    """sample [n, 3, 64, 64] → latent_parameters [n, 48, 8, 8]: principal components of 8 × 8 patches, scaled."""

    def __init__(self, weight, bias):
        super().__init__()
        self.conv = nn.Conv2d(3, LATENT_CHANNELS, 8, 8)
        self.conv.weight.data, self.conv.bias.data = weight, bias

    def forward(self, sample):
        return self.conv(sample)


class PatchDecoder(nn.Module):
    """latent_sample [n, 48, 8, 8] → sample [n, 3, 64, 64], the linear inverse and a small convolutional repair: patch borders, and the noise that sampling leaves."""

    def __init__(self, weight, mean, side=64):
        super().__init__()
        self.grid = side // PATCH
        self.conv = nn.ConvTranspose2d(LATENT_CHANNELS, 3, 8, 8, bias=False)
        self.conv.weight.data = weight
        self.mean = nn.Parameter(mean)  # [3, 8, 8]
        self.repair = nn.Sequential(nn.Conv2d(LATENT_CHANNELS, 256, 3, padding=1), nn.GELU(), nn.Conv2d(256, 256, 3, padding=1), nn.GELU(), nn.Conv2d(256, 3 * 64, 3, padding=1))
        nn.init.zeros_(self.repair[4].weight)
        nn.init.zeros_(self.repair[4].bias)

    def forward(self, latent_sample):
        linear = self.conv(latent_sample) + self.mean.repeat(1, self.grid, self.grid)
        return linear + F.pixel_shuffle(self.repair(latent_sample), 8)


def build(tokenizer, side=64, fine=128, coarse=320):
    """What is trained together: text encoder, image encoder and UNet of the two widths, and the temperature of the contrast."""
    networks = nn.ModuleDict({"text": text_encoder(tokenizer), "image": ImageEncoder(side), "unet": UNet(side, fine, coarse)})
    networks.temperature = nn.Parameter(torch.tensor(math.log(10.0)))
    return networks


def alphas_cumprod():
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TRAIN_TIMESTEPS, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()
