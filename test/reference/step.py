"""One learning step and one forward run of a denoising network in PyTorch, with the weights of its ONNX file; bench/step.ts runs it.

    python step.py FOLDER INPUTS.safetensors --mode eager|compiled --repeats N --threads N [--gradient OUT.safetensors]

FOLDER is a model's, with `unet/model.onnx` and `unet/config.json`, or the one that ships. Prints one line of JSON: seconds of
each step and of each forward run after a first one, and the peak of resident memory after the steps. A step is
loss = sum of weight (output - target)^2 and its gradient with respect to the conditioning; nothing else requires a gradient.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import onnx
import torch
from diffusers import UNet2DConditionModel
from onnx import numpy_helper
from safetensors.torch import load_file, save_file

TRAIN = Path(__file__).parent.parent.parent / "models" / "emoji" / "train"


def module_path(node):
    """`/down_blocks.0/attentions.0/to_q/MatMul` is down_blocks.0.attentions.0.to_q; a Sequential says its name twice."""
    parts = []
    for part in node.name.split("/")[1:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts.pop()
        parts.append(part)
    return ".".join(parts)


def weights_of(path):
    """By parameter name. Exporters turn the weights of products and norms around, and store equal ones once."""
    model = onnx.load(path)
    stored = {each.name: each for each in model.graph.initializer}
    same = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type in ("Cast", "Identity")}

    def stored_as(name):
        return stored.get(name) or (stored_as(same[name]) if name in same else None)

    numbers = {}
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            source = stored_as(name)
            if source is None:
                continue
            value = torch.from_numpy(numpy_helper.to_array(source).copy())
            kind = {"Mul": "weight", "MatMul": "weight", "Add": "bias"}.get(node.op_type, ("", "weight", "bias")[min(index, 2)])
            numbers[f"{module_path(node)}.{kind}"] = value.T if node.op_type == "MatMul" else value
            if not name.startswith("onnx::"):
                numbers.setdefault(name.removesuffix(".half"), value)
    return {name.removeprefix("module."): value for name, value in numbers.items()}


def network_of(folder):
    config = folder / "unet" / "config.json"
    with torch.device("meta"):
        if config.exists():
            unet = UNet2DConditionModel.from_config(json.loads(config.read_text()))
        else:
            sys.path.insert(0, str(TRAIN))
            import networks

            unet = networks.UNet(64, 128, 320)
    weights = {name: value.float() for name, value in weights_of(folder / "unet" / "model.onnx").items()}
    wanted = unet.state_dict()
    lacking = [name for name in wanted if name not in weights]
    if lacking:
        sys.exit(f"No weights for {lacking}")
    unet.load_state_dict({name: weights[name].reshape(wanted[name].shape) for name in wanted}, assign=True)
    return unet.eval().requires_grad_(False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("--mode", choices=["eager", "compiled"], default="eager")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gradient", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    unet = network_of(arguments.folder)
    given = load_file(arguments.inputs)
    sample, timestep = given["sample"], given["timestep"].long()
    by = {name: given[name].requires_grad_() for name in ("encoder_hidden_states", "text_embeds") if name in given}

    if isinstance(unet, UNet2DConditionModel):
        added = {name: given[name] for name in ("text_embeds", "time_ids") if name in given}

        def run(states, sample=sample):
            return unet(sample, timestep, states, added_cond_kwargs=added, return_dict=False)[0]

        run_with = lambda: run(by["encoder_hidden_states"])
    else:
        run_with = lambda: unet(sample, timestep, by["encoder_hidden_states"], by["text_embeds"])

    def loss_of():
        return (given["weight"] * (run_with() - given["target"]) ** 2).sum()

    forward = loss = None
    if arguments.mode == "compiled":
        loss_of, run_with = torch.compile(loss_of), torch.compile(run_with)

    def step():
        loss = loss_of()
        return loss.detach(), torch.autograd.grad(loss, list(by.values()))

    def without_gradient():
        with torch.no_grad():
            return run_with()

    def seconds(work):
        work()
        found = []
        for _ in range(arguments.repeats):
            start = time.perf_counter()
            result = work()
            found.append(time.perf_counter() - start)
        return found, result

    steps, (loss, gradients) = seconds(step)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    forward, _ = seconds(without_gradient)
    if arguments.gradient:
        save_file({name: each.contiguous() for name, each in zip(by, gradients, strict=True)}, arguments.gradient)
    print(json.dumps({"step": steps, "forward": forward, "peakRssBytes": peak, "loss": loss.item()}))


if __name__ == "__main__":
    main()
