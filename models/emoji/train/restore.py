"""Takes the text encoder back out of a model's ONNX file, so that what follows it can be trained anew: python restore.py --onnx models/emoji --work WORK --tokenizer DIR

Writes WORK/text.pt without optimizer or heads. Weights are those of the file, rounded to float16.
"""
import argparse
from pathlib import Path

import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from data import Tokenizer
from networks import text_encoder


def weights_of(path, modules):
    """Tensors by the names of the module's parameters: initializers kept their names, or belong to the node of their module."""
    graph = onnx.load(path).graph
    stored = {each.name.removesuffix(".half"): torch.from_numpy(numpy_helper.to_array(each).copy()).float() for each in graph.initializer}
    weights = {name.removeprefix("encoder."): tensor for name, tensor in stored.items() if not name.startswith("onnx::")}
    for node in graph.node:
        turned = next((name for name in node.input if name.startswith("onnx::") and name in stored), None)
        module = next((name for name in modules if node.name.replace("/", ".").endswith(f".{name}.MatMul")), None)
        if turned and module:
            weights[f"{module}.weight"] = stored[turned].T
    return weights


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--onnx", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--tokenizer", required=True)
    options = parser.parse_args()
    path, tokenizer = Path(options.onnx) / "text_encoder" / "model.onnx", Tokenizer(options.tokenizer)
    encoder = text_encoder(tokenizer)
    encoder.load_state_dict(weights_of(path, sorted((name for name, _ in encoder.named_modules() if name), key=len, reverse=True)))
    ids = torch.tensor([tokenizer("a dog, flat style"), tokenizer("a cat")])
    with torch.no_grad():
        ours = encoder.eval()(input_ids=ids).text_embeds
    theirs = torch.from_numpy(onnxruntime.InferenceSession(path).run(["text_embeds"], {"input_ids": ids.numpy()})[0])
    print("relative error", ((ours - theirs).norm() / theirs.norm()).item())
    torch.save({"text": encoder.state_dict()}, Path(options.work) / "text.pt")


if __name__ == "__main__":
    main()
