"""Models of few steps: a consistency model, whose network is told how strong its guidance is, and a turbo model.

Writes test/fixtures/few-steps/NAME/ (what is laid over the folder of another family, see pipelines.py), and
NAME.safetensors, NAME.json: what diffusers makes of a prompt in its own steps, with the noise that it drew, and for the
consistency model a step of textual inversion. Computed in float64 from the weights as exported.
"""

import shutil
import warnings

import torch
from diffusers import EulerAncestralDiscreteScheduler, LCMScheduler, UNet2DConditionModel
from diffusers.schedulers import scheduling_euler_ancestral_discrete, scheduling_lcm
from safetensors.torch import save_file

from exports import enliven, relative_error, seeded
from pipelines import (
    BETAS,
    FAMILIES,
    FIXTURES,
    LEARNED_BEHIND,
    LENGTH,
    PROMPT,
    TOKENS,
    WIDTH,
    Wrapped,
    learning_step,
    pipeline_of,
    write_json,
)

OUT = FIXTURES / "few-steps"
EMBEDDING = 24
GUIDANCE = 8.5  # diffusers' own of consistency models
LCM = {"_class_name": "LCMScheduler", **BETAS, "original_inference_steps": 50, "set_alpha_to_one": True}
TURBO = {"_class_name": "EulerAncestralDiscreteScheduler", **BETAS, "timestep_spacing": "trailing"}


def family_named(name):
    return next(family for family in FAMILIES if family.name == name)


def consistency_pipeline(family):
    """Stable Diffusion 1.x with a network that takes `timestep_cond`."""
    pipeline = pipeline_of(family)
    config = {name: value for name, value in pipeline.unet.config.items() if not name.startswith("_")}
    unet = UNet2DConditionModel(**{**config, "time_cond_proj_dim": EMBEDDING})
    pipeline.register_modules(unet=enliven(unet, seeded("lcm unet")), scheduler=LCMScheduler.from_config(LCM))
    return pipeline


def write_consistency_unet(unet, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    inputs = {
        "sample": torch.randn(2, 4, 8, 8),
        "timestep": torch.tensor([601]),
        "encoder_hidden_states": torch.randn(2, LENGTH, WIDTH),
        "timestep_cond": torch.randn(2, EMBEDDING),
    }
    axes = {
        "sample": {0: "batch_size", 1: "num_channels", 2: "height", 3: "width"},
        "timestep": {0: "steps"},
        "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"},
        "timestep_cond": {0: "batch_size"},
    }

    def call(unet, sample, timestep, states, condition):
        return unet(sample, timestep, states, timestep_cond=condition, return_dict=False)

    torch.onnx.export(
        Wrapped(unet, call).eval(),
        tuple(inputs.values()),
        folder / "model.onnx",
        dynamo=False,
        input_names=list(inputs),
        output_names=["out_sample"],
        opset_version=14,
        dynamic_axes=axes,
    )
    write_json(folder / "config.json", dict(unet.config))


@torch.no_grad()
def sampled(pipeline, random, steps, guidance):
    """Prompt to latents. Noises are those of the steps that drew some."""
    noises = []

    def drawn(shape, **_):
        noises.append(torch.randn(shape, generator=random))
        return noises[-1].double()

    scheduling_lcm.randn_tensor = scheduling_euler_ancestral_discrete.randn_tensor = drawn
    noise = torch.randn(1, 4, 8, 8, generator=random)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(dtype=torch.double)
    latents = pipeline(
        PROMPT, latents=noise.double(), num_inference_steps=steps, guidance_scale=guidance, output_type="latent"
    ).images
    return {"noise": noise, "noises": torch.cat(noises[: steps - 1]), "latents": latents}


def learned(family, pipeline, random):
    """As pipelines.py has it, the network told of its guidance."""
    timesteps = torch.tensor([19, 479, 799])
    originals, epsilon = torch.randn(2, 3, 4, 8, 8, generator=random)
    case = {
        "timesteps": timesteps,
        "noisy": pipeline.scheduler.add_noise(originals, epsilon, timesteps),
        "target": epsilon.clone(),
        "weight": torch.rand(originals.shape, generator=random) / originals[0].numel(),
    }
    tokens = [0.5 * torch.randn(TOKENS, WIDTH, generator=random)]

    def told(unet, arguments, options):
        told = pipeline.get_guidance_scale_embedding(torch.tensor([GUIDANCE - 1.0] * 3), EMBEDDING)
        return arguments, {**options, "timestep_cond": told.to(arguments[0])}

    hook = pipeline.unet.register_forward_pre_hook(told, with_kwargs=True)
    loss, gradients = learning_step(family, pipeline, torch.double, tokens, case)
    _, own = learning_step(family, pipeline, torch.float, tokens, case)
    hook.remove()
    print("PyTorch's own error", relative_error(own, gradients))
    del case["timesteps"]
    return {**case, "loss": loss, "tokens": tokens[0], "gradient": gradients[0]}, timesteps.tolist()


def write(name, numbers, description):
    for key, value in numbers.items():
        assert value.isfinite().all() and value.abs().max() > 1e-6, key
    save_file({key: value.detach().float().contiguous() for key, value in numbers.items()}, OUT / f"{name}.safetensors")
    write_json(OUT / f"{name}.json", {"prompt": PROMPT, **description})


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random = seeded("few steps")
    family = family_named("sd15")
    pipeline = consistency_pipeline(family)
    write_consistency_unet(pipeline.unet, OUT / "lcm" / "unet")
    write_json(OUT / "lcm" / "scheduler" / "scheduler_config.json", LCM)
    made = sampled(pipeline, random, 4, GUIDANCE)
    step, timesteps = learned(family, pipeline, random)
    write("lcm", {**made, **step}, {"over": "sd15", "steps": 4, "timesteps": timesteps, "learnedBehind": LEARNED_BEHIND})

    pipeline = pipeline_of(family_named("sdxl"))
    pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(TURBO)
    write_json(OUT / "turbo" / "scheduler" / "scheduler_config.json", TURBO)
    write("turbo", sampled(pipeline, random, 3, 0.0), {"over": "sdxl", "steps": 3})


if __name__ == "__main__":
    main()
