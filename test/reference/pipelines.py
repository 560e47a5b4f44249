"""Whole model folders of the Stable Diffusion families, small and random, laid out as optimum exports them, and what
diffusers computes with the same weights.

Writes test/fixtures/pipelines/FAMILY/ (a model folder) and FAMILY.safetensors, FAMILY.json (numbers). Expected numbers
are computed in float64 from the weights as exported. Run it with names to make only those: `python pipelines.py sd15`.
"""

import json
import shutil
import sys
import tempfile
import warnings
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.loaders import TextualInversionLoaderMixin
from safetensors.torch import load_file, save_file
from torch import nn
from torch.overrides import TorchFunctionMode
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from exports import as_optimum, enliven, relative_error, seeded, without_traces

FIXTURES = Path(__file__).parent.parent / "fixtures"
TOKENIZERS = FIXTURES / "tokenizer"
BOS, EOS = 712, 713  # of those tokenizers
LENGTH = 77
WIDTH, WIDTH_2, PROJECTION = 16, 24, 20
PROJECTION_1, WIDTH_3 = 12, 48  # of SD 3's first encoder, and of its third, T5
LENGTH_3, LENGTH_FLUX = 256, 512  # of T5's states
PROMPT = "a cat, flat style, on a teal background"
LEARNED_BEHIND = "a small dog"
TOKENS, STEPS, GUIDANCE = 3, 5, 4.0
GUIDANCE_TOLD = 3.5  # what FLUX is told
BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}


@dataclass
class Family:
    name: str
    tokenizers: list[str]
    scheduler: dict
    vae: dict
    unet: dict  # or what stands in its place
    activation: str = "quick_gelu"
    text_heads: tuple[int, ...] = (2,)
    xl: bool = False
    sd3: bool = False
    flux: bool = False
    half: bool = False
    opset: int = 14
    dynamo: bool = False  # the exporter of PyTorch 2.5 and later, else TorchScript's
    batch: int | None = None  # of the denoising network; None leaves every size open
    timestep: torch.Tensor = field(default_factory=lambda: torch.tensor([601]))

    @property
    def channels(self):
        return 16 if self.sd3 or self.flux else 4

    @property
    def projections(self):
        """Of each text encoder, the width of its pooled embedding."""
        return [PROJECTION_1, PROJECTION] if self.sd3 else [None, PROJECTION]

    @property
    def names(self):
        """Of the tensors in a difference file."""
        if self.flux:
            return ["clip_l", "t5xxl"]
        return ["clip_l", "clip_g", *(["t5xxl"] if self.sd3 else [])] if self.xl or self.sd3 else ["emb_params"]

    @property
    def widths(self):
        """Of their tokens."""
        by_name = {"emb_params": WIDTH, "clip_l": WIDTH, "clip_g": WIDTH_2, "t5xxl": WIDTH_3}
        return [by_name[name] for name in self.names]


