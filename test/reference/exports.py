"""Real exports of small random members of the real families, with PyTorch's outputs and gradients.

Writes test/fixtures/exports/NAME/: model.onnx (and model.onnx.data), case.json, numbers.safetensors; and for chains of
text encoders and a denoising network case.json and numbers.safetensors alone. Expected numbers are computed in float64
from the weights as exported. Run it with names to make only those: `python exports.py unet-sd15-legacy-14`.
"""

import json
import shutil
import sys
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel
from diffusers.models.transformers import transformer_flux
from diffusers.models.attention_processor import AttnProcessor, SlicedAttnProcessor
from safetensors.numpy import save
from torch import nn
from torch.export import Dim
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"
LENGTH = 12  # tokens of a prompt
WIDTH, WIDTH_2, PROJECTION = 24, 32, 20  # of CLIP L, of SDXL's second encoder, of its pooled embedding
T5_WIDTH = 64  # of what conditions SD 3
BOS, EOS = 62, 63
DYNAMIC = Dim.DYNAMIC


# 1. The families: each a module whose forward takes and gives what optimum's exports do.


class Unet(nn.Module):
    def __init__(self, **config):
        super().__init__()
        self.unet = UNet2DConditionModel(in_channels=4, out_channels=4, layers_per_block=1, norm_num_groups=4, **config)

    def forward(self, sample, timestep, encoder_hidden_states):
        return self.unet(sample, timestep, encoder_hidden_states, return_dict=False)


class UnetXl(Unet):
    def forward(self, sample, timestep, encoder_hidden_states, text_embeds, time_ids):
        added = {"text_embeds": text_embeds, "time_ids": time_ids}
        return self.unet(sample, timestep, encoder_hidden_states, added_cond_kwargs=added, return_dict=False)


def unet_sd15(**more):
    return Unet(
        sample_size=16,
        block_out_channels=(8, 16, 16, 16),
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=WIDTH,
        **{"attention_head_dim": 2, **more},
    )


def unet_sd21():
    return unet_sd15(attention_head_dim=(1, 2, 4, 4), use_linear_projection=True)


def unet_sdxl():
    return UnetXl(
        sample_size=8,
        block_out_channels=(8, 16, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(1, 2, 4),
        transformer_layers_per_block=(1, 2, 3),
        use_linear_projection=True,
        cross_attention_dim=WIDTH + WIDTH_2,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + PROJECTION,
    )


class TransformerSd3(nn.Module):
    """As SD 3; or as 3.5, with normed queries and keys, and a second attention in the first block."""

    def __init__(self, **config):
        super().__init__()
        self.transformer = SD3Transformer2DModel(
            sample_size=8,
            in_channels=16,
            out_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=T5_WIDTH,
            caption_projection_dim=16,
            pooled_projection_dim=2 * PROJECTION,
            pos_embed_max_size=12,
            **config,
        )

    def forward(self, hidden_states, encoder_hidden_states, pooled_projections, timestep):
        given = (hidden_states, encoder_hidden_states, pooled_projections, timestep)
        return self.transformer(*given, return_dict=False)


def transformer_sd35():
    return TransformerSd3(dual_attention_layers=(0,), qk_norm="rms_norm")


class TransformerFlux(nn.Module):
    """As FLUX.1 dev, which is told of the guidance."""

    def __init__(self):
        super().__init__()
        self.transformer = FluxTransformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=T5_WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=True,
            axes_dims_rope=(4, 2, 2),
        )

    def forward(self, hidden_states, encoder_hidden_states, pooled_projections, timestep, txt_ids, img_ids, guidance):
        given = (hidden_states, encoder_hidden_states, pooled_projections, timestep, img_ids, txt_ids, guidance)
        return self.transformer(*given, return_dict=False)


def rotated_by_steps(x, frequencies, sequence_dim=2, **_):
    """What optimum puts in the place of diffusers' `apply_rotary_emb`: even and odd places by slices in steps of two."""
    cos, sin = (each[None, :, None, :] if sequence_dim == 1 else each[None, None] for each in frequencies)
    turned = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(3)
    return (x.float() * cos + turned.float() * sin).to(x.dtype)


