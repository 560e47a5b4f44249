"""The mean picture of a caption: a few numbers say how the scene is put together, and a layer of sprites is put together so.

A network without such structure has to learn every thing at every place and size; here a thing is learned once, and places,
sizes, backgrounds, treatments and frames are learned once for all things. Every operator has a gradient in isto's `autodiff`.
"""
import torch
import torch.nn.functional as F
from torch import nn

from data import CHANNELS, GRID, floats
from layers import zeros

SIDE, PATCH = 64, 8  # of the picture that is painted, in pixels; half of what is drawn
SPRITE, SMALL = 48, 24  # sides of a thing's sprite and of its companion's
ORIENTATIONS = 8  # quarter turns clockwise 0…3 of the sprite, then of the mirrored sprite
# What the numbers of a scene are, in order.
NUMBERS = {
    "thing": 3,  # centre across and down, −0.5…0.5 of the side, log of its size
    "beside": 4,  # centre, log of its size, amount 0…1
    "orientation": ORIENTATIONS,  # logits
    "shadow": 4,  # shift across and down, log of its width in sides, how dark 0…1
    "background": 9,  # light 0…2 of each channel in the middle, and how it grows across and down
    "colours": 12,  # rows of a 3 × 4 matrix on light
    "soft": 2,  # amounts of pixels and of blur, 0…1
    "frame": 5,  # amount 0…1, width in sides, light of each channel
}
COUNT = sum(NUMBERS.values())
PLAIN = {
    "thing": [0, 0, -0.3],
    "beside": [0.24, 0, -0.78, 0],
    "orientation": [2.0] + [0] * 7,
    "shadow": [0.05, 0.06, -2.7, 0],
    "background": [1, 0, 0] * 3,
    "colours": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    "soft": [0, 0],
    "frame": [0, 1 / 16, 1, 1, 1],
}


class MeanPicture(nn.Module):
    """text_embeds [n, 256] → the mean of all latents of such captions [n, 64, 96]."""

    def __init__(self, embeds=256, width=1024, blocks=2, basis=512, small_basis=192, rest_basis=256):
        super().__init__()
        self.bases = (basis, small_basis)
        self.register_buffer("mean", torch.zeros(embeds))
        self.register_buffer("deviation", torch.ones(embeds))
        self.scene = nn.Sequential(nn.Linear(embeds, 768), nn.SiLU(), nn.Linear(768, 384), nn.SiLU(), nn.Linear(384, COUNT))
        self.first = nn.Linear(embeds, width)
        self.blocks = nn.ModuleList(nn.ModuleList([nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)]) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.sprite = nn.Sequential(nn.Linear(width, basis), nn.Linear(basis, 4 * SPRITE * SPRITE))
        self.small = nn.Sequential(nn.Linear(width, small_basis), nn.Linear(small_basis, 4 * SMALL * SMALL))
        self.rest = nn.Sequential(nn.Linear(width, rest_basis), nn.Linear(rest_basis, GRID * GRID * CHANNELS))
        for layer in [self.scene[4], self.rest[1], *(down for _, _, down in self.blocks)]:
            zeros(layer)
        with torch.no_grad():
            self.scene[4].bias.copy_(torch.tensor([value for name in NUMBERS for value in PLAIN[name]]))
        self.painter = Painter()

    @torch.no_grad()
    def start(self, bases):
        """From mean sprites and their principal directions, of both sizes."""
        for layers, (mean, directions) in zip((self.sprite, self.small), bases):
            layers[1].bias.copy_(mean), layers[1].weight.copy_(directions)
            zeros(layers[0])

    def layers(self, text_embeds):
        """Numbers of the scene [n, 47], sprites [n, 4, 48, 48] and [n, 4, 24, 24] (light and cover), and what is added to the latents."""
        x = (text_embeds - self.mean) / self.deviation
        with torch.autocast("cpu", enabled=False):  # places need more than bfloat16 has
            numbers = self.scene(x.float())
        x = self.first(x)
        for norm, up, down in self.blocks:
            x = x + down(F.silu(up(norm(x))))
        x = self.norm(F.silu(x))
        return numbers, self.sprite(x).view(-1, 4, SPRITE, SPRITE), self.small(x).view(-1, 4, SMALL, SMALL), self.rest(x).view(-1, GRID * GRID, CHANNELS)

    def forward(self, text_embeds):
        numbers, sprite, small, rest = self.layers(text_embeds)
        return self.painter(numbers, sprite, small) + rest


