"""Difference files in other programs, and textual inversions from them.

    npx node test/reference/differences.ts     # writes differences/isto/*.safetensors as isto does
    python test/reference/differences.py       # loads them in diffusers; writes everything else in differences/

`isto.safetensors` is what stock diffusers makes of a prompt with each file that isto wrote. `elsewhere/` are textual
inversions as other programs save them, with the same calls of torch and safetensors, for the models in ../pipelines;
`elsewhere.json` are their values, and `elsewhere.safetensors` what diffusers makes of a prompt with them.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from exports import relative_error, seeded
from pipelines import FAMILIES, FIXTURES, WIDTH, WIDTH_2, pipeline_of, with_difference

FOLDER = FIXTURES / "differences"
T5_WIDTH = 32


def tokens(name, count, width):
    return 0.5 * torch.randn(count, width, generator=seeded(name))


def conditioning(family, path):
    pipeline = pipeline_of(family)
    pipeline.to(dtype=torch.double)
    return with_difference(family, pipeline, path)


def of_isto(families):
    """And how far the pooled embedding is when the end is looked for as with an `eos_token_id` of 2."""
    numbers, off = {}, {}
    for family in families:
        path = FOLDER / "isto" / f"{family.name}.safetensors"
        found = conditioning(family, path)
        numbers |= {f"{family.name} {name}": value for name, value in found.items()}
        if not family.xl:
            continue
        pipeline = pipeline_of(family)
        pipeline.to(dtype=torch.double)
        second = pipeline.text_encoder_2
        second.text_model.eos_token_id = 2
        off[family.name] = relative_error([with_difference(family, pipeline, path)["pooled"]], [found["pooled"]])
    save_file({name: value.float().contiguous() for name, value in numbers.items()}, FOLDER / "isto.safetensors")
    print("pooled, the end looked for as with an eos_token_id of 2:", off)


def elsewhere(folder):
    """Name to what is to be found in it: the tokens for each text encoder."""
    files = {}

    def safe(name, content, expected, metadata=None):
        save_file(content, folder / name, metadata=metadata)
        files[name] = expected

    # diffusers, examples/textual_inversion/textual_inversion.py: one tensor under the placeholder's name.
    one, many = tokens("one", 1, WIDTH), tokens("many", 3, WIDTH)
    safe("learned_embeds.safetensors", {"<cat-toy>": one}, [one], {"format": "pt"})
    safe("learned_embeds-vector.safetensors", {"<cat-toy>": one[0].clone()}, [one])
    safe("learned_embeds-many.safetensors", {"<cat-toy>": many}, [many], {"format": "pt"})
    # The same for SDXL (textual_inversion_sdxl.py): a file for each text encoder.
    safe("learned_embeds-sdxl.safetensors", {"<cat-toy>": one}, [one], {"format": "pt"})
    second = tokens("second", 1, WIDTH_2)
    safe("learned_embeds_2-sdxl.safetensors", {"<cat-toy>": second}, [second], {"format": "pt"})
    # diffusers, examples/advanced_diffusion_training: named by text encoder, also where there is only one.
    safe("advanced.safetensors", {"clip_l": many}, [many])
    # kohya's sd-scripts, train_textual_inversion.py: in half precision if asked, with what it was trained on.
    half = tokens("half", 4, WIDTH).half()
    metadata = {
        "ss_learning_rate": "5e-06",
        "ss_base_model_version": "sd_v1",
        "ss_steps": "1600",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v1/textual-inversion",
        "modelspec.title": "cat toy",
        "sshs_model_hash": "0" * 64,
    }
    safe("kohya-fp16.safetensors", {"emb_params": half}, [half.float()], metadata)
    brain = tokens("brain", 2, WIDTH).bfloat16()
    safe("kohya-bf16.safetensors", {"emb_params": brain}, [brain.float()], metadata)
    # sdxl_train_textual_inversion.py.
    pair = [tokens("pair 1", 2, WIDTH).half(), tokens("pair 2", 2, WIDTH_2).half()]
    safe("kohya-sdxl-fp16.safetensors", {"clip_l": pair[0], "clip_g": pair[1]}, [each.float() for each in pair])
    # As ComfyUI looks them up for SD 3: a third for T5.
    three = [tokens(f"three {width}", 2, width) for width in (WIDTH, WIDTH_2, T5_WIDTH)]
    safe("sd3.safetensors", dict(zip(["clip_l", "clip_g", "t5xxl"], three)), three[:2])

    # Pickles, which are refused: A1111's, diffusers' .bin, and PyTorch's before it wrote ZIP archives.
    a1111 = {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": many},
        "name": "cat-toy",
        "step": 500,
        "sd_checkpoint": None,
        "sd_checkpoint_name": None,
    }
    torch.save(a1111, folder / "a1111.pt")
    torch.save({"<cat-toy>": one}, folder / "learned_embeds.bin")
    torch.save(a1111, folder / "a1111-old.pt", _use_new_zipfile_serialization=False)
    return files


def check_command():
    """docs/running.md's command for a .pt or .bin, on the layouts that there are."""
    docs = (Path(__file__).parents[2] / "docs" / "running.md").read_text()
    program = re.search(r'^python -c "(.*)" x\.pt x\.safetensors$', docs, re.MULTILINE)[1]
    one, pair = tokens("command", 3, WIDTH), [tokens("command 1", 3, WIDTH), tokens("command 2", 3, WIDTH_2)]
    both = dict(zip(["clip_l", "clip_g"], pair))
    parameter = torch.nn.Parameter(one)
    layouts = {
        "A1111": ({"string_to_token": {"*": 265}, "string_to_param": {"*": parameter}, "name": "cat"}, {"emb_params": one}),
        "diffusers": ({"<cat-toy>": one}, {"emb_params": one}),
        "kohya": ({"emb_params": one.half()}, {"emb_params": one.half().float()}),
        "SDXL": (both, both),
        "SDXL with more": ({**both, "step": torch.tensor(500)}, both),
        "the first textual inversion": (
            {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": torch.nn.ParameterDict({"*": parameter})},
            {"emb_params": one},
        ),
    }
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "x.pt", Path(scratch) / "x.safetensors"
        for name, (content, expected) in layouts.items():
            torch.save(content, source)
            subprocess.run([sys.executable, "-c", program, source, target], check=True)
            found = load_file(target)
            assert found.keys() == expected.keys(), (name, found.keys())
            assert all(torch.equal(found[key], expected[key].detach()) for key in expected), name


def main():
    warnings.filterwarnings("ignore")
    check_command()
    torch.set_num_threads(1)
    families = {family.name: family for family in FAMILIES}
    of_isto([families[path.stem] for path in sorted((FOLDER / "isto").iterdir())])

    folder = FOLDER / "elsewhere"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = elsewhere(folder)
    as_json = {name: [{"dims": list(each.shape), "data": each.flatten().tolist()} for each in parts]
               for name, parts in files.items()}
    (FOLDER / "elsewhere.json").write_text(json.dumps(as_json) + "\n")
    numbers = {}
    for name in ["learned_embeds-many", "kohya-fp16", "kohya-sdxl-fp16"]:
        family = families["sdxl" if "sdxl" in name else "sd15"]
        found = conditioning(family, folder / f"{name}.safetensors")
        numbers |= {f"{name} {part}": value.float().contiguous() for part, value in found.items()}
    save_file(numbers, FOLDER / "elsewhere.safetensors")


if __name__ == "__main__":
    main()