PNDM = {"_class_name": "PNDMScheduler", **BETAS, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
FAMILIES = [
    # As SD 1.5: everything open, timesteps int64 [steps].
    Family(
        name="sd15",
        tokenizers=["eos-pad"],
        scheduler={**PNDM, "skip_prk_steps": True, "trained_betas": None},
        vae={"scaling_factor": 0.18215},
        unet={"attention_head_dim": 2},
    ),
    # As SD 2.1: v-prediction, a wider head, "!" pads; every size fixed, one int32 timestep for the whole batch.
    Family(
        name="sd21",
        tokenizers=["bang-pad"],
        scheduler={**PNDM, "_class_name": "DDIMScheduler", "prediction_type": "v_prediction"},
        vae={"scaling_factor": 0.18215},
        unet={"attention_head_dim": (1, 2), "use_linear_projection": True},
        activation="gelu",
        opset=17,
        batch=2,
        timestep=torch.tensor(601, dtype=torch.int32),
    ),
    # As SDXL: two encoders, half precision, timesteps in floats. Heads of 4, whose root is exact in half precision,
    # as is that of the real ones' 64.
    Family(
        name="sdxl",
        tokenizers=["eos-pad", "bang-added"],
        scheduler={**PNDM, "_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"},
        vae={"scaling_factor": 0.13025},
        unet={"attention_head_dim": (1, 4), "use_linear_projection": True},
        text_heads=(4, 6),
        xl=True,
        half=True,
        opset=17,
        timestep=torch.tensor([601.0]),
    ),
    # As SD 3.5 medium: a transformer with normed queries and keys and a second attention in its first block, flow
    # matching, two CLIP encoders and T5, 16 channels.
    Family(
        name="sd3",
        tokenizers=["eos-pad", "bang-added"],
        scheduler={"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0},
        vae={"scaling_factor": 1.5305, "shift_factor": 0.0609, "use_quant_conv": False, "use_post_quant_conv": False},
        unet={"dual_attention_layers": (0,), "qk_norm": "rms_norm"},
        text_heads=(4, 6),
        sd3=True,
        opset=18,
        timestep=torch.tensor([601.25, 601.25]),
    ),
    # As FLUX.1 dev: packed latents, places as rotary embeddings, told of the guidance; CLIP's pooled embedding and T5.
    Family(
        name="flux",
        tokenizers=["eos-pad"],
        scheduler={
            **{"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0},
            **{"use_dynamic_shifting": True, "base_image_seq_len": 256, "max_image_seq_len": 4096},
            **{"base_shift": 0.5, "max_shift": 1.15},
        },
        vae={"scaling_factor": 0.3611, "shift_factor": 0.1159, "use_quant_conv": False, "use_post_quant_conv": False},
        unet={"guidance_embeds": True, "axes_dims_rope": (4, 2, 2)},
        text_heads=(4,),
        flux=True,
        opset=18,
        timestep=torch.tensor([0.60125, 0.60125]),
    ),
]

SD15, SD21, SDXL = FAMILIES[:3]
FAMILIES += [
    # The same in the other forms that people have: half precision, the newer exporter (with its weights in a file beside
    # the graph), SD 2's base model, which predicts noise, and SDXL in single precision.
    replace(SD15, name="sd15-fp16", half=True, opset=17),
    replace(SD15, name="sd15-dynamo", dynamo=True, opset=18),
    replace(SD21, name="sd21-base", scheduler=PNDM, opset=14, batch=None, timestep=torch.tensor([601])),
    replace(SDXL, name="sdxl-fp32", half=False, opset=14),
    replace(SDXL, name="sdxl-dynamo", dynamo=True, opset=20),
]


# 1. The parts.


def unet_of(family):
    added = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + PROJECTION,
    }
    first = "" if family.xl else "CrossAttn"
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        down_block_types=(f"{first}DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", f"{first}UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=WIDTH + (WIDTH_2 if family.xl else 0),
        **family.unet,
        **(added if family.xl else {}),
    )


def transformer_of(family):
    return SD3Transformer2DModel(
        sample_size=8,
        in_channels=family.channels,
        out_channels=family.channels,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=WIDTH_3,
        caption_projection_dim=16,
        pooled_projection_dim=sum(family.projections),
        pos_embed_max_size=12,
        **family.unet,
    )


def flux_of(family):
    return FluxTransformer2DModel(
        in_channels=4 * family.channels,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=WIDTH_3,
        pooled_projection_dim=WIDTH,
        **family.unet,
    )


def t5():
    config = T5Config(
        vocab_size=208,
        d_model=WIDTH_3,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    )
    return T5EncoderModel._from_config(config)


def text_of(width, heads, activation, projection=None):
    # The end is found by its id, for diffusers gives the difference tokens ids above it.
    config = CLIPTextConfig(
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=EOS,
        vocab_size=EOS + 1,
        hidden_size=width,
        intermediate_size=2 * width,
        num_attention_heads=heads,
        num_hidden_layers=3,
        max_position_embeddings=LENGTH,
        hidden_act=activation,
        **({"projection_dim": projection} if projection else {}),
    )
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)._from_config(config)


def vae_of(family):
    return AutoencoderKL(
        sample_size=16,
        latent_channels=family.channels,
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        layers_per_block=1,
        **family.vae,
    )


def pipeline_of(family):
    def lively(module, part):
        module = enliven(module, seeded(f"{family.name} {part}"))
        return module.half() if family.half else module

    tokenizers = [CLIPTokenizer.from_pretrained(TOKENIZERS / name) for name in family.tokenizers]
    heads, (projection, projection_2) = family.text_heads, family.projections
    parts = {
        "tokenizer": tokenizers[0],
        "text_encoder": lively(text_of(WIDTH, heads[0], family.activation, projection), "text"),
        "vae": lively(vae_of(family), "vae"),
    }
    if family.sd3:
        return StableDiffusion3Pipeline(
            **parts,
            tokenizer_2=tokenizers[1],
            text_encoder_2=lively(text_of(WIDTH_2, heads[1], "gelu", projection_2), "text 2"),
            tokenizer_3=T5Tokenizer.from_pretrained(TOKENIZERS / "t5"),
            text_encoder_3=lively(t5(), "text 3"),
            transformer=lively(transformer_of(family), "transformer"),
            scheduler=FlowMatchEulerDiscreteScheduler.from_config(family.scheduler),
        )
    if family.flux:
        return FluxPipeline(
            **parts,
            tokenizer_2=T5Tokenizer.from_pretrained(TOKENIZERS / "t5"),
            text_encoder_2=lively(t5(), "text 2"),
            transformer=lively(flux_of(family), "transformer"),
            scheduler=FlowMatchEulerDiscreteScheduler.from_config(family.scheduler),
        )
    parts["unet"] = lively(unet_of(family), "unet")
    parts["scheduler"] = DDIMScheduler.from_config(family.scheduler)
    if family.xl:
        second = lively(text_of(WIDTH_2, heads[1], "gelu", projection_2), "text 2")
        return StableDiffusionXLPipeline(**parts, tokenizer_2=tokenizers[1], text_encoder_2=second)
    return StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )


def text_encoders(pipeline):
    """Of CLIP's, each its folder, tokenizer and module."""
    all_of_them = [
        (name, getattr(pipeline, name.replace("text_encoder", "tokenizer"), None), getattr(pipeline, name, None))
        for name in ("text_encoder", "text_encoder_2")
    ]
    return [each for each in all_of_them if isinstance(each[1], CLIPTokenizer)]


# 2. The folder.


class Wrapped(nn.Module):
    def __init__(self, module, forward):
        super().__init__()
        self.module, self.call = module, forward

    def forward(self, *inputs):
        return self.call(self.module, *inputs)


def unet_call(unet, sample, timestep, states, text_embeds=None, time_ids=None):
    added = None if text_embeds is None else {"text_embeds": text_embeds, "time_ids": time_ids}
    return unet(sample, timestep, states, added_cond_kwargs=added, return_dict=False)


def transformer_call(transformer, *inputs):
    return transformer(*inputs, return_dict=False)


def export(path, module, call, inputs, outputs, family, dynamic):
    path.parent.mkdir(parents=True)
    wrapped = Wrapped(module, call).eval()  # the exporter puts back the mode that it finds, and T5 drops out
    options = {"input_names": list(inputs), "output_names": outputs, "opset_version": family.opset}
    arguments = tuple(inputs.values())
    if family.dynamo:
        # Sizes are fixed: the networks compare them, which torch.export cannot keep open.
        auto = torch.export.Dim.AUTO
        shapes = tuple({axis: auto for axis in dynamic.get(name, {}) if axis < 2} for name in inputs)
        torch.onnx.export(wrapped, arguments, path, dynamo=True, dynamic_shapes=(shapes,), verbose=False, **options)
        without_traces(path)
    else:
        torch.onnx.export(wrapped, arguments, path, dynamo=False, dynamic_axes=dynamic, **options)
    config = module.config.to_dict() if hasattr(module.config, "to_dict") else dict(module.config)
    write_json(path.parent / "config.json", config)