class Painter(nn.Module):
    """Puts a scene together and encodes it as latents. Pictures are light, 0…2, [n, 3, side, side]."""

    def __init__(self):
        super().__init__()
        at = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
        self.register_buffer("at", at)
        self.register_buffer("plane", torch.stack([torch.ones(SIDE, SIDE), at.expand(SIDE, SIDE), at[:, None].expand(SIDE, SIDE)]).reshape(3, -1))
        self.register_buffer("flip", torch.eye(SPRITE).flip(0))
        self.register_buffer("edge", 0.5 - at.abs())
        blocks = torch.arange(SIDE) // 8
        pixels = (blocks[:, None] == blocks[None]).float()
        blur = torch.exp(-((at[:, None] - at[None]) * 28).square() / 2)
        self.register_buffer("softening", torch.stack([each / each.sum(1, keepdim=True) - torch.eye(SIDE) for each in (pixels, blur)]).reshape(2, -1))
        self.register_buffer("encoder", torch.zeros(CHANNELS, 3 * PATCH * PATCH))
        self.register_buffer("offset", torch.zeros(CHANNELS))

    def fit(self, components, pictures):
        """The best linear encoder of the small pictures' patches into latents. @param pictures uint8 [n, 128, 128, 3]"""
        latents = components.encode(pictures).reshape(-1, CHANNELS)
        rows = patches(F.avg_pool2d(floats(pictures) + 1, 2)).reshape(-1, 3 * PATCH * PATCH)
        solved = torch.linalg.lstsq(torch.cat([rows, torch.ones(len(rows), 1)], 1), latents).solution
        self.encoder.copy_(solved[:-1].T), self.offset.copy_(solved[-1])

    def forward(self, numbers, sprite, small, beside=None, shadowed=None, softened=None):
        """`beside`, `shadowed` and `softened` are the rows that have such; by default all are painted as if they had."""
        said = dict(zip(NUMBERS, numbers.split(list(NUMBERS.values()), 1)))
        centre, log_size = said["thing"][:, :2], said["thing"][:, 2:]
        sprite = F.relu(self.turned(sprite, said["orientation"].softmax(1)))
        things = self.placed(sprite, centre, log_size, SPRITE)
        amount = said["beside"][:, 3:, None, None]
        things = add(things, beside, lambda rows: F.relu(amount[rows]) * self.placed(F.relu(small[rows]), said["beside"][rows, :2], said["beside"][rows, 2:3], SMALL))
        light, cover = things[:, :3], things[:, 3:]
        background = (said["background"].view(-1, 3, 3) @ self.plane.to(numbers.dtype)).view(-1, 3, SIDE, SIDE)
        background = add(background, shadowed, lambda rows: background[rows] * self.shadow(cover[rows], said["shadow"][rows]))
        picture = background - background * cover + light
        colours = said["colours"].view(-1, 3, 4)
        picture = (colours[:, :, :3] @ picture.reshape(-1, 3, SIDE * SIDE) + colours[:, :, 3:]).view(-1, 3, SIDE, SIDE)
        picture = add(picture, softened, lambda rows: self.softer(picture[rows], said["soft"][rows]))
        inside = self.inside(said["frame"])
        picture = picture * inside + said["frame"][:, 2:, None, None] * (1 - inside)
        return F.linear(patches(picture), self.encoder.to(picture.dtype), self.offset.to(picture.dtype))

    def turned(self, sprite, weights):
        """Blend of the eight ways a sprite may lie."""
        flip = self.flip.to(sprite.dtype)
        weights = weights[:, :, None, None, None]
        plain = [weights[:, i] * sprite + weights[:, 4 + i] * (sprite @ flip) for i in range(4)]
        # Clockwise by a quarter: upside down, then rows as columns.
        return plain[0] + (flip @ plain[1]).transpose(2, 3) + flip @ plain[2] @ flip + flip @ plain[3].transpose(2, 3)

    def placed(self, sprite, centre, log_size, side):
        """A sprite in the picture, read between its pixels: [n, 4, side, side] → [n, 4, 64, 64]."""
        inverse = torch.exp(-log_size)
        across = self.tents((self.at - centre[:, :1]) * inverse * side, side)
        down = self.tents((self.at - centre[:, 1:]) * inverse * side, side)
        return down @ (sprite @ across.transpose(2, 3))

    def tents(self, position, side):
        """Positions in a sprite's pixels from its middle [n, 64] → weights of its pixels [n, 1, 64, side]."""
        pixels = torch.arange(side, device=position.device, dtype=position.dtype) - side / 2 + 0.5
        return F.relu(1 - (position[:, :, None] - pixels).abs())[:, None]

    def shadow(self, cover, numbers):
        """What is taken from the background's light, as a share of it and negative."""
        narrow = torch.exp(-numbers[:, 2:3, None])
        moves = [F.relu(1 - ((self.at - numbers[:, i : i + 1])[:, :, None] - self.at).abs() * narrow)[:, None] * narrow[:, None] / SIDE for i in (0, 1)]
        return -F.relu(numbers[:, 3:, None, None]) * (moves[1] @ (cover @ moves[0].transpose(2, 3)))

    def softer(self, picture, numbers):
        """What pixels and blur change in a picture."""
        matrix = ((numbers @ self.softening.to(numbers.dtype)).view(-1, 1, SIDE, SIDE)) + torch.eye(SIDE)
        return matrix @ (picture @ matrix.transpose(2, 3)) - picture

    def inside(self, numbers):
        """1 inside the frame, less under it: [n, 1, 64, 64]."""
        depth = (self.edge - numbers[:, 1:2]) * SIDE + 0.5
        open_ = 1 - F.relu(1 - F.relu(depth))  # 0…1
        both = open_[:, :, None] * open_[:, None]
        return (1 - numbers[:, :1, None] * (1 - both))[:, None]


def patches(picture):
    """[n, 3, 64, 64] → [n, 64, 192]."""
    return picture.reshape(-1, 3, GRID, PATCH, GRID, PATCH).permute(0, 2, 4, 1, 3, 5).reshape(-1, GRID * GRID, 3 * PATCH * PATCH)


def add(picture, rows, change):
    """The picture with a change added to some of its rows, or to all of them."""
    if rows is None:
        return picture + change(slice(None))
    return picture.index_add(0, rows, change(rows).to(picture.dtype)) if len(rows) > 0 else picture
