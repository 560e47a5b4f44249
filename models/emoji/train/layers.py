"""Layers on tokens and on grids whose last axis is channels, made cheap for one CPU core.

A 3 × 3 convolution is a matrix product with the nine neighbours side by side, and so is the gradient of its input. For export
(`exporting`) it becomes an ordinary convolution of the same weights.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

exporting = False


def neighbours(x, stride=1):
    """[n, h, w, c] → [n, h / stride, w / stride, 9 c]."""
    _, height, width, _ = x.shape
    x = F.pad(x, (0, 0, 1, 1, 1, 1))
    return torch.cat([x[:, row : row + height : stride, column : column + width : stride] for row in range(3) for column in range(3)], -1)


class ConvolutionProduct(torch.autograd.Function):
    """Stride 1; weight [out, 9 · in], bias [out]."""

    @staticmethod
    def forward(context, x, weight, bias):
        columns = neighbours(x)
        context.save_for_backward(columns, weight)
        return F.linear(columns, weight, bias)

    @staticmethod
    def backward(context, gradient):
        columns, weight = context.saved_tensors
        out, width = weight.shape[0], weight.shape[1] // 9
        rows = gradient.reshape(-1, out)
        of_weight, of_bias = rows.t() @ columns.reshape(-1, 9 * width), rows.sum(0)
        flipped = weight.view(out, 9, width).flip(1).permute(2, 1, 0).reshape(width, 9 * out)
        of_x = F.linear(neighbours(gradient.contiguous()), flipped) if context.needs_input_grad[0] else None
        return of_x, of_weight, of_bias


class Convolution(nn.Module):
    """[n, h, w, in] → [n, h / stride, w / stride, out], 3 × 3."""

    def __init__(self, width_in, width, stride=1, zero=False):
        super().__init__()
        self.linear, self.stride = nn.Linear(9 * width_in, width), stride
        if zero:
            zeros(self.linear)

    def forward(self, x):
        weight, bias = self.linear.weight, self.linear.bias
        if exporting:
            kernel = weight.view(len(weight), 3, 3, -1).permute(0, 3, 1, 2).contiguous()
            return F.conv2d(x.permute(0, 3, 1, 2), kernel, bias, self.stride, 1).permute(0, 2, 3, 1)
        return ConvolutionProduct.apply(x, weight, bias) if self.stride == 1 else F.linear(neighbours(x, self.stride), weight, bias)


class Attention(nn.Module):
    def __init__(self, width, heads, context_width=None):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_kv = nn.Linear(width, width, bias=False), nn.Linear(context_width or width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, x, context):
        n, tokens, width = x.shape
        each = width // self.heads
        q = (self.to_q(x) * each**-0.5).view(-1, tokens, self.heads, each).transpose(1, 2)
        k, v = self.to_kv(context).view(-1, context.shape[1], 2 * self.heads, each).transpose(1, 2).chunk(2, 1)
        weights = torch.matmul(q, k.transpose(-1, -2)).softmax(-1)
        return self.to_out(torch.matmul(weights, v).transpose(1, 2).reshape(-1, tokens, width))


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention to the prompt, feed-forward; [n, h, w, width] → the same."""

    def __init__(self, width, text_width, heads, wider=3):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.own, self.prompt = Attention(width, heads), Attention(width, heads, text_width)
        self.up, self.down = nn.Linear(width, wider * width), nn.Linear(wider * width, width)
        for layer in (self.own.to_out, self.prompt.to_out, self.down):
            zeros(layer)

    def forward(self, x, text):
        n, height, width, channels = x.shape
        y = x.reshape(-1, height * width, channels)
        z = self.norm1(y)
        y = y + self.own(z, z)
        y = y + self.prompt(self.norm2(y), text)
        y = y + self.down(F.silu(self.up(self.norm3(y))))
        return y.reshape(-1, height, width, channels)


class ResidualBlock(nn.Module):
    """Two convolutions; time and pooled prompt enter as scale and shift of the second norm."""

    def __init__(self, width_in, width, embedding):
        super().__init__()
        self.norm1, self.conv1 = nn.LayerNorm(width_in), Convolution(width_in, width)
        self.embedding = nn.Linear(embedding, 2 * width)
        self.norm2, self.conv2 = nn.LayerNorm(width, elementwise_affine=False), Convolution(width, width, zero=True)
        self.skip = nn.Linear(width_in, width) if width_in != width else nn.Identity()

    def forward(self, x, embedding):
        scale, shift = self.embedding(embedding)[:, None, None].chunk(2, -1)
        y = self.conv1(F.silu(self.norm1(x)))
        return self.skip(x) + self.conv2(F.silu(self.norm2(y) * (1 + scale) + shift))


def sinusoids(timestep, half=128):
    """Timesteps [n], 0…999 → [n, 256]."""
    frequencies = torch.exp(torch.arange(half) * (-math.log(10000) / half))
    angles = timestep.float().reshape(-1, 1) * frequencies
    return torch.cat([angles.cos(), angles.sin()], -1)


def zeros(layer):
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
