"""LoRAs of the single files sd3-one and flux-one, under kohya's and diffusers' names, and what PyTorch computes with them.

Writes test/fixtures/loras/NAME-kohya.safetensors and NAME-diffusers.safetensors, which say the same of every linear layer
of the transformer and of CLIP's encoders, and NAME.safetensors and NAME.json: the numbers of weights into which it was merged.
Takes a folder with CLIP's vocab.json and merges.txt, as transformer_files.py does, whose models these are.
"""

import gzip
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from diffusers.loaders.lora_conversion_utils import _convert_kohya_flux_lora_to_diffusers
from safetensors.torch import load, save_file
from torch import nn

from exports import seeded
from pipelines import FIXTURES, numbers_of, write_json
from single_files import BY_NAME, OUT
from transformer_files import one_file, original, small_flux, small_sd3

LORAS = FIXTURES / "loras"
RANK, ALPHA, STRENGTH = 2, 1, 0.8
# What a single file joins has one first matrix.
LEADERS = {"to_k": "to_q", "to_v": "to_q", "add_k_proj": "add_q_proj", "add_v_proj": "add_q_proj"}


def changes_of(module, name):
    """Of every layer: down [rank, in], up [out, rank], about as large together as half of its weights."""
    random, found, firsts = seeded(name), {}, {}
    layers = {key: each.weight for key, each in module.named_modules() if isinstance(each, (nn.Linear, nn.Conv2d))}
    for key, weight in layers.items():
        stem, last = key.rpartition(".")[::2]
        leader = f"{stem}.attn.to_q" if last == "proj_mlp" else f"{stem}.{LEADERS.get(last, last)}"
        down = torch.randn(RANK, *weight.shape[1:], generator=random)
        down = firsts.setdefault(leader, (down / down.norm() * RANK).half())
        up = torch.randn(weight.shape[0], RANK, *[1] * (weight.ndim - 2), generator=random)
        found[key] = (down, (up / up.norm() * weight.float().norm() / RANK).half())
    return found


def merge(module, changes):
    weights = dict(module.named_parameters())
    for key, (down, up) in changes.items():
        weight = weights[f"{key}.weight"]
        change = up.double().flatten(1) @ down.double().flatten(1)
        weight += STRENGTH * ALPHA / RANK * change.reshape(weight.shape)


def of_transformer(changes, family):
    """kohya's names are those of the single file."""
    ids = {f"{key}.weight": torch.full([up.shape[0]], index) for index, (key, (_, up)) in enumerate(changes.items())}
    first = [down for down, _ in changes.values()]
    ups = original({f"{key}.weight": up for key, (_, up) in changes.items()}, family)
    for key, owners in original(ids, family).items():
        yield key.removesuffix(".weight").replace(".", "_"), first[int(owners[0])], ups[key]


def of_text(changes):
    for key, pair in changes.items():
        yield key if key.startswith("text_model.") else f"text_model.{key}", *pair


def kohya(layers, prefix):
    found = {}
    for key, down, up in layers:
        name = f"{prefix}_{key.replace('.', '_')}"
        found |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(float(ALPHA))}
    return found


def diffusers(layers, prefix):
    """Without an alpha, which is in the second matrix."""
    found = {}
    for key, down, up in layers:
        found |= {f"{prefix}.{key}.lora_A.weight": down, f"{prefix}.{key}.lora_B.weight": up * ALPHA / RANK}
    return found


def check_flux(by_kohya, by_diffusers):
    """diffusers' own reader finds the same; it knows `linear1` at the real size only, and no alpha of the last layer."""
    held = {key: value for key, value in by_kohya.items() if "linear1" not in key and "final_layer" not in key}
    held = {key: value for key, value in held.items() if "lora_te" not in key}
    read = _convert_kohya_flux_lora_to_diffusers(held)
    read = {key if key.startswith("transformer.") else f"transformer.{key}": value for key, value in read.items()}
    names = [key.removesuffix(".lora_A.weight") for key in read if key.endswith(".lora_A.weight")]
    assert len(names) > 20, len(names)
    for name in names:
        one, other = (of[f"{name}.lora_B.weight"].float() @ of[f"{name}.lora_A.weight"].float() for of in (read, by_diffusers))
        assert torch.allclose(one, other, rtol=1e-2, atol=1e-4), name


def write(name, family, pipeline, held):
    known = load(gzip.decompress((OUT / f"{name}.safetensors.gz").read_bytes()))
    assert known.keys() == held.keys() and all(torch.equal(known[key], value) for key, value in held.items()), name
    transformer = changes_of(pipeline.transformer, f"{name} LoRA transformer")
    by_kohya = kohya(of_transformer(transformer, family.name), "lora_unet")
    by_diffusers = diffusers(((key, *pair) for key, pair in transformer.items()), "transformer")
    encoders = [pipeline.text_encoder] + ([pipeline.text_encoder_2] if family.sd3 else [])
    pipeline.to(dtype=torch.double)
    merge(pipeline.transformer, transformer)
    for index, module in enumerate(encoders):
        changes = changes_of(getattr(module, "text_model", module), f"{name} LoRA text {index}")
        changes = {key: pair for key, pair in changes.items() if "text_projection" not in key}
        by_kohya |= kohya(of_text(changes), f"lora_te{index + 1}")
        by_diffusers |= diffusers(of_text(changes), ["text_encoder", "text_encoder_2"][index])
        merge(getattr(module, "text_model", module), changes)
    if family.flux:
        check_flux(by_kohya, by_diffusers)
    for form, tensors in (("kohya", by_kohya), ("diffusers", by_diffusers)):
        save_file({key: value.contiguous().clone() for key, value in tensors.items()}, LORAS / f"{name}-{form}.safetensors")
    with tempfile.TemporaryDirectory() as scratch:
        numbers, description = numbers_of(replace(family, name=name), pipeline, Path(scratch) / "difference.safetensors")
    numbers = {key: value for key, value in numbers.items() if key not in ("picture", "encoded")}
    save_file({key: value.detach().float().contiguous() for key, value in numbers.items()}, LORAS / f"{name}.safetensors")
    write_json(LORAS / f"{name}.json", {**description, "strength": STRENGTH})
    print(name, len(by_kohya), "tensors; PyTorch's own error", description["errorOfPyTorch"], flush=True)


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    LORAS.mkdir(exist_ok=True)
    torch.manual_seed(0)
    sd3 = small_sd3("sd3-one", BY_NAME["sd3"])
    flux = small_flux("flux-one", BY_NAME["flux"], sd3)
    held = one_file(sd3)
    write("flux-one", BY_NAME["flux"], flux, original(flux.transformer.state_dict(), "flux"))
    write("sd3-one", BY_NAME["sd3"], sd3, held)


if __name__ == "__main__":
    main()