def plain_rms_norm(x, shape, weight=None, eps=None):
    """The legacy exporter has no symbol for PyTorch's own."""
    normed = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
    return normed if weight is None else normed * weight


ROTATED, RMS_NORM = transformer_flux.apply_rotary_emb, nn.functional.rms_norm


def as_optimum(does):
    """Whether FLUX is computed in the way that the legacy exporter can write."""
    transformer_flux.apply_rotary_emb = rotated_by_steps if does else ROTATED
    nn.functional.rms_norm = plain_rms_norm if does else RMS_NORM


class Text(nn.Module):
    """SD 1.x and 2.x, and SDXL's first encoder."""

    def __init__(self, model=CLIPTextModel, eos=2, attention="sdpa", **config):
        super().__init__()
        # eos_token_id 2 is what SD's configs say: the end is then found as the highest id.
        ids = {"bos_token_id": BOS, "eos_token_id": eos, "pad_token_id": 0, "vocab_size": EOS + 1}
        size = {"num_hidden_layers": 3, "max_position_embeddings": 16, **config}
        self.text = model._from_config(CLIPTextConfig(**ids, **size), attn_implementation=attention)

    def forward(self, input_ids):
        out = self.text(input_ids, output_hidden_states=True)
        return out.last_hidden_state, out.pooler_output, *out.hidden_states

    @property
    def embedding(self):
        return self.text.get_input_embeddings()


class TextWithProjection(Text):
    def forward(self, input_ids):
        out = self.text(input_ids, output_hidden_states=True)
        return out.text_embeds, out.last_hidden_state, *out.hidden_states


def text_sd15(attention="sdpa"):
    size = {"hidden_size": WIDTH, "intermediate_size": 48, "num_attention_heads": 3}
    return Text(hidden_act="quick_gelu", attention=attention, **size)


def text_sd21(attention="sdpa"):
    size = {"hidden_size": WIDTH, "intermediate_size": 48, "num_attention_heads": 2}
    return Text(hidden_act="gelu", attention=attention, **size)


def text_sdxl(attention="sdpa", eos=EOS):
    size = {"hidden_size": WIDTH_2, "intermediate_size": 64, "num_attention_heads": 4, "projection_dim": PROJECTION}
    return TextWithProjection(CLIPTextModelWithProjection, eos, attention, hidden_act="gelu", **size)


class VaeDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.vae = AutoencoderKL(
            latent_channels=4,
            block_out_channels=(8, 8, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=4,
            layers_per_block=1,
        )

    def forward(self, latent_sample):
        return self.vae.decode(latent_sample, return_dict=False)


class VaeEncoder(VaeDecoder):
    def forward(self, sample):
        return (self.vae.encode(sample).latent_dist.parameters,)


def enliven(module, random):
    """Random norms and peaked attention, so that no term of a gradient is 0 or hidden by another."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=random)
            if parameter.dim() == 1:
                parameter.copy_(0.2 * noise + (1 if name.endswith("weight") else 0))
            elif "embedding" in name and "time_embedding" not in name and "add_embedding" not in name:
                parameter.copy_(0.6 * noise)
            else:
                peaked = any(part in name for part in ("to_q", "to_k", "q_proj", "k_proj"))
                parameter.copy_(noise * (1.1 if peaked else 0.8) / parameter[0].numel() ** 0.5)
    return module.eval().requires_grad_(False)


# 2. The cases.


@dataclass
class Case:
    name: str
    build: Callable[[], nn.Module]
    inputs: Callable[[torch.Generator], dict[str, torch.Tensor]]
    outputs: list[str]
    by: list[str]
    dynamic: dict[str, dict[int, str]]
    half: bool = False
    attention: Callable[[UNet2DConditionModel], None] = lambda unet: None

    @property
    def exporter(self):
        return "legacy" if "legacy" in self.name else "dynamo"

    @property
    def opset(self):
        return int(self.name.replace("-fp16", "").split("-")[-1])

    @property
    def family(self):
        return self.name.split(f"-{self.exporter}")[0]


def with_baddbmm(unet):
    """As before PyTorch 2."""
    unet.set_attn_processor(AttnProcessor())


def with_slices(unet):
    """As where memory is short."""
    unet.set_attn_processor(SlicedAttnProcessor(slice_size=2))


def unet_inputs(size=16, batch=2, timestep=(601,), xl=False):
    def make(random):
        inputs = {
            "sample": torch.randn(batch, 4, size, size, generator=random),
            "timestep": torch.tensor(timestep),
            "encoder_hidden_states": torch.randn(batch, LENGTH, WIDTH + (WIDTH_2 if xl else 0), generator=random),
        }
        if xl:
            inputs["text_embeds"] = torch.randn(batch, PROJECTION, generator=random)
            inputs["time_ids"] = torch.tensor([[64.0, 64, 0, 0, 64, 64], [96.0, 64, 8, 4, 64, 32]][:batch])
        return inputs

    return make


def transformer_inputs(random):
    return {
        "hidden_states": torch.randn(2, 16, 8, 8, generator=random),
        "encoder_hidden_states": torch.randn(2, LENGTH, T5_WIDTH, generator=random),
        "pooled_projections": torch.randn(2, 2 * PROJECTION, generator=random),
        "timestep": torch.tensor([601.25, 20.0]),
    }


def flux_inputs(random):
    places = torch.stack(torch.meshgrid(torch.zeros(1), torch.arange(4.0), torch.arange(4.0), indexing="ij"), dim=-1)
    return {
        "hidden_states": torch.randn(2, 16, 64, generator=random),
        "encoder_hidden_states": torch.randn(2, LENGTH, T5_WIDTH, generator=random),
        "pooled_projections": torch.randn(2, WIDTH, generator=random),
        "timestep": torch.tensor([0.60125, 0.02]),
        "txt_ids": torch.zeros(LENGTH, 3),
        "img_ids": places.view(16, 3),
        "guidance": torch.tensor([3.5, 2.0]),
    }


def text_inputs(random):
    ids = torch.randint(1, BOS, (2, LENGTH), generator=random)
    ids[:, 0] = BOS
    ids[0, 7:] = EOS
    ids[1, 4], ids[1, 5:] = EOS, 0
    return {"input_ids": ids}


def pixels(name, *dims):
    return lambda random: {name: torch.randn(*dims, generator=random)}


SAMPLE = {0: "batch", 2: "height", 3: "width"}
UNET = {"outputs": ["out_sample"], "by": ["encoder_hidden_states"]}
UNET["dynamic"] = {"sample": SAMPLE, "encoder_hidden_states": {0: "batch", 1: "sequence"}}
UNET_XL = {**UNET, "by": ["encoder_hidden_states", "text_embeds"]}
UNET_XL["dynamic"] = {**UNET["dynamic"], "text_embeds": {0: "batch"}, "time_ids": {0: "batch"}}
TRANSFORMER = {"inputs": transformer_inputs, "outputs": ["out_hidden_states"]}
TRANSFORMER["by"] = ["encoder_hidden_states", "pooled_projections"]
TRANSFORMER["dynamic"] = {
    "hidden_states": SAMPLE,
    "encoder_hidden_states": {0: "batch", 1: "sequence"},
    "pooled_projections": {0: "batch"},
    "timestep": {0: "step"},
}
FLUX = {**TRANSFORMER, "inputs": flux_inputs}
FLUX["dynamic"] = {
    "hidden_states": {0: "batch", 1: "packed_height_width"},
    "encoder_hidden_states": {0: "batch", 1: "sequence"},
    "pooled_projections": {0: "batch"},
    "timestep": {0: "step"},
    "txt_ids": {0: "sequence"},
    "img_ids": {0: "packed_height_width"},
    "guidance": {0: "batch"},
}
STATES = [f"hidden_states.{layer}" for layer in range(4)]
TEXT = {"inputs": text_inputs, "by": ["token_embeddings"], "dynamic": {"input_ids": {0: "batch", 1: "sequence"}}}
TEXT["outputs"] = ["last_hidden_state", "pooler_output", *STATES]
TEXT_XL = {**TEXT, "outputs": ["text_embeds", "last_hidden_state", *STATES]}
DECODER = {"inputs": pixels("latent_sample", 1, 4, 4, 4), "outputs": ["sample"], "by": ["latent_sample"]}
DECODER["dynamic"] = {"latent_sample": SAMPLE}
ENCODER = {"inputs": pixels("sample", 1, 3, 32, 32), "outputs": ["latent_parameters"], "by": ["sample"]}
ENCODER["dynamic"] = {"sample": SAMPLE}

CASES = [
    Case("unet-sd15-legacy-14", unet_sd15, unet_inputs(), **UNET, attention=with_baddbmm),
    Case("unet-sd15-legacy-17", unet_sd15, unet_inputs(timestep=(601, 20)), **UNET),
    Case("unet-sd15-dynamo-20", unet_sd15, unet_inputs(timestep=801), **UNET),
    Case("unet-sd15-legacy-17-fp16", unet_sd15, unet_inputs(), **UNET, half=True),
    Case("unet-sd21-legacy-14", unet_sd21, unet_inputs(), **UNET, attention=with_slices),
    Case("unet-sd21-dynamo-18", unet_sd21, unet_inputs(), **UNET),
    Case("unet-sd21-dynamo-23", unet_sd21, unet_inputs(), **UNET),
    Case("unet-sdxl-legacy-14", unet_sdxl, unet_inputs(8, timestep=(601.0,), xl=True), **UNET_XL),
    Case("unet-sdxl-dynamo-20", unet_sdxl, unet_inputs(8, timestep=601.0, xl=True), **UNET_XL),
    Case("transformer-sd3-legacy-14", TransformerSd3, **TRANSFORMER),
    Case("transformer-sd35-legacy-18", transformer_sd35, **TRANSFORMER),
    Case("transformer-sd35-legacy-18-fp16", transformer_sd35, **TRANSFORMER, half=True),
    Case("transformer-sd35-dynamo-20", transformer_sd35, **TRANSFORMER),
    Case("transformer-sd35-dynamo-23", transformer_sd35, **TRANSFORMER),
    Case("transformer-flux-legacy-18", TransformerFlux, **FLUX),
    Case("transformer-flux-dynamo-20", TransformerFlux, **FLUX),
    Case("text-sd15-legacy-14", text_sd15, **TEXT),
    Case("text-sd15-dynamo-18", lambda: text_sd15("eager"), **TEXT),
    Case("text-sd15-legacy-14-fp16", text_sd15, **TEXT, half=True),
    Case("text-sd21-legacy-17", lambda: text_sd21("eager"), **TEXT),
    Case("text-sd21-dynamo-20", text_sd21, **TEXT),
    Case("text-sdxl-legacy-14", text_sdxl, **TEXT_XL),
    Case("text-sdxl-dynamo-20", lambda: text_sdxl(eos=2), **TEXT_XL),
    Case("vae-decoder-legacy-17", VaeDecoder, **DECODER),
    Case("vae-decoder-dynamo-20", VaeDecoder, **DECODER),
    Case("vae-encoder-legacy-14", VaeEncoder, **ENCODER),
    Case("vae-encoder-dynamo-18", VaeEncoder, **ENCODER),
]


@dataclass
class Chain:
    """Text encoders whose values go into a network, and a loss of what comes out, as difference tokens are learned."""

    name: str
    unet: str
    texts: list[str]
    states: str  # the output that conditions the network

    @property
    def xl(self):
        return len(self.texts) > 1


CHAINS = [
    Chain("chain-sd15", "unet-sd15-legacy-17", ["text-sd15-legacy-14"], "last_hidden_state"),
    Chain("chain-sd21", "unet-sd21-dynamo-18", ["text-sd21-dynamo-20"], "last_hidden_state"),
    Chain("chain-sdxl", "unet-sdxl-dynamo-20", ["text-sd15-dynamo-18", "text-sdxl-legacy-14"], "hidden_states.2"),
]


# 3. Making them.


def seeded(name):
    return torch.Generator().manual_seed(int.from_bytes(name.encode(), "big") % 2**31)


def made(case):
    """The module as it is exported; the same one each time."""
    as_optimum(case.exporter == "legacy")
    module = enliven(case.build(), seeded(case.name))
    if isinstance(module, Unet):
        case.attention(module.unet)
    return module.half() if case.half else module


def write_model(case, module, inputs, folder):
    names = list(inputs)
    arguments = tuple(value.half() if case.half and value.is_floating_point() else value for value in inputs.values())
    options = {"input_names": names, "output_names": case.outputs, "opset_version": case.opset}
    path = folder / "model.onnx"
    if case.exporter == "legacy":
        steps = {"timestep": {0: "steps"}} if inputs.get("timestep", torch.tensor(0)).dim() else {}
        torch.onnx.export(module, arguments, path, dynamo=False, dynamic_axes={**case.dynamic, **steps}, **options)
    else:
        # The networks' up blocks compare sizes, which torch.export cannot keep open: height and width are fixed there.
        is_fixed = case.name.startswith(("unet", "transformer"))
        open_dims = {
            name: {axis: DYNAMIC for axis in case.dynamic.get(name, {}) if not (is_fixed and axis >= 2)} for name in names
        }
        torch.onnx.export(module, arguments, path, dynamo=True, dynamic_shapes=open_dims, verbose=False, **options)
        without_traces(path)


def without_traces(path):
    """Drops the Python stack traces that torch writes beside every node; they are most of the file."""
    model = onnx.load(path, load_external_data=False)
    for graph in (model.graph, *model.functions):
        graph.ClearField("metadata_props")
        graph.ClearField("doc_string")
        for entry in (*graph.node, *graph.value_info):
            entry.ClearField("metadata_props")
            entry.ClearField("doc_string")
    for entry in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        entry.ClearField("metadata_props")
    path.write_bytes(model.SerializeToString())


class Embeddings:
    """Puts values in the place of what the table of token embeddings gives."""

    def __init__(self, module, values):
        self.module, self.values = module, values

    def __enter__(self):
        self.hook = self.module.embedding.register_forward_hook(lambda *_: self.values)

    def __exit__(self, *_):
        self.hook.remove()


def token_embeddings(module, ids, random):
    """What the table gives, and on some tokens something else, as a learned difference would be."""
    values = module.embedding(ids).float()
    changed = torch.rand(ids.shape, generator=random) < 0.4
    return values + changed[..., None] * 0.5 * torch.randn(values.shape, generator=random)


def gradients(case, module, inputs, dtype):
    """Outputs, cotangents, and the gradients of the sum of cotangent times output, computed in dtype."""
    random = seeded(f"{case.name} cotangents")
    module, inputs = module.to(dtype), in_dtype(inputs, dtype)
    leaves = [inputs[name].requires_grad_() for name in case.by]
    embeddings = inputs.pop("token_embeddings", None)
    with nullcontext() if embeddings is None else Embeddings(module, embeddings):
        outputs = module(**inputs)
    cotangents = [torch.randn(value.shape, generator=random) for value in outputs]
    total = sum((cotangent.to(dtype) * value).sum() for cotangent, value in zip(cotangents, outputs))
    return outputs, cotangents, torch.autograd.grad(total, leaves)


def in_dtype(values, dtype):
    return {k: v.detach().to(dtype) if v.is_floating_point() else v for k, v in values.items()}


def relative_error(got, expected):
    return max(((a.double() - b).norm() / b.norm()).item() for a, b in zip(got, expected, strict=True))


def write_case(folder, description, numbers):
    (folder / "case.json").write_text(json.dumps(description, indent=1) + "\n")
    arrays = {name: value.detach().float().contiguous().numpy() for name, value in numbers.items()}
    for name, array in arrays.items():
        assert np.isfinite(array).all(), name
        assert name.startswith("input:") or np.abs(array).max() > 1e-6, name
    (folder / "numbers.safetensors").write_bytes(save(arrays))


def make_case(case, folder):
    module = made(case)
    inputs = case.inputs(seeded(f"{case.name} inputs"))
    write_model(case, module, inputs, folder)
    if isinstance(module, Text):
        inputs["token_embeddings"] = token_embeddings(module, inputs["input_ids"], seeded(f"{case.name} embeddings"))
    exported = torch.half if case.half else torch.float
    inputs = in_dtype(in_dtype(inputs, exported), torch.float)
    own_outputs, _, own_gradients = gradients(case, module, inputs, exported)
    outputs, cotangents, expected = gradients(case, module, inputs, torch.double)
    numbers = {
        **{f"input:{name}": value for name, value in inputs.items() if value.is_floating_point()},
        **{f"cotangent:{name}": value for name, value in zip(case.outputs, cotangents, strict=True)},
        **{f"output:{name}": value for name, value in zip(case.outputs, outputs, strict=True)},
        **{f"gradient:{name}": value for name, value in zip(case.by, expected, strict=True)},
    }
    description = {
        "family": case.family,
        "exporter": case.exporter,
        "opset": case.opset,
        "precision": "fp16" if case.half else "fp32",
        "inputs": {name: list(value.shape) for name, value in inputs.items()},
        "integers": {k: v.flatten().tolist() for k, v in inputs.items() if not v.is_floating_point()},
        "outputs": case.outputs,
        "by": case.by,
        "errorOfPyTorch": {
            "output": relative_error(own_outputs, outputs),
            "gradient": relative_error(own_gradients, expected),
        },
    }
    write_case(folder, description, numbers)


def make_chain(chain, folder):
    cases = {case.name: case for case in CASES}
    random = seeded(chain.name)
    unet = made(cases[chain.unet])
    texts = [made(cases[name]) for name in chain.texts]
    inputs = cases[chain.unet].inputs(random)
    inputs = {name: inputs[name] for name in ("sample", "timestep", "time_ids") if name in inputs}
    ids = [text_inputs(random)["input_ids"] for _ in texts]
    embeddings = [token_embeddings(text, each, random) for text, each in zip(texts, ids)]
    target = torch.randn(inputs["sample"].shape, generator=random)
    weight = torch.rand(inputs["sample"].shape, generator=random) / inputs["sample"][0].numel()

    def learn(dtype):
        """loss of sample i = sum over j of weight_ij (output_ij - target_ij)^2; the gradient is of the sum of all."""
        leaves = [each.detach().to(dtype).requires_grad_() for each in embeddings]
        states, added = [], {}
        for name, text, each, leaf in zip(chain.texts, texts, ids, leaves):
            with Embeddings(text.to(dtype), leaf):
                outputs = dict(zip(cases[name].outputs, text(each), strict=True))
            states.append(outputs[chain.states])
            if chain.xl and "text_embeds" in outputs:
                added["text_embeds"] = outputs["text_embeds"]
        conditioning = {"encoder_hidden_states": torch.cat(states, dim=-1), **added}
        output = unet.to(dtype)(**in_dtype(inputs, dtype), **conditioning)[0]
        loss = (weight.to(dtype) * (output - target.to(dtype)) ** 2).flatten(1).sum(1)
        return output, loss, torch.autograd.grad(loss.sum(), leaves)

    own_output, _, own_gradients = learn(torch.float)
    output, loss, expected = learn(torch.double)
    numbers = {
        **{f"input:{name}": value for name, value in inputs.items()},
        **{f"token_embeddings {index}": value for index, value in enumerate(embeddings)},
        **{f"gradient {index}": value for index, value in enumerate(expected)},
        **{"output": output, "target": target, "weight": weight, "loss": loss},
    }
    description = {
        "unet": chain.unet,
        "texts": chain.texts,
        "states": chain.states,
        "integers": {f"input_ids {index}": each.flatten().tolist() for index, each in enumerate(ids)},
        "errorOfPyTorch": {
            "output": relative_error([own_output], [output]),
            "gradient": relative_error(own_gradients, expected),
        },
    }
    write_case(folder, description, numbers)


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    chosen = sys.argv[1:]
    for job, make in [*((case, make_case) for case in CASES), *((chain, make_chain) for chain in CHAINS)]:
        if chosen and job.name not in chosen:
            continue
        folder = FIXTURES / job.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(job, folder)
        print(job.name, sum(file.stat().st_size for file in folder.iterdir()), "bytes", flush=True)


if __name__ == "__main__":
    main()
