"""Writes test/fixtures/safetensors/*.safetensors with the format's own library, and reads back what isto wrote.

    pip install safetensors==0.8.0 torch==2.14.0
    python test/reference/safetensors_fixture.py            # writes the fixture
    python test/reference/safetensors_fixture.py FILE       # prints a file as JSON
"""
import json
import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

values = torch.tensor([[0.0, -0.0, 1.0, -2.5], [65504.0, 6e-8, 1e-5, 0.333251953125]])


def write() -> None:
    folder = pathlib.Path(__file__).parent.parent / "fixtures" / "safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        "single": values,
        "half": values.to(torch.float16),
        "brain": values.to(torch.bfloat16),
        "scalar": torch.tensor(7.0),
        "nothing": torch.zeros(0, 3),
        "with \"quotes\": é": torch.arange(3, dtype=torch.float32),
    }
    save_file(tensors, folder / "python.safetensors", metadata={"title": "A → A′", "json": "{\"a\": 1}"})
    expected = {name: {"dims": list(t.shape), "data": t.float().flatten().tolist()} for name, t in tensors.items()}
    (folder / "python.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


def show(path: str) -> None:
    with safe_open(path, framework="pt") as file:
        tensors = {name: {"dims": list(file.get_tensor(name).shape), "data": file.get_tensor(name).flatten().tolist()}
                   for name in file.keys()}
        print(json.dumps({"metadata": file.metadata(), "tensors": tensors}))


show(sys.argv[1]) if len(sys.argv) > 1 else write()
