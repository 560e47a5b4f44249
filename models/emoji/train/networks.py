"""The networks of the emoji model. The exported layout is that of Stable Diffusion XL's."""
import torch
import torch.nn.functional as F
from torch import nn

from data import CHANNELS, GRID, PATCH, SIDE, TOKENS
from layers import Convolution, ResidualBlock, TransformerBlock, sinusoids, zeros

TEXT_WIDTH, POOLED_WIDTH = 192, 256
TRAIN_TIMESTEPS, BETA_START, BETA_END = 1000, 0.00085, 0.012  # scaled linear, as Stable Diffusion


def text_encoder(tokenizer, layers=3):
    """CLIP's: input_ids [n, 40] → last_hidden_state [n, 40, 192], text_embeds [n, 256]."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=len(tokenizer.vocab), hidden_size=TEXT_WIDTH, intermediate_size=4 * TEXT_WIDTH, projection_dim=POOLED_WIDTH,
        num_hidden_layers=layers, num_attention_heads=TEXT_WIDTH // 48, max_position_embeddings=TOKENS, hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos, eos_token_id=tokenizer.eos, pad_token_id=tokenizer.eos, attn_implementation="eager",
    )
    return CLIPTextModelWithProjection(config)


class Residual(nn.Module):
    """Scaled noisy rest and mean picture [n, 64, 2 · 96], timestep [n], prompt → [n, 64, 96]."""

    def __init__(self, fine=128, coarse=320, embedding=512):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(256, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.pooled = nn.Sequential(nn.Linear(POOLED_WIDTH, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.conv_in = Convolution(2 * CHANNELS, fine)
        self.position_fine = nn.Parameter(torch.randn(GRID, GRID, fine) * 0.02)
        self.position_coarse = nn.Parameter(torch.randn(GRID // 2, GRID // 2, coarse) * 0.02)

        def attention(width):
            return TransformerBlock(width, TEXT_WIDTH, max(1, width // 64))

        self.fine_in = ResidualBlock(fine, fine, embedding)
        self.down = Convolution(fine, coarse, 2)
        self.coarse_in, self.coarse_in_attention = ResidualBlock(coarse, coarse, embedding), attention(coarse)
        self.middle, self.middle_attention = ResidualBlock(coarse, coarse, embedding), attention(coarse)
        self.coarse_out, self.coarse_out_attention = ResidualBlock(2 * coarse, coarse, embedding), attention(coarse)
        self.up = nn.Linear(coarse, 4 * fine)
        self.fine_out, self.fine_out_attention = ResidualBlock(2 * fine, fine, embedding), attention(fine)
        self.fine_last = ResidualBlock(2 * fine, fine, embedding)
        self.norm_out, self.conv_out = nn.LayerNorm(fine), Convolution(fine, CHANNELS, zero=True)

    def forward(self, x, timestep, text, pooled):
        embedding = F.silu(self.time(sinusoids(timestep).to(x.dtype)) + self.pooled(pooled))
        x0 = self.conv_in(x.reshape(-1, GRID, GRID, 2 * CHANNELS)) + self.position_fine
        x1 = self.fine_in(x0, embedding)
        y0 = self.down(x1) + self.position_coarse
        y1 = self.coarse_in_attention(self.coarse_in(y0, embedding), text)
        y = self.middle_attention(self.middle(y1, embedding), text)
        y = self.coarse_out_attention(self.coarse_out(torch.cat([y, y1], -1), embedding), text)
        half, fine = GRID // 2, x1.shape[-1]
        x = self.up(y).reshape(-1, half, half, 2, 2, fine).transpose(2, 3).reshape(-1, GRID, GRID, fine)
        x = self.fine_out_attention(self.fine_out(torch.cat([x, x1], -1), embedding), text)
        x = self.fine_last(torch.cat([x, x0], -1), embedding)
        return self.conv_out(F.silu(self.norm_out(x))).reshape(-1, GRID * GRID, CHANNELS)


class UNet(nn.Module):
    """Diffusion of what the mean picture m leaves, as v-prediction of the whole.

    With c the variance of x₀ − m in each channel, a and s the scales of signal and noise, and d = a²c + s²:
    v = a·s·(1 − c)/d·(x − a·m) − s·m + √(c/d)·F([(x − a·m)/√d, m]), which is Wiener's estimate plus what the network F adds.
    """

    def __init__(self, mean_picture, residual, variances):
        super().__init__()
        self.mean_picture, self.residual = mean_picture, residual
        self.register_buffer("variances", variances)  # [96]
        alphas = alphas_cumprod()
        self.register_buffer("scales", torch.stack([alphas.sqrt(), (1 - alphas).sqrt()], 1))  # [1000, 2]

    def forward(self, x, timestep, text, pooled, mean):
        """x [n, 64, 96], text [n, 40, 192], pooled [n, 256], the mean picture of the prompt [n, 64, 96] → v."""
        signal, noise = self.scales[timestep][:, None].chunk(2, -1)
        total = signal * signal * self.variances + noise * noise
        rest = x - signal * mean
        given = torch.cat([rest * total.rsqrt(), mean], -1)
        dtype = self.residual.up.weight.dtype
        added = self.residual(given.to(dtype), timestep, text.to(dtype), pooled.to(dtype)).float()
        return signal * noise * (1 - self.variances) / total * rest - noise * mean + (self.variances / total).sqrt() * added


class ExportedUNet(nn.Module):
    """sample [n, 96, 8, 8], timestep [n], encoder_hidden_states [n, 40, 192], text_embeds [n, 256] → v [n, 96, 8, 8]."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, encoder_hidden_states, text_embeds):
        x = sample.flatten(2).transpose(1, 2)
        v = self.unet(x, timestep, encoder_hidden_states, text_embeds, self.unet.mean_picture(text_embeds))
        return v.transpose(1, 2).reshape(-1, CHANNELS, GRID, GRID)


