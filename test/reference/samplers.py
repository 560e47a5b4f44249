"""Whole trajectories of every sampler, from diffusers. Writes test/fixtures/samplers/trajectories.json.

The network is a function that both sides can compute: output = 0.8 sin(3 x + t / 250), its input in double precision.
"""

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    LCMScheduler,
)
from diffusers.schedulers import scheduling_euler_ancestral_discrete, scheduling_lcm

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
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
V = {"prediction_type": "v_prediction"}
LEADING = {"timestep_spacing": "leading", "steps_offset": 1}
TRAILING = {"timestep_spacing": "trailing"}
KARRAS = {"use_karras_sigmas": True}
COSINE = {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1}
FINAL = {"final_sigmas_type": "sigma_min"}
# name: scheduler, its configuration, steps
CASES = {
    "flow, SD3": (FlowMatchEulerDiscreteScheduler, {"shift": 3.0}, [1, 4, 20]),
    "flow, FLUX schnell": (FlowMatchEulerDiscreteScheduler, {"shift": 1.0}, [1, 4, 20]),
    "flow, FLUX dev": (FlowMatchEulerDiscreteScheduler, FLUX, [4, 20]),
    "flow, linear shift": (FlowMatchEulerDiscreteScheduler, {**FLUX, "time_shift_type": "linear"}, [20]),
    "flow, terminal": (FlowMatchEulerDiscreteScheduler, {**FLUX, "shift_terminal": 0.1}, [20]),
    "Euler, SDXL": (EulerDiscreteScheduler, {**BETAS, **LEADING}, [4, 20]),
    "Euler, SD-Turbo": (EulerDiscreteScheduler, {**BETAS, **TRAILING}, [1, 4, 20]),
    "Euler, linspace": (EulerDiscreteScheduler, BETAS, [20]),
    "Euler, linspace v": (EulerDiscreteScheduler, {**BETAS, **V}, [20]),
    "Euler, Karras": (EulerDiscreteScheduler, {**BETAS, **LEADING, **KARRAS}, [20]),
    "Euler, Karras v": (EulerDiscreteScheduler, {**BETAS, **V, **TRAILING, **KARRAS, **FINAL}, [20]),
    "Euler ancestral, SDXL-Turbo": (EulerAncestralDiscreteScheduler, {**BETAS, **TRAILING}, [1, 4, 20]),
    "Euler ancestral v": (EulerAncestralDiscreteScheduler, {**BETAS, **V, **LEADING}, [20]),
    "DPM-Solver": (DPMSolverMultistepScheduler, BETAS, [4, 20]),
    "DPM-Solver, leading v": (DPMSolverMultistepScheduler, {**BETAS, **V, **LEADING}, [20]),
    "DPM-Solver, trailing": (DPMSolverMultistepScheduler, {**BETAS, **TRAILING}, [20]),
    "DPM-Solver, Karras": (DPMSolverMultistepScheduler, {**BETAS, **KARRAS}, [4, 20]),
    "DPM-Solver, sigma_min": (DPMSolverMultistepScheduler, {**BETAS, **FINAL}, [4, 20]),
    "DPM-Solver, sigma_min, second to the end": (
        DPMSolverMultistepScheduler,
        {**BETAS, **FINAL, "lower_order_final": False},
        [4],
    ),
    "DPM-Solver, Euler at last": (DPMSolverMultistepScheduler, {**BETAS, **FINAL, "euler_at_final": True}, [20]),
    "DPM-Solver, first order": (DPMSolverMultistepScheduler, {**BETAS, "solver_order": 1}, [20]),
    "DPM-Solver, cosine": (DPMSolverMultistepScheduler, COSINE, [20]),
    "LCM": (LCMScheduler, {**BETAS, "original_inference_steps": 50}, [1, 4, 8]),
    "LCM v": (LCMScheduler, {**BETAS, **V, "original_inference_steps": 40, "timestep_scaling": 3.0}, [4]),
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
    """x in the scale in which the network sees it, and the noise that was drawn on the way."""
    set_timesteps(scheduler, count)
    sigmas = scheduler.sigmas if "Euler" in type(scheduler).__name__ and not hasattr(scheduler, "shift") else None
    scale = [1.0] * (count + 1) if sigmas is None else [(float(sigma) ** 2 + 1) ** 0.5 for sigma in sigmas]
    x = torch.randn(SHAPE, generator=random, dtype=torch.float64)
    samples, noises = [numbers(x)], []

    def drawn(shape, **_):
        noise = torch.randn(shape, generator=random, dtype=torch.float64)
        noises.append(numbers(noise))
        return noise

    scheduling_lcm.randn_tensor = scheduling_euler_ancestral_discrete.randn_tensor = drawn
    x = x * scale[0]
    for index, t in enumerate(scheduler.timesteps):
        asked = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        x = scheduler.step(network(asked, t), t, x).prev_sample
        samples.append(numbers(x / scale[index + 1]))
    return {"steps": count, "timesteps": numbers(scheduler.timesteps), "samples": samples, "noises": noises}


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
