"""A captioner of photographs, small and random: a ViT that a GPT-2 looks at, laid out and exported as transformers.js
takes it, and what transformers says of two pictures with the same weights.

Writes test/fixtures/captioner/: captioner/ (part of a model folder) and case.json, numbers.safetensors. The decoder takes
one token a step and what it has seen before; the public exports hold a second graph beside it for the first step.
"""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    DynamicCache,
    EncoderDecoderCache,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
    VisionEncoderDecoderModel,
)

from exports import enliven, seeded
from vision import picture, pil

FOLDER = Path(__file__).parent.parent / "fixtures" / "captioner"
PART = FOLDER / "captioner"
SIDE, WIDTH, HEADS, LAYERS, LONGEST = 16, 16, 2, 2, 12
END, PAD = "<|endoftext|>", "<pad>"
SAID = ["a cat sitting on a table", "a dog running through a field", "two people standing near a small boat "]


def tokenizer():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=[END, PAD], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made.train_from_iterator(SAID, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token=END, eos_token=END, unk_token=END, pad_token=PAD)


def model_of(words):
    end = words.eos_token_id
    image_encoder = ViTConfig(
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        image_size=SIDE,
        patch_size=8,
    )
    text_decoder = GPT2Config(
        vocab_size=len(words),
        n_positions=32,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        add_cross_attention=True,
        is_decoder=True,
        tie_word_embeddings=False,
        bos_token_id=end,
        eos_token_id=end,
    )
    model = VisionEncoderDecoderModel(
        encoder=ViTModel(image_encoder, add_pooling_layer=False), decoder=GPT2LMHeadModel._from_config(text_decoder)
    )
    model = enliven(model, seeded("captioner")).eval()
    # So that the words depend on the picture.
    model.decoder.lm_head.weight.data.mul_(4)
    # Nothing that is no letter: bytes that are no text would hide what was said.
    for index in range(len(words)):
        if not words.decode([index]).strip().isalpha():
            model.decoder.lm_head.weight.data[index] = 0
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id = config.eos_token_id = end
        config.pad_token_id = words.pad_token_id
    model.generation_config.max_length = LONGEST
    return model


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.encoder = model.encoder

    def forward(self, pixel_values):
        return self.encoder(pixel_values).last_hidden_state


class Decoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.decoder = model.decoder

    def forward(self, input_ids, encoder_hidden_states, *past):
        own = DynamicCache()
        for layer in range(LAYERS):
            own.update(past[2 * layer], past[2 * layer + 1], layer)
        start = past[0].shape[2]
        position = torch.zeros_like(input_ids) + start
        out = self.decoder(
            input_ids,
            encoder_hidden_states=encoder_hidden_states,
            past_key_values=EncoderDecoderCache(own, DynamicCache()),
            position_ids=position,
            use_cache=True,
        )
        seen = out.past_key_values.self_attention_cache
        return out.logits, *(value for layer in seen.layers for value in (layer.keys, layer.values))


def export(model):
    graphs = PART / "onnx"
    graphs.mkdir(parents=True)
    torch.onnx.export(
        Encoder(model).eval(),
        (torch.randn(1, 3, SIDE, SIDE),),
        graphs / "encoder_model.onnx",
        dynamo=False,
        input_names=["pixel_values"],
        output_names=["last_hidden_state"],
        opset_version=14,
        dynamic_axes={"pixel_values": {0: "batch_size"}, "last_hidden_state": {0: "batch_size"}},
    )
    past = [torch.randn(1, HEADS, 3, WIDTH // HEADS) for _ in range(2 * LAYERS)]
    names = [f"{layer}.{what}" for layer in range(LAYERS) for what in ("key", "value")]
    torch.onnx.export(
        Decoder(model).eval(),
        (torch.tensor([[5]]), torch.randn(1, 5, WIDTH), *past),
        graphs / "decoder_model_merged.onnx",
        dynamo=False,
        input_names=["input_ids", "encoder_hidden_states", *(f"past_key_values.{name}" for name in names)],
        output_names=["logits", *(f"present.{name}" for name in names)],
        opset_version=14,
        dynamic_axes={
            "input_ids": {0: "batch_size"},
            "encoder_hidden_states": {0: "batch_size", 1: "encoder_sequence_length"},
            **{f"past_key_values.{name}": {0: "batch_size", 2: "past_sequence_length"} for name in names},
            **{f"present.{name}": {0: "batch_size", 2: "sequence_length"} for name in names},
        },
    )


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shutil.rmtree(FOLDER, ignore_errors=True)
    words = tokenizer()
    model = model_of(words)
    export(model)
    words.save_pretrained(PART)
    settings = json.loads((PART / "tokenizer_config.json").read_text())
    (PART / "tokenizer_config.json").write_text(json.dumps({**settings, "tokenizer_class": "GPT2Tokenizer"}, indent=1) + "\n")
    model.config.save_pretrained(PART)
    model.generation_config.save_pretrained(PART)
    processor = ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    processor.save_pretrained(PART)

    pictures = {name: picture(f"captioned {name}", SIDE, SIDE) for name in ["one", "other"]}
    said = {}
    for name, pixels in pictures.items():
        ids = model.generate(processor(pil(pixels), return_tensors="pt").pixel_values, do_sample=False, num_beams=1)[0]
        said[name] = {"ids": ids.tolist(), "text": words.decode(ids, skip_special_tokens=True).strip()}
        print(name, said[name], flush=True)
    assert said["one"]["ids"] != said["other"]["ids"]
    save_file({name: value.contiguous() for name, value in pictures.items()}, FOLDER / "numbers.safetensors")
    (FOLDER / "numbers.safetensors").chmod(0o644)
    (FOLDER / "case.json").write_text(json.dumps(said, indent=1) + "\n")
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    print(size, "bytes", flush=True)


if __name__ == "__main__":
    main()
