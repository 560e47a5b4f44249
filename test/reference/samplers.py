"""Whole trajectories of every sampler, from diffusers. Writes test/fixtures/samplers/trajectories.json.

The network is a function that both sides can compute: output = 0.8 sin(3 x + t / 250), its input in double precision.
"""

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

FIXTURES = Path(__file__).parent.parent / "fixtures" / "samplers"
SHAPE = [1, 3, 2, 4]
IMAGE_TOKENS = 1024
FLUX = {
    "use_dynamic_shifting": True,
    "base_shift": 0.5,
    "max_shift": 1.15,
    "base_image_seq_len": 256,
    "max_image_seq_len": 4096,
    "shift": 3.0,
}
# name: scheduler, its configuration, steps
CASES = {
    "flow, SD3": (FlowMatchEulerDiscreteScheduler, {"shift": 3.0}, [1, 4, 20]),
    "flow, FLUX schnell": (FlowMatchEulerDiscreteScheduler, {"shift": 1.0}, [1, 4, 20]),
    "flow, FLUX dev": (FlowMatchEulerDiscreteScheduler, FLUX, [4, 20]),
    "flow, linear shift": (FlowMatchEulerDiscreteScheduler, {**FLUX, "time_shift_type": "linear"}, [20]),
    "flow, terminal": (FlowMatchEulerDiscreteScheduler, {**FLUX, "shift_terminal": 0.1}, [20]),
}


def network(x, t):
    return 0.8 * torch.sin(3 * x.double() + float(t) / 250)


def numbers(x):
    return [float(f"{value:.9g}") for value in x.flatten().tolist()]


def set_timesteps(scheduler, count):
    config = scheduler.config
    if not isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        scheduler.set_timesteps(count)
    elif config.use_dynamic_shifting or config.shift == 1:  # as FLUX's pipelines do
        slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
        mu = config.base_shift + slope * (IMAGE_TOKENS - config.base_image_seq_len)
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / count, count), mu=mu)
    else:
        scheduler.set_timesteps(count)


def trajectory(scheduler, count, random):
    x = torch.randn(SHAPE, generator=random, dtype=torch.float64)
    set_timesteps(scheduler, count)
    samples = [numbers(x)]
    for t in scheduler.timesteps:
        asked = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        x = scheduler.step(network(asked, t), t, x).prev_sample
        samples.append(numbers(x))
    return {"steps": count, "timesteps": numbers(scheduler.timesteps), "samples": samples}


def main():
    random = torch.Generator().manual_seed(0)
    cases = []
    for name, (kind, config, counts) in CASES.items():
        written = {"_class_name": kind.__name__, **config}
        trajectories = [trajectory(kind(**config), count, random) for count in counts]
        cases.append({"name": name, "config": written, "trajectories": trajectories})
    FIXTURES.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"dims": SHAPE, "imageTokens": IMAGE_TOKENS, "cases": cases}, separators=(",", ":"))
    (FIXTURES / "trajectories.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
