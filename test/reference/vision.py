"""What sees beside a diffusion model, small and random, exported as the public ones are: CLIP's two encoders, Stable
Diffusion's safety checker, and what they take for pixels.

Writes test/fixtures/vision/: joint/ and safety-NAME/ (parts of a model folder) and numbers.safetensors; safety-weights/ is the
checker safety-exact/ as diffusers saves it, in float16. Expected numbers are computed in float64 from the weights as exported;
pixels as Pillow resizes them. With the word `weights` only safety-weights/ is made.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from exports import enliven, seeded

FIXTURES = Path(__file__).parent.parent / "fixtures"
FOLDER = FIXTURES / "vision"
TOKENIZER = FIXTURES / "tokenizer" / "eos-pad"
BOS, EOS = 712, 713  # of that tokenizer
LENGTH, WIDTH, PROJECTION = 77, 16, 12  # as the text encoders of pipelines.py
SIDE = 24
PROMPT = "a cat, flat style, on a teal background"
LEARNED_BEHIND = "a small dog"
TOKENS = 3
VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 8,
    "projection_dim": PROJECTION,
}


# 1. The parts.


def text_tower():
    # As OpenAI's: the end is found as the largest id.
    config = CLIPTextConfig(
        bos_token_id=BOS,
        eos_token_id=2,
        vocab_size=EOS + 1,
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_attention_heads=2,
        num_hidden_layers=2,
        max_position_embeddings=LENGTH,
        projection_dim=PROJECTION,
    )
    return enliven(CLIPTextModelWithProjection._from_config(config), seeded("text tower"))


def vision_tower():
    return enliven(CLIPVisionModelWithProjection._from_config(CLIPVisionConfig(**VISION)), seeded("vision tower"))


def safety_checker():
    config = CLIPConfig(text_config={"hidden_size": WIDTH}, vision_config=VISION, projection_dim=PROJECTION)
    return enliven(StableDiffusionSafetyChecker(config), seeded("safety checker"))


def picture(name, height, width):
    """Coarse shapes with some grain, in -1...1."""
    random = seeded(name)
    coarse = torch.rand(1, 3, 4, 4, generator=random) * 2 - 1
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]
    return (smooth + 0.2 * torch.randn(3, height, width, generator=random)).clamp(-1, 1)


def pil(pixels):
    """As diffusers hands a picture to its safety checker."""
    values = (pixels / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).numpy()
    return Image.fromarray((values * 255).round().astype(np.uint8))


PROCESSOR = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})


def pixel_values(pixels):
    return PROCESSOR(pil(pixels), return_tensors="pt").pixel_values


# 2. The exports.


class Called(torch.nn.Module):
    def __init__(self, module, call):
        super().__init__()
        self.module, self.call = module, call

    def forward(self, *inputs):
        return self.call(self.module, *inputs)


def export(path, module, call, inputs, outputs, dynamic):
    path.parent.mkdir(parents=True)
    torch.onnx.export(
        Called(module, call),
        tuple(inputs.values()),
        path,
        dynamo=False,
        input_names=list(inputs),
        output_names=outputs,
        opset_version=14,
        dynamic_axes=dynamic,
    )


def export_clip_encoders(text, vision):
    ids = torch.full((2, 16), EOS)
    export(
        FOLDER / "joint" / "text_encoder" / "model.onnx",
        text,
        lambda module, ids: module(ids).text_embeds,
        {"input_ids": ids},
        ["text_embeds"],
        {"input_ids": {0: "batch_size", 1: "sequence_length"}, "text_embeds": {0: "batch_size"}},
    )
    open_sizes = {0: "batch_size", 1: "num_channels", 2: "height", 3: "width"}
    export(
        FOLDER / "joint" / "image_encoder" / "model.onnx",
        vision,
        lambda module, pixels: module(pixels).image_embeds,
        {"pixel_values": torch.randn(2, 3, SIDE, SIDE)},
        ["image_embeds"],
        {"pixel_values": open_sizes, "image_embeds": {0: "batch_size"}},
    )
    PROCESSOR.save_pretrained(FOLDER / "joint" / "image_encoder")


def export_checker(name, checker):
    """As diffusers' convert_stable_diffusion_checkpoint_to_onnx.py does."""
    folder = FOLDER / f"safety-{name}"
    export(
        folder / "safety_checker" / "model.onnx",
        checker,
        lambda module, clip_input, images: module.forward_onnx(clip_input, images),
        {"clip_input": torch.randn(1, 3, SIDE, SIDE), "images": torch.randn(1, SIDE, SIDE, 3)},
        ["out_images", "has_nsfw_concepts"],
        {
            "clip_input": {0: "batch", 1: "channels", 2: "height", 3: "width"},
            "images": {0: "batch", 1: "height", 2: "width", 3: "channels"},
        },
    )
    PROCESSOR.save_pretrained(folder / "feature_extractor")


