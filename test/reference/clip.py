"""A small random CLIP as transformers saves it whole, and its embeddings in float64.

Writes test/fixtures/checkpoints/clip/ and clip.safetensors.
"""

import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel

from pipelines import FIXTURES

SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2, "projection_dim": 12}
TEXT = {"vocab_size": 714, "max_position_embeddings": 77, "eos_token_id": 713, "bos_token_id": 712, "pad_token_id": 713}
VISION = {"image_size": 32, "patch_size": 8}


@torch.no_grad()
def main():
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config={**SIZES, **TEXT}, vision_config={**SIZES, **VISION}, projection_dim=12)).eval()
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape)
        is_norm = parameter.ndim == 1 and name.endswith("weight")
        parameter.copy_(noise * (0.3 if parameter.ndim > 1 else 0.2) + is_norm)
    pixels, ids = torch.randn(1, 3, 32, 32), torch.tensor([[712, 5, 320, 41] + [713] * 73])
    model.double()
    image = model.visual_projection(model.vision_model(pixels.double()).pooler_output)
    text = model.text_projection(model.text_model(ids).pooler_output)
    model.float().save_pretrained(FIXTURES / "checkpoints" / "clip")
    numbers = {"pixels": pixels, "image_embeds": image, "text_embeds": text}
    save_file({name: value.float().contiguous() for name, value in numbers.items()}, FIXTURES / "checkpoints" / "clip.safetensors")


if __name__ == "__main__":
    main()