def write_folder(family, pipeline, folder):
    """The model as a person has it: nothing in it says that it is ours."""
    numbers = torch.half if family.half else torch.float
    is_open = family.batch is None
    for name, tokenizer, module in text_encoders(pipeline):
        states = [f"hidden_states.{layer}" for layer in range(4)] if family.xl or family.sd3 else []
        with_projection = hasattr(module, "text_projection")
        outputs = ["text_embeds", "last_hidden_state"] if with_projection else ["last_hidden_state", "pooler_output"]

        def call(text, ids):
            out = text(ids, output_hidden_states=True)
            if with_projection:
                return out.text_embeds, out.last_hidden_state, *out.hidden_states
            return out.last_hidden_state, out.pooler_output, *(out.hidden_states if states else ())

        ids = torch.full((1, LENGTH), EOS)
        ids[:, 0] = BOS
        axes = {"input_ids": {0: "batch_size", 1: "sequence_length"}} if is_open else {}
        export(folder / name / "model.onnx", module, call, {"input_ids": ids}, outputs + states, family, axes)
        source = TOKENIZERS / family.tokenizers[int(name.endswith("_2"))]
        shutil.copytree(source, folder / name.replace("text_encoder", "tokenizer"))

    batch = family.batch or 2
    if family.sd3:
        write_t5(family, pipeline.text_encoder_3, "_3", folder)
        write_sd3(family, pipeline, folder, batch)
    elif family.flux:
        write_t5(family, pipeline.text_encoder_2, "_2", folder)
        write_flux(family, pipeline, folder, batch)
    else:
        write_unet(family, pipeline, folder, batch)

    picture = {0: "batch_size", 2: "height", 3: "width"}
    export(
        folder / "vae_encoder" / "model.onnx",
        pipeline.vae,
        lambda vae, sample: vae.encode(sample).latent_dist.parameters,
        {"sample": torch.randn(1, 3, 16, 16, dtype=numbers)},
        ["latent_parameters"],
        family,
        {"sample": picture} if is_open else {},
    )
    export(
        folder / "vae_decoder" / "model.onnx",
        pipeline.vae,
        lambda vae, latents: vae.decode(latents, return_dict=False),
        {"latent_sample": torch.randn(1, family.channels, 8, 8, dtype=numbers)},
        ["sample"],
        family,
        {"latent_sample": {**picture, 1: "num_channels_latent"}} if is_open else {},
    )
    pipeline.save_config(folder)
    write_json(folder / "scheduler" / "scheduler_config.json", family.scheduler)


def write_t5(family, encoder, suffix, folder):
    shutil.copytree(TOKENIZERS / "t5", folder / f"tokenizer{suffix}")
    ids = {"input_ids": torch.ones(1, 64, dtype=torch.long)}
    axes = {"input_ids": {0: "batch_size", 1: "sequence_length"}}

    def call(encoder, ids):
        return encoder(ids).last_hidden_state

    path = folder / f"text_encoder{suffix}" / "model.onnx"
    export(path, encoder, call, ids, ["last_hidden_state"], family, axes)


def write_sd3(family, pipeline, folder, batch):
    inputs = {
        "hidden_states": torch.randn(batch, family.channels, 8, 8),
        "encoder_hidden_states": torch.randn(batch, LENGTH + LENGTH_3, WIDTH_3),
        "pooled_projections": torch.randn(batch, sum(family.projections)),
        "timestep": family.timestep,
    }
    axes = {
        "hidden_states": {0: "batch_size", 2: "height", 3: "width"},
        "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"},
        "pooled_projections": {0: "batch_size"},
        "timestep": {0: "step"},
    }
    path = folder / "transformer" / "model.onnx"
    export(path, pipeline.transformer, transformer_call, inputs, ["out_hidden_states"], family, axes)


def write_flux(family, pipeline, folder, batch):
    inputs = {
        "hidden_states": torch.randn(batch, 16, 4 * family.channels),
        "encoder_hidden_states": torch.randn(batch, LENGTH_FLUX, WIDTH_3),
        "pooled_projections": torch.randn(batch, WIDTH),
        "timestep": family.timestep,
        "txt_ids": torch.zeros(LENGTH_FLUX, 3),
        "img_ids": places(8),
        "guidance": torch.full([batch], GUIDANCE_TOLD),
    }
    # The picture's size is fixed: where it is open, nothing in a folder of FLUX says that it is not 1024.
    axes = {
        "hidden_states": {0: "batch_size"},
        "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"},
        "pooled_projections": {0: "batch_size"},
        "timestep": {0: "step"},
        "txt_ids": {0: "sequence_length"},
        "guidance": {0: "batch_size"},
    }
    path = folder / "transformer" / "model.onnx"
    as_optimum(True)
    export(path, pipeline.transformer, flux_call, inputs, ["out_hidden_states"], family, axes)
    as_optimum(False)


