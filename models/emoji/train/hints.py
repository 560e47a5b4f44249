"""What a scene's labels say of the numbers and of the sprites that the mean picture is painted by."""
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from mean_picture import COUNT, NUMBERS, ORIENTATIONS, SPRITE

SIZES = {"large": 0.92, "fairly large": 0.78, "medium": 0.64, "fairly small": 0.5, "small": 0.38, "two": 0.46}
PLACES = {"far left": -1, "left": -0.5, "centre": 0, "right": 0.5, "far right": 1, "very top": -1, "top": -0.5, "middle": 0, "bottom": 0.5, "very bottom": 1, "two": 0}
TURNS = {
    "upright": 0, "tilted right": 30, "tilted far right": 60, "on its right side": 90, "upside down and tilted far left": 120, "upside down and tilted left": 150,
    "upside down": 180, "upside down and tilted right": -150, "upside down and tilted far right": -120, "on its left side": -90, "tilted far left": -60, "tilted left": -30,
}
REACH, BESIDE = 0.85, 0.2376  # as render.ts has them: share of the free space, centre of two things
SHADOW_WIDTHS = {"soft": 0.0686, "hard": 0.0156}
FRAME_WIDTHS = {"thinly ": 0.035, "usual": 1 / 16, "thickly ": 0.095}
STARTS = {name: sum(list(NUMBERS.values())[:index]) for index, name in enumerate(NUMBERS)}


def quarter(turn):
    """Of a turn by its name, the nearest quarters clockwise, 0…3."""
    return round(TURNS[turn] / 90) % 4


