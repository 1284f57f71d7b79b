"""Writes a tiny transformers model as GGUF, the way llama.cpp's `convert_hf_to_gguf.py` does.

What the converter changes: rows of Q and K are reordered for llama and its descendants, gemma's norms
gain 1, Llama 3's stretching and longrope's factors become tensors, and a tied head is left out. Names of
keys and tensors are the `gguf` package's.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # transformers has no types

import numpy as np
import torch
from gguf import (
    MODEL_ARCH_NAMES,
    GGMLQuantizationType,
    GGUFWriter,
    RopeScalingType,
    get_tensor_name_map,
    quants,
)

from tests.support.gguf_files import (
    CHATML,
    FILE_TYPES,
    Array,
    add_tensor,
    add_tokenizer,
    finish,
    padded_tokens,
    permute_rows,
)

_PERMUTED = ("llama", "mistral", "smollm3", "granite")


def family_gguf(path: Path, family: str, config: Any, model: Any, block_type: str = "F32") -> Path:
    """Write `model`, whose matrices become `block_type`; `round_weights` makes the model's the same."""
    architecture = "llama" if family == "mistral" else family
    writer = GGUFWriter(path, architecture)
    writer.add_name("Tiny")  # llama.cpp looks for certain tokens where it says phi3
    writer.add_file_type(FILE_TYPES[block_type])
    _add_sizes(writer, config)
    _ADD_OWN_KEYS.get(family, lambda *_: None)(writer, config)
    rope = _rope_of(config)
    _add_rope(writer, config, rope)
    add_tokenizer(writer, padded_tokens(config.vocab_size), CHATML)
    for name, values in _tensors(family, architecture, config, model):
        add_tensor(writer, name, values, block_type if values.ndim == 2 else "F32")
    for name, values in _rope_tensors(config, rope):
        add_tensor(writer, name, values, "F32")
    return finish(writer, path)


@torch.no_grad()
def round_weights(model: Any, block_type: str) -> None:
    """Round the model's matrices to what a GGUF of `block_type` keeps of them."""
    kind = GGMLQuantizationType[block_type]
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.copy_(torch.from_numpy(quants.dequantize(quants.quantize(weight.numpy(), kind), kind)))


def _head_length(config: Any) -> int:
    own = getattr(config, "head_dim", None)
    return int(own or config.hidden_size // config.num_attention_heads)


def _add_sizes(writer: GGUFWriter, config: Any) -> None:
    writer.add_vocab_size(config.vocab_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if getattr(config, "head_dim", None):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)


def _add_gemma2(writer: GGUFWriter, config: Any) -> None:
    writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
    writer.add_final_logit_softcapping(config.final_logit_softcapping)
    writer.add_sliding_window(config.sliding_window)


def _add_gemma3(writer: GGUFWriter, config: Any) -> None:
    writer.add_sliding_window(config.sliding_window)
    if config.final_logit_softcapping:
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def _add_llama(writer: GGUFWriter, config: Any) -> None:
    if window := getattr(config, "sliding_window", None):
        writer.add_sliding_window(window)


def _add_phi3(writer: GGUFWriter, config: Any) -> None:
    writer.add_sliding_window(config.sliding_window or 0)
    writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)


def _add_granite(writer: GGUFWriter, config: Any) -> None:
    writer.add_attention_scale(config.attention_multiplier)
    writer.add_embedding_scale(config.embedding_multiplier)
    writer.add_residual_scale(config.residual_multiplier)
    writer.add_logit_scale(config.logits_scaling)


_ADD_OWN_KEYS = {
    "gemma2": _add_gemma2,
    "gemma3": _add_gemma3,
    "granite": _add_granite,
    "mistral": _add_llama,
    "phi3": _add_phi3,
}


def _rope_of(config: Any) -> dict[str, Any]:
    """Return the parameters of the layers without a window."""
    rope: dict[str, Any] = config.rope_parameters
    full: dict[str, Any] = rope.get("full_attention", rope)
    return full


def _add_rope(writer: GGUFWriter, config: Any, rope: dict[str, Any]) -> None:
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(_head_length(config) * rope.get("partial_rotary_factor", 1.0)))
    kind = rope["rope_type"]
    if kind in {"linear", "yarn"}:
        writer.add_rope_scaling_type(RopeScalingType(kind))
        writer.add_rope_scaling_factor(rope["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if kind == "longrope":
        original = rope["original_max_position_embeddings"]
        scale = config.max_position_embeddings / original
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)))


def _rope_tensors(config: Any, rope: dict[str, Any]) -> Iterator[tuple[str, Array]]:
    if rope["rope_type"] == "llama3":
        exponents = np.arange(0, _head_length(config), 2) / _head_length(config)
        factors = [_llama3_factor(float(f), rope) for f in rope["rope_theta"] ** -exponents]
        assert len({round(factor, 3) for factor in factors}) > 2, "all three cases must occur"
        yield "rope_freqs.weight", np.array(factors, dtype=np.float32)
    if rope["rope_type"] == "longrope":
        yield "rope_factors_long.weight", np.array(rope["long_factor"], dtype=np.float32)
        yield "rope_factors_short.weight", np.array(rope["short_factor"], dtype=np.float32)


def _llama3_factor(frequency: float, rope: dict[str, Any]) -> float:
    original, factor = rope["original_max_position_embeddings"], float(rope["factor"])
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    wavelength = 2 * math.pi / frequency
    if wavelength < original / high:
        return 1.0
    if wavelength > original / low:
        return factor
    smooth = (original / wavelength - low) / (high - low)
    return float(1 / ((1 - smooth) / factor + smooth))


def _tensors(family: str, architecture: str, config: Any, model: Any) -> Iterator[tuple[str, Array]]:
    kind = next(kind for kind, name in MODEL_ARCH_NAMES.items() if name == architecture)
    names = get_tensor_name_map(kind, config.num_hidden_layers)
    for name, weight in model.named_parameters():
        values = weight.detach().numpy()
        if family.startswith("gemma") and name.endswith("norm.weight"):
            values = values + 1
        if family in _PERMUTED and ("q_proj" in name or "k_proj" in name):
            heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
            values = permute_rows(values.reshape(len(values), -1), heads).reshape(values.shape)
        gguf_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert gguf_name is not None, name
        yield gguf_name, values