def places(side):
    return FluxPipeline._prepare_latent_image_ids(1, side // 2, side // 2, "cpu", torch.float)


def flux_call(transformer, states, prompt, pooled, timestep, txt_ids, img_ids, guidance):
    return transformer(states, prompt, pooled, timestep, img_ids, txt_ids, guidance, return_dict=False)


def write_unet(family, pipeline, folder, batch):
    numbers = torch.half if family.half else torch.float
    is_open = family.batch is None
    width = WIDTH + (WIDTH_2 if family.xl else 0)
    inputs = {
        "sample": torch.randn(batch, 4, 8, 8, dtype=numbers),
        "timestep": family.timestep.to(numbers) if family.timestep.is_floating_point() else family.timestep,
        "encoder_hidden_states": torch.randn(batch, LENGTH, width, dtype=numbers),
    }
    axes = {
        "sample": {0: "batch_size", 1: "num_channels", 2: "height", 3: "width"},
        "timestep": {0: "steps"},
        "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"},
    }
    if family.xl:
        inputs["text_embeds"] = torch.randn(batch, PROJECTION, dtype=numbers)
        inputs["time_ids"] = torch.tensor([[16, 16, 0, 0, 16, 16]] * batch, dtype=numbers)
        axes |= {"text_embeds": {0: "batch_size"}, "time_ids": {0: "batch_size"}}
    path = folder / "unet" / "model.onnx"
    export(path, pipeline.unet, unet_call, inputs, ["out_sample"], family, axes if is_open else {})


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


# 3. The numbers.


def sampled(family, pipeline, noise):
    """Prompt to latents, 5 steps of DDIM, or of Euler where it is a flow, under guidance."""
    if family.flux:
        packed = pipeline._pack_latents(noise, *noise.shape)
        more = {"guidance_scale": GUIDANCE_TOLD, "height": 16, "width": 16, "output_type": "latent"}
        latents = pipeline(PROMPT, latents=packed, num_inference_steps=STEPS, **more).images
        return pipeline._unpack_latents(latents, 16, 16, pipeline.vae_scale_factor)
    more = {} if family.sd3 else {"eta": 0.0}
    return pipeline(
        PROMPT, latents=noise, num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="latent", **more
    ).images


def learned_ids(tokenizer):
    """begin, prompt, comma, a comma for each token, end, padding; and where the tokens begin."""
    words = tokenizer(f"{LEARNED_BEHIND},", add_special_tokens=False).input_ids
    comma = tokenizer(",", add_special_tokens=False).input_ids
    ids = [BOS, *words, *comma * TOKENS, EOS]
    return torch.tensor([ids + [tokenizer.pad_token_id] * (LENGTH - len(ids))]), 1 + len(words)


def t5_states(pipeline, tokens):
    """T5's states of words, a comma, the tokens, the end, padding. It reads all of them."""
    suffix, length = ("_3", LENGTH_3) if hasattr(pipeline, "tokenizer_3") else ("_2", LENGTH_FLUX)
    tokenizer, module = getattr(pipeline, f"tokenizer{suffix}"), getattr(pipeline, f"text_encoder{suffix}")
    words = tokenizer(LEARNED_BEHIND, add_special_tokens=False).input_ids + tokenizer.convert_tokens_to_ids([","])
    ids = [*words, *[0] * TOKENS, tokenizer.eos_token_id]
    ids += [tokenizer.pad_token_id] * (length - len(ids))

    def replace(_module, _inputs, looked_up):
        return torch.cat([looked_up[:, : len(words)], tokens[None], looked_up[:, len(words) + TOKENS :]], dim=1)

    with ExitStack() as stack:
        hook = module.encoder.embed_tokens.register_forward_hook(replace)
        stack.callback(hook.remove)
        return module(torch.tensor([ids])).last_hidden_state