def set_thresholds(checker, special, other):
    checker.special_care_embeds_weights.data.fill_(special)
    checker.concept_embeds_weights.data.fill_(other)


# 3. The numbers.


def learned_ids(tokenizer):
    """begin, prompt, comma, a comma for each token, end, padding; and where the tokens begin."""
    words = tokenizer(f"{LEARNED_BEHIND},", add_special_tokens=False).input_ids
    comma = tokenizer(",", add_special_tokens=False).input_ids
    ids = [BOS, *words, *comma * TOKENS, EOS]
    return torch.tensor([ids + [EOS] * (LENGTH - len(ids))]), 1 + len(words)


def tower_numbers(text, vision):
    text, vision = text.double(), vision.double()
    random = seeded("tower numbers")
    tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER)
    tokens = 0.5 * torch.randn(TOKENS, WIDTH, generator=random)
    cotangent = torch.randn(PROJECTION, generator=random)
    said = tokenizer(PROMPT, padding="max_length", max_length=LENGTH, return_tensors="pt").input_ids
    ids, start = learned_ids(tokenizer)
    leaf = tokens.double().requires_grad_()

    def replace(_module, _inputs, looked_up):
        return torch.cat([looked_up[:, :start], leaf[None], looked_up[:, start + TOKENS :]], dim=1)

    with torch.no_grad():
        prompt_embeds = text(said).text_embeds[0]
    hook = text.get_input_embeddings().register_forward_hook(replace)
    embeds = text(ids).text_embeds[0]
    hook.remove()
    (gradient,) = torch.autograd.grad((embeds * cotangent).sum(), leaf)
    seen = picture("seen", 16, 16)
    with torch.no_grad():
        image_embeds = vision(pixel_values(seen).double()).image_embeds[0]
    return {
        "tokens": tokens,
        "cotangent": cotangent,
        "prompt_embeds": prompt_embeds,
        "learned_embeds": embeds,
        "gradient": gradient,
        "picture": seen,
        "image_embeds": image_embeds,
    }


def exact_checker(pictures):
    """It fires at one picture and at another does not, by little."""
    checker = safety_checker().eval()
    with torch.no_grad():
        embeds = [
            torch.nn.functional.normalize(checker.visual_projection(checker.vision_model(pixel_values(one))[1]))
            for one in pictures.values()
        ]
        checker.concept_embeds[3] = embeds[0]
        nearness = float(embeds[0] @ embeds[1].T)
        set_thresholds(checker, 2.0, 2.0)
        checker.concept_embeds_weights[3] = (1 + nearness) / 2
        found = [checker.forward_onnx(pixel_values(one), torch.ones(1, 8, 8, 3))[1].tolist() for one in pictures.values()]
    assert found == [[True], [False]], found
    return checker, nearness


def write_weights(checker):
    folder = FOLDER / "safety-weights"
    shutil.rmtree(folder, ignore_errors=True)
    checker.half().save_pretrained(folder / "safety_checker", variant="fp16")
    PROCESSOR.save_pretrained(folder / "feature_extractor")


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pictures = {name: picture(name, 64, 64) for name in ["withheld", "shown"]}
    if "weights" in sys.argv[1:]:
        return write_weights(exact_checker(pictures)[0])
    shutil.rmtree(FOLDER, ignore_errors=True)
    text, vision = text_tower(), vision_tower()
    export_clip_encoders(text, vision)
    numbers = tower_numbers(text, vision)

    for height, width in [(64, 64), (37, 50), (16, 21)]:
        pixels = picture(f"{height} x {width}", height, width)
        numbers |= {f"pixels {height}x{width}": pixels, f"values {height}x{width}": pixel_values(pixels)}

    checker = safety_checker().eval()
    for name, threshold in [("always", -2.0), ("never", 2.0)]:
        set_thresholds(checker, threshold, threshold)
        export_checker(name, checker)
    checker, nearness = exact_checker(pictures)
    export_checker("exact", checker)
    write_weights(checker)
    numbers |= pictures

    arrays = {name: value.detach().float().contiguous() for name, value in numbers.items()}
    assert all(value.isfinite().all() for value in arrays.values())
    save_file(arrays, FOLDER / "numbers.safetensors")
    (FOLDER / "case.json").write_text(json.dumps({"prompt": PROMPT, "learnedBehind": LEARNED_BEHIND}, indent=1) + "\n")
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    print(size, "bytes; the two pictures are", nearness, "alike", flush=True)


if __name__ == "__main__":
    main()