class ImageEncoder(nn.Module):
    """pixel_values [n, 3, 128, 128] in −1…1 → image_embeds [n, 256] in the space of the captions' text_embeds, not normalised."""

    def __init__(self, width=56):
        super().__init__()
        self.layers = nn.Sequential(
            convolved(3, 32, 4, 4), convolved(32, width, 3, 2), ImageBlock(width),
            convolved(width, 2 * width, 2, 2), ImageBlock(2 * width), convolved(2 * width, 4 * width, 2, 2), ImageBlock(4 * width),
        )
        self.thin = nn.Conv2d(4 * width, 48, 1)  # what is where
        self.projection = nn.Linear(48 * (SIDE // 32) ** 2 + 4 * width, POOLED_WIDTH)

    def forward(self, pixel_values):
        maps = self.layers(pixel_values)
        return self.projection(torch.cat([self.thin(maps).flatten(1), maps.amax((2, 3))], 1))


def convolved(width_in, width, kernel, stride):
    padding = (kernel - stride + 1) // 2
    return nn.Sequential(nn.Conv2d(width_in, width, kernel, stride, padding, bias=False), nn.BatchNorm2d(width), nn.ReLU())


class ImageBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = convolved(width, width, 3, 1)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class PatchEncoder(nn.Module):
    """sample [n, 3, 128, 128] → latent_parameters [n, 96, 8, 8]: principal components of 16 × 16 patches, scaled."""

    def __init__(self, components):
        super().__init__()
        rows = components.directions * components.scales[:, None]
        self.conv = nn.Conv2d(3, CHANNELS, PATCH, PATCH)
        self.conv.weight.data, self.conv.bias.data = rows.reshape(CHANNELS, 3, PATCH, PATCH), -(rows @ components.mean)

    def forward(self, sample):
        return self.conv(sample)


class PatchDecoder(nn.Module):
    """latent_sample [n, 96, 8, 8] → sample [n, 3, 128, 128]: the linear inverse and a convolutional repair of what it leaves."""

    def __init__(self, components, widths=(160, 96, 56, 24)):
        super().__init__()
        inverse = (components.directions / components.scales[:, None]).reshape(CHANNELS, 3, PATCH, PATCH)
        self.linear = nn.ConvTranspose2d(CHANNELS, 3, PATCH, PATCH, bias=False)
        self.linear.weight = nn.Parameter(inverse, requires_grad=False)
        self.mean = nn.Parameter(components.mean.reshape(3, PATCH, PATCH), requires_grad=False)
        self.first = nn.Conv2d(CHANNELS, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(nn.Sequential(DecoderBlock(width), DecoderBlock(width)) for width in widths)
        self.ups = nn.ModuleList(nn.Conv2d(width, 4 * finer, 1) for width, finer in zip(widths, widths[1:]))
        self.seen = nn.Conv2d(12, widths[3], 1)
        self.last = nn.Conv2d(widths[3], 12, 3, padding=1)
        zeros(self.last)

    def forward(self, latent_sample):
        linear = self.linear(latent_sample) + self.mean.repeat(1, GRID, GRID)
        x = self.first(latent_sample)
        for stage, up in zip(self.stages, self.ups):
            x = F.pixel_shuffle(up(stage(x)), 2)
        x = self.stages[-1](x + self.seen(F.pixel_unshuffle(linear, 2)))
        return linear + F.pixel_shuffle(self.last(F.silu(x)), 2)


class DecoderBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        zeros(self.second)

    def forward(self, x):
        return x + self.second(F.silu(self.first(F.silu(x))))


def alphas_cumprod():
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TRAIN_TIMESTEPS, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()