class Told:
    """Labels [n, attributes] → what they say [n, COUNT]; orientation [n]; rows with a companion, a shadow, pixels or blur."""

    def __init__(self, work, classes):
        lights = {name: torch.tensor(colour) / 127.5 for name, colour in json.loads((Path(work) / "colours.json").read_text()).items()}

        def table(attribute, value):
            return torch.tensor([float(value(name)) for name in classes[attribute]])

        self.columns = {name: index for index, name in enumerate(classes)}
        self.size = table("size", SIZES.get)
        self.across, self.down = table("across", PLACES.get), table("down", PLACES.get)
        self.two = table("beside", lambda name: name != "none")
        self.quarter = table("turn", quarter)
        self.mirrored = table("mirrored", lambda name: name == "true")
        self.shadow = table("shadow", lambda name: 0.6 * (name != "none"))
        self.shadow_width = table("shadow", lambda name: math.log(SHADOW_WIDTHS.get(name, SHADOW_WIDTHS["soft"])))
        self.frame = table("frame", lambda name: name != "none")
        self.frame_width = table("frame width", lambda name: FRAME_WIDTHS.get(name, 1 / 16))
        self.frame_light = torch.stack([lights.get(name, torch.ones(3)) for name in classes["frame"]])
        self.first = torch.stack([lights[name] for name in classes["background"]])
        # A second colour is faded to, downwards or sideways, or the background lies between the two.
        others = [name.removeprefix("to ").removesuffix(" sideways") for name in classes["second colour"]]
        self.has_second = torch.tensor([float(name != "none") for name in others])
        self.second = torch.stack([lights.get(name, torch.zeros(3)) for name in others])
        self.sideways = table("second colour", lambda name: name.endswith(" sideways"))
        self.downwards = table("second colour", lambda name: name.startswith("to ") and not name.endswith(" sideways"))
        self.colours = torch.stack([colour_matrix(name, lights) for name in classes["treatment"]])
        self.pixels, self.blur = table("treatment", lambda name: name == "pixelated"), table("treatment", lambda name: name == "blurred")

    def __call__(self, labels):
        def of(attribute, table):
            return table[labels[:, self.columns[attribute]].long()]

        size, two = of("size", self.size), of("beside", self.two)
        free = (1 - size) / 2 * REACH
        said = torch.zeros(len(labels), COUNT)
        values = {
            "thing": [torch.where(two > 0, -BESIDE, of("across", self.across) * free), of("down", self.down) * free, size.log()],
            "beside": [torch.full_like(two, BESIDE), torch.zeros_like(two), torch.full_like(two, math.log(SIZES["two"])), two],
            "shadow": [torch.full_like(two, 0.05), torch.full_like(two, 0.06), of("shadow", self.shadow_width), of("shadow", self.shadow)],
            "soft": [of("treatment", self.pixels), of("treatment", self.blur)],
            "frame": [of("frame", self.frame), of("frame width", self.frame_width), *of("frame", self.frame_light).T],
            "colours": [*of("treatment", self.colours).T],
        }
        for name, columns in values.items():
            said[:, STARTS[name] : STARTS[name] + len(columns)] = torch.stack(columns, 1)
        first, second = of("background", self.first), of("second colour", self.second)
        steps = (second - first) * of("second colour", self.has_second)[:, None]
        planes = [first + steps / 2, steps * of("second colour", self.sideways)[:, None], steps * of("second colour", self.downwards)[:, None]]
        said[:, STARTS["background"] : STARTS["background"] + 9] = torch.stack(planes, 2).flatten(1)
        orientation = (of("turn", self.quarter) + ORIENTATIONS // 2 * of("mirrored", self.mirrored)).long()
        softened = of("treatment", self.pixels) + of("treatment", self.blur)
        rows = [each.nonzero()[:, 0] for each in (two, of("shadow", self.shadow), softened)]
        return said, orientation, rows


def colour_matrix(treatment, lights):
    """Rows of a 3 × 4 matrix on light, as effects.ts changes colours: [12]."""
    luma, rows = torch.tensor([0.299, 0.587, 0.114]), torch.cat([torch.eye(3), torch.zeros(3, 1)], 1)
    if treatment == "greyscale":
        rows[:, :3] = luma
    elif treatment == "sepia":
        rows = torch.cat([torch.tensor([[1.08], [0.87], [0.66]]) * luma, torch.tensor([[12], [8], [0]]) / 127.5], 1)
    elif treatment == "negative":
        rows = torch.cat([-torch.eye(3), torch.full((3, 1), 2.0)], 1)
    elif treatment.startswith("tinted "):
        rows = torch.cat([0.45 * torch.eye(3), 0.55 * lights[treatment.removeprefix("tinted ")][:, None]], 1)
    return rows.flatten()


def weights():
    """How much the second loss asks of each number."""
    asked = torch.zeros(COUNT)
    for name, values in {"thing": [20, 20, 10], "beside": [5, 5, 5, 2], "shadow": [5, 5, 0.2, 3], "soft": [2, 2], "frame": [2, 20, 0.5, 0.5, 0.5], "background": [2, 1, 1] * 3, "colours": [2] * 12}.items():
        asked[STARTS[name] : STARTS[name] + len(values)] = torch.tensor(values, dtype=torch.float)
    return asked


class Sprites:
    """The icons that sprite-table.ts draws, [n, 4, 48, 48] of light 0…2 and cover 0…1, by the labels of a scene."""

    DARK = ("black", "maroon", "brown", "forest", "navy", "purple")  # ink on them is light

    def __init__(self, work, classes):
        lines = [json.loads(line) for line in (Path(work) / "sprites.jsonl").read_text().splitlines()]
        self.pictures = torch.from_numpy(np.fromfile(Path(work) / "sprites.u8", np.uint8)).view(len(lines), 4, SPRITE, SPRITE)
        self.columns = {name: index for index, name in enumerate(classes)}
        numbers = [[classes[name].index(line[name]) for name in ("thing", "style", "tone", "recoloured")] for line in lines]
        self.at = torch.full([len(classes[name]) for name in ("thing", "style", "tone", "recoloured")], -1, dtype=torch.long)
        self.at[tuple(torch.tensor(numbers).T)] = torch.arange(len(lines))
        self.untoned, self.own, self.ink = classes["tone"].index("none"), classes["recoloured"].index("own"), classes["style"].index("ink")
        self.tilt = torch.tensor([TURNS[name] - quarter(name) * 90 for name in classes["turn"]])
        self.tilt = (self.tilt + 180) % 360 - 180
        self.mirrored = classes["mirrored"].index("true")
        self.dark = torch.tensor([name in self.DARK for name in classes["background"]])
        self.things = torch.tensor([classes["thing"].index(name) if name in classes["thing"] else -1 for name in classes["beside"]])

    def light_and_cover(self, rows):
        return self.pictures[rows].float() * torch.tensor([2, 2, 2, 1])[:, None, None] / 255

    def __call__(self, labels):
        """The things' sprites, rows that have a companion, and their sprites of half the side."""
        thing, style, background, turn, mirrored, recoloured, tone, beside = (
            labels[:, self.columns[name]].long() for name in ("thing", "style", "background", "turn", "mirrored", "recoloured", "tone", "beside")
        )
        rows = (self.things[beside] >= 0).nonzero()[:, 0]
        first = self.light_and_cover(self.at[thing, style, tone, recoloured])
        second = self.light_and_cover(self.at[self.things[beside[rows]], style[rows], self.untoned, recoloured[rows]])
        light_ink = (style == self.ink) & (recoloured == self.own) & self.dark[background]
        # Tilted before it is mirrored and turned by quarters.
        tilt = torch.where(mirrored == self.mirrored, -self.tilt[turn], self.tilt[turn])
        return lit(tilted(first, tilt), light_ink), rows, F.avg_pool2d(lit(tilted(second, tilt[rows]), light_ink[rows]), 2)

    def basis(self, count):
        """Mean and principal directions by their deviations, of the sprites and of those of half the side."""
        found, chosen = [], torch.arange(0, len(self.pictures), 2)
        pictures = tilted(self.light_and_cover(chosen), torch.tensor([0, 0, 30, -30]).repeat(len(chosen))[: len(chosen)])
        for side, wanted in ((SPRITE, count[0]), (SPRITE // 2, count[1])):
            rows = F.adaptive_avg_pool2d(pictures, side).flatten(1)
            mean = rows.mean(0)
            _, deviations, directions = torch.svd_lowrank(rows - mean, wanted, niter=1)
            found.append((mean, directions * deviations / len(rows) ** 0.5))
        return found


def lit(sprites, which):
    """Some of the sprites in light ink."""
    light = torch.cat([sprites[:, 3:].expand(-1, 3, -1, -1) * 2 * 245 / 255, sprites[:, 3:]], 1)
    return torch.where(which[:, None, None, None], light, sprites)


def tilted(sprites, degrees):
    """Turned clockwise within their squares; most are upright and stay as they are."""
    rows = (degrees != 0).nonzero()[:, 0]
    if len(rows) == 0:
        return sprites
    angles = torch.deg2rad(degrees[rows].float())
    turns = torch.stack([angles.cos(), angles.sin(), 0 * angles, -angles.sin(), angles.cos(), 0 * angles], 1).view(-1, 2, 3)
    chosen = sprites[rows]
    return sprites.index_copy(0, rows, F.grid_sample(chosen, F.affine_grid(turns, list(chosen.shape), align_corners=False), align_corners=False))
