"""Noise schedules and whole DDIM trajectories from diffusers. Writes test/fixtures/schedule/trajectories.json.

The network is a function that both sides can compute: output = 0.8 sin(3 x + t / 250).
"""

import json
from pathlib import Path

import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler

FIXTURES = Path(__file__).parent.parent / "fixtures" / "schedule"
SHAPE = [1, 3, 2, 4]
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CASES = {
    "SD 1.5": {**STABLE_DIFFUSION, "steps_offset": 1, "set_alpha_to_one": False},
    "SD 2.1": {**STABLE_DIFFUSION, "steps_offset": 1, "set_alpha_to_one": False, "prediction_type": "v_prediction"},
    "SD trailing": {**STABLE_DIFFUSION, "timestep_spacing": "trailing"},
    "SD trailing v": {**STABLE_DIFFUSION, "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
    "defaults": {},
    "linear v": {"prediction_type": "v_prediction", "set_alpha_to_one": False},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    "cosine v": {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"},
    "cosine trailing v": {
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "v_prediction",
        "timestep_spacing": "trailing",
        "num_train_timesteps": 500,
    },
    "SD linspace": {**STABLE_DIFFUSION, "timestep_spacing": "linspace"},
    "zero terminal SNR": {**STABLE_DIFFUSION, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
}
COUNTS = [1, 2, 7, 16, 20, 25, 30, 50, 77]
STEPS = 20


def network(x, t):
    return 0.8 * torch.sin(3 * x + int(t) / 250)


def numbers(x):
    return [float(f"{value:.9g}") for value in x.flatten().tolist()]


def main():
    random = torch.Generator().manual_seed(0)
    cases = []
    for name, config in CASES.items():
        scheduler = DDIMScheduler(**config, clip_sample=False)
        case = {"name": name, "config": dict(scheduler.config)}
        total = scheduler.config.num_train_timesteps
        shown = [*range(0, total, 50), *range(total - 3, total)]
        case["alphasCumprod"] = [[t, scheduler.alphas_cumprod[t].double().item()] for t in shown]
        case["timesteps"] = {}
        for count in COUNTS:
            scheduler.set_timesteps(count)
            case["timesteps"][count] = scheduler.timesteps.tolist()

        # float64 samples: the only rounding left is that of the schedule itself.
        x0, noise = (torch.randn(SHAPE, generator=random, dtype=torch.float64) for _ in range(2))
        t = torch.tensor([int(0.4 * scheduler.config.num_train_timesteps)])
        case["noised"] = {
            "t": int(t),
            "x0": numbers(x0),
            "noise": numbers(noise),
            "noisy": numbers(scheduler.add_noise(x0, noise, t)),
            "velocity": numbers(scheduler.get_velocity(x0, noise, t)),
        }
        scheduler.set_timesteps(STEPS)
        # linspace: diffusers steps by T // n and not to the next of its own timesteps, so there is nothing to compare.
        if config.get("timestep_spacing") != "linspace" and "zero" not in name:
            case["sampling"] = trajectory(scheduler, noise)
            inverse = DDIMInverseScheduler(**config, clip_sample=False)
            inverse.set_timesteps(STEPS)
            case["inversion"] = trajectory(inverse, x0, inverse_step=scheduler.config.num_train_timesteps // STEPS)
        cases.append(case)
    text = json.dumps({"dims": SHAPE, "steps": STEPS, "cases": cases}, separators=(",", ":"))
    FIXTURES.mkdir(parents=True, exist_ok=True)
    (FIXTURES / "trajectories.json").write_text(text + "\n")


def trajectory(scheduler, x, inverse_step=0):
    """Every sample and every prediction of x0; inverting, the network sees the timestep that its sample stands at."""
    samples, originals = [numbers(x)], []
    for t in scheduler.timesteps:
        step = scheduler.step(network(x, max(t - inverse_step, 0)), t, x)
        x = step.prev_sample
        samples.append(numbers(x))
        originals.append(numbers(step.pred_original_sample))
    return {"samples": samples, "originals": originals}


if __name__ == "__main__":
    main()
