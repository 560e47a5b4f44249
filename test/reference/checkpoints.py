"""The same small random pipelines as pipelines.py makes, as diffusers saves them: folders of .safetensors.

Writes test/fixtures/checkpoints/NAME/. The weights are those of test/fixtures/pipelines/NAME, so its numbers are the
expected ones; what has no ONNX export beside it (bfloat16) brings NAME.safetensors and NAME.json of its own.
Run it with names to make only those: `python checkpoints.py sd15`.
"""

import shutil
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from few_steps import LCM, TURBO, consistency_pipeline
from pipelines import FAMILIES, FIXTURES, numbers_of, pipeline_of, write_json

OUT = FIXTURES / "checkpoints"
BY_NAME = {family.name: family for family in FAMILIES}

# Each the family of which the weights are, and how they are saved.
FOLDERS = {
    "sd15": (BY_NAME["sd15"], {}),
    "sd15-fp16": (BY_NAME["sd15-fp16"], {"variant": "fp16"}),
    "sd21": (BY_NAME["sd21"], {}),
    "sd21-bf16": (replace(BY_NAME["sd21"], name="sd21-bf16"), {"bfloat16": True}),
    "sdxl": (BY_NAME["sdxl"], {"variant": "fp16"}),
    "sdxl-sharded": (BY_NAME["sdxl-fp32"], {"max_shard_size": "100KB"}),
    "sd3": (BY_NAME["sd3"], {}),
    "flux": (BY_NAME["flux"], {}),
}


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for name, (family, options) in FOLDERS.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        torch.manual_seed(0)
        folder = OUT / name
        shutil.rmtree(folder, ignore_errors=True)
        pipeline = pipeline_of(family)
        is_bfloat16 = options.pop("bfloat16", False)
        if is_bfloat16:
            pipeline.to(dtype=torch.bfloat16)
        pipeline.save_pretrained(folder, safe_serialization=True, **options)
        write_json(folder / "scheduler" / "scheduler_config.json", family.scheduler)
        if family.flux:
            # Nothing else in such a folder says how large its pictures are.
            write_json(folder / "manifest.json", {"name": name, "description": "", "licence": "", "files": [], "side": 16})
        if is_bfloat16:
            with tempfile.TemporaryDirectory() as scratch:
                numbers, description = numbers_of(family, pipeline, Path(scratch) / "difference.safetensors")
            arrays = {key: value.detach().float().contiguous() for key, value in numbers.items()}
            save_file(arrays, folder.with_suffix(".safetensors"))
            write_json(folder.with_suffix(".json"), description)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(name, size, "bytes", flush=True)
    # Laid over the folders of other families, as those of test/fixtures/few-steps are over their exports.
    if not sys.argv[1:] or "few-steps" in sys.argv[1:]:
        consistency_pipeline(BY_NAME["sd15"]).unet.save_pretrained(OUT / "lcm" / "unet")
        write_json(OUT / "lcm" / "scheduler" / "scheduler_config.json", LCM)
        write_json(OUT / "turbo" / "scheduler" / "scheduler_config.json", TURBO)


if __name__ == "__main__":
    main()