def learning_step(family, pipeline, dtype, tokens, case):
    """loss_i = sum over j of weight_ij (output_ij - target_ij)^2, and the gradient of their sum by the tokens."""
    pipeline.to(dtype=dtype)
    leaves = [each.to(dtype).requires_grad_() for each in tokens]
    states, pooled = [], []
    for (_, tokenizer, module), leaf in zip(text_encoders(pipeline), leaves):  # T5's are the last
        ids, start = learned_ids(tokenizer)

        def replace(_module, _inputs, looked_up, leaf=leaf, start=start):
            return torch.cat([looked_up[:, :start], leaf[None], looked_up[:, start + TOKENS :]], dim=1)

        with ExitStack() as stack:
            hook = module.get_input_embeddings().register_forward_hook(replace)
            stack.callback(hook.remove)
            out = module(ids, output_hidden_states=True)
        states.append(out.hidden_states[-2] if family.xl or family.sd3 else out.last_hidden_state)
        pooled += [out.text_embeds if hasattr(out, "text_embeds") else out.pooler_output]
    n = len(case["timesteps"])
    conditioning = torch.cat(states, dim=-1).repeat(n, 1, 1)
    noisy, timesteps = case["noisy"].to(dtype), case["timesteps"]
    if family.flux:
        prompt = t5_states(pipeline, leaves[-1]).repeat(n, 1, 1)
        told = (torch.zeros(LENGTH_FLUX, 3), places(8).to(dtype), torch.full([n], GUIDANCE_TOLD, dtype=dtype))
        packed = pipeline._pack_latents(noisy, *noisy.shape)
        times = timesteps.to(dtype) / 1000
        output = flux_call(pipeline.transformer, packed, prompt, pooled[0].repeat(n, 1), times, *told)[0]
        return loss_of(pipeline._unpack_latents(output, 16, 16, pipeline.vae_scale_factor), case, leaves)
    if family.sd3:
        plain = t5_states(pipeline, leaves[-1]).repeat(n, 1, 1)
        widened = nn.functional.pad(conditioning, (0, WIDTH_3 - conditioning.shape[-1]))
        given = (torch.cat([widened, plain], dim=1), torch.cat(pooled, dim=-1).repeat(n, 1))
        output = pipeline.transformer(noisy, *given, timesteps.to(dtype), return_dict=False)[0]
        return loss_of(output, case, leaves)
    added = {}
    if family.xl:
        ids = torch.tensor([[16.0, 16, 0, 0, 16, 16]] * n, dtype=dtype)
        added = {"added_cond_kwargs": {"text_embeds": pooled[-1].repeat(n, 1), "time_ids": ids}}
    output = pipeline.unet(noisy, timesteps, conditioning, **added, return_dict=False)[0]
    return loss_of(output, case, leaves)


def loss_of(output, case, leaves):
    loss = (case["weight"].to(output) * (output - case["target"].to(output)) ** 2).flatten(1).sum(1)
    return loss, torch.autograd.grad(loss.sum(), leaves)


class WithInversion(StableDiffusion3Pipeline, TextualInversionLoaderMixin):
    """SD 3's pipeline has no such loader; this is the others'."""


def with_difference(family, pipeline, path):
    """The file as diffusers loads it, and what it makes of a prompt. For T5 nobody has a loader."""
    if family.sd3:
        pipeline = WithInversion(**pipeline.components)
    if len(family.names) > 1:
        content = load_file(path)
        for name, (_, tokenizer, module) in zip(family.names, text_encoders(pipeline)):
            pipeline.load_textual_inversion(content[name], token="<diff>", text_encoder=module, tokenizer=tokenizer)
    else:
        pipeline.load_textual_inversion(str(path), token="<diff>")
    prompt = f"{LEARNED_BEHIND}, <diff>"
    options = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    if family.sd3:
        prompt = pipeline.maybe_convert_prompt(prompt, pipeline.tokenizer)
        found = pipeline.encode_prompt(prompt, prompt, LEARNED_BEHIND, **options)
        own = t5_states(pipeline, content["t5xxl"].double())
        return {"hidden_states": torch.cat([found[0][:, :LENGTH], own], dim=1), "pooled": found[2]}
    if family.flux:
        found = pipeline.encode_prompt(prompt, LEARNED_BEHIND, device="cpu")
        return {"hidden_states": t5_states(pipeline, content["t5xxl"].double()), "pooled": found[1]}
    found = pipeline.encode_prompt(prompt, **options)
    return {"hidden_states": found[0], **({"pooled": found[2]} if family.xl else {})}


def noised(family, scheduler, originals, epsilon, timesteps):
    """What the network is shown, and what it should put out."""
    if family.sd3 or family.flux:
        sigmas = (timesteps / scheduler.config.num_train_timesteps).view(-1, 1, 1, 1)
        return (1 - sigmas) * originals + sigmas * epsilon, epsilon - originals
    is_velocity = scheduler.config.prediction_type == "v_prediction"
    target = scheduler.get_velocity(originals, epsilon, timesteps) if is_velocity else epsilon.clone()
    return scheduler.add_noise(originals, epsilon, timesteps), target


class Exact(TorchFunctionMode):
    """float64 throughout, also in norms and rotary embeddings, for which these libraries go back to float32. Only the
    frequencies of a timestep are float32 to them all. They are rounded correctly here, which torch.exp does not promise:
    an error of theirs comes back a thousandfold in the angles."""

    def __torch_function__(self, function, types, arguments=(), options=None):
        options = options or {}
        x, *others = arguments or [None]
        if function is torch.exp and x.dtype == torch.float:
            return function(x.double()).float()
        to_float = function is torch.Tensor.to and any(each is torch.float for each in (*others, *options.values()))
        if (to_float or function is torch.Tensor.float) and x.dtype == torch.double and x.ndim > 2:
            return x
        return function(*arguments, **options)


@torch.no_grad()
def numbers_of(family, pipeline, difference_path):
    random = seeded(f"{family.name} numbers")
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(dtype=torch.double)
    config = pipeline.vae.config
    shift = config.shift_factor or 0
    noise = torch.randn(1, family.channels, 8, 8, generator=random)
    picture = torch.rand(1, 3, 16, 16, generator=random) * 2 - 1
    encoded = pipeline.vae.encode(picture.double()).latent_dist.mean
    encoded = (encoded - shift) * config.scaling_factor
    with Exact():
        latents = sampled(family, pipeline, noise.double())
    decoded = pipeline.vae.decode(latents / config.scaling_factor + shift, return_dict=False)[0].clamp(-1, 1)

    scheduler = pipeline.scheduler
    timesteps = torch.tensor([20, 480, 801])
    originals, epsilon = torch.randn(2, 3, family.channels, 8, 8, generator=random)
    noisy, target = noised(family, scheduler, originals, epsilon, timesteps)
    case = {
        "timesteps": timesteps,
        "originals": originals,
        "epsilon": epsilon,
        "noisy": noisy,
        "target": target,
        "weight": torch.rand(originals.shape, generator=random) / originals[0].numel(),
    }
    tokens = [0.5 * torch.randn(TOKENS, width, generator=random) for width in family.widths]
    with torch.enable_grad():
        with Exact():
            loss, gradients = learning_step(family, pipeline, torch.double, tokens, case)
        _, own = learning_step(family, pipeline, torch.float, tokens, case)
    pipeline.to(dtype=torch.double)

    save_file(dict(zip(family.names, tokens, strict=True)), difference_path)
    with Exact():
        known = with_difference(family, pipeline, difference_path)
    numbers = {
        **{"noise": noise, "latents": latents, "decoded": decoded, "picture": picture, "encoded": encoded},
        **{name: value for name, value in case.items() if name != "timesteps"},
        **{"loss": loss},
        **{f"tokens {index}": value for index, value in enumerate(tokens)},
        **{f"gradient {index}": value for index, value in enumerate(gradients)},
        **known,
    }
    for name, value in numbers.items():
        assert value.isfinite().all() and value.abs().max() > 1e-6, name
    assert decoded.abs().lt(1).float().mean() > 0.1, "the decoded picture is mostly clamped"
    description = {
        **{"prompt": PROMPT, "steps": STEPS, "guidanceScale": 1 if family.flux else GUIDANCE, "learnedBehind": LEARNED_BEHIND},
        "timesteps": timesteps.tolist(),
        "errorOfPyTorch": relative_error(own, gradients),
    }
    return numbers, description


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for family in FAMILIES:
        if sys.argv[1:] and family.name not in sys.argv[1:]:
            continue
        torch.manual_seed(0)
        folder = FIXTURES / "pipelines" / family.name
        shutil.rmtree(folder, ignore_errors=True)
        pipeline = pipeline_of(family)
        write_folder(family, pipeline, folder)
        with tempfile.TemporaryDirectory() as scratch:
            numbers, description = numbers_of(family, pipeline, Path(scratch) / "difference.safetensors")
        arrays = {name: value.detach().float().contiguous() for name, value in numbers.items()}
        save_file(arrays, folder.with_suffix(".safetensors"))
        write_json(folder.with_suffix(".json"), description)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(family.name, size, "bytes; PyTorch's own error", description["errorOfPyTorch"], flush=True)


if __name__ == "__main__":
    main()
