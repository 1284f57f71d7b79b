"""Tiny random models of every family, made with transformers: what it computes with them is the oracle.

A configuration has on whatever varies in its family, odd counts of heads and layers, and windows and
original contexts so short that a test of a hundred tokens leaves them behind. Widths are multiples of
32, so that the matrices can be stored as any of the small block types.
"""

import copy
from collections.abc import Mapping
from typing import Any  # transformers has no types

import torch

VOCAB_SIZE = 320

LLAMA3_ROPE = {
    "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip
YARN_ROPE = {
    "rope_type": "yarn", "rope_theta": 10_000.0, "factor": 8.0, "original_max_position_embeddings": 64,
}  # fmt: skip
LINEAR_ROPE = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
PLAIN_ROPE = {"rope_type": "default", "rope_theta": 10_000.0}

_COMMON: Mapping[str, Any] = {
    "vocab_size": VOCAB_SIZE, "hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 3,
    "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5, "rope_parameters": PLAIN_ROPE, "tie_word_embeddings": False,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip

_VARYING: Mapping[str, Mapping[str, Any]] = {
    "llama": {"rope_parameters": LLAMA3_ROPE},
    "mistral": {"head_dim": 32, "sliding_window": None},
    "qwen2": {"tie_word_embeddings": True, "rope_parameters": YARN_ROPE},
    "qwen3": {"head_dim": 32, "tie_word_embeddings": True, "rope_parameters": YARN_ROPE},
    "gemma2": {
        "head_dim": 32, "query_pre_attn_scalar": 32, "num_hidden_layers": 5, "sliding_window": 9,
        "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0, "tie_word_embeddings": True,
    },
    "gemma3": {
        "head_dim": 32, "query_pre_attn_scalar": 32, "num_hidden_layers": 7, "sliding_window": 9,
        "tie_word_embeddings": True,
        "rope_parameters": {
            "sliding_attention": PLAIN_ROPE,
            "full_attention": {"rope_type": "linear", "rope_theta": 1_000_000.0, "factor": 8.0},
        },
    },
    "phi3": {
        "sliding_window": 70, "original_max_position_embeddings": 64,
        "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 10_000.0, "partial_rotary_factor": 0.75,
            "original_max_position_embeddings": 64, "short_factor": [1.0, 1.02, 1.05, 1.1, 1.2, 1.3],
            "long_factor": [1.1, 1.5, 2.0, 3.5, 5.0, 8.0],
        },
    },
    "smollm3": {"num_hidden_layers": 5, "tie_word_embeddings": True},
    "olmo2": {"num_attention_heads": 3, "num_key_value_heads": 3},
    "granite": {
        "embedding_multiplier": 6.0, "attention_multiplier": 0.3, "residual_multiplier": 0.22,
        "logits_scaling": 8.0, "tie_word_embeddings": True,
    },
}  # fmt: skip

FAMILIES = tuple(_VARYING)


def tiny_model(family: str, **changes: object) -> tuple[Any, Any]:
    """Return a configuration and its model: random weights, fp32, plain attention, always the same.

    `changes` replace values of the configuration.
    """
    make_config, make_model = _classes(family)
    config = make_config(**copy.deepcopy({**_COMMON, **_VARYING[family], **changes}))
    config._attn_implementation = "eager"
    model = make_model(config).float().eval()
    _draw_weights(model, is_norm_less_one=family.startswith("gemma"))
    return config, model


@torch.no_grad()
def _draw_weights(model: Any, *, is_norm_less_one: bool) -> None:
    """Draw weights under which every part of the arithmetic matters to the logits."""
    rng = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=rng)
        if "embed_tokens" in name:
            weight.copy_(noise)
        elif weight.dim() == 2:
            weight.copy_(noise * 1.5 / weight.shape[1] ** 0.5)
        elif name.endswith(".bias"):
            weight.copy_(noise * 0.5)
        else:
            weight.copy_(noise * 0.2 + (0.0 if is_norm_less_one else 1.0))


def _classes(family: str) -> tuple[Any, Any]:
    """Return the classes of the family's configuration and model."""
    import transformers

    name = _CLASSES[family]
    config = "Gemma3TextConfig" if family == "gemma3" else f"{name}Config"
    return getattr(transformers, config), getattr(transformers, f"{name}ForCausalLM")


_CLASSES = {
    "llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3", "gemma2": "Gemma2",
    "gemma3": "Gemma3", "phi3": "Phi3", "smollm3": "SmolLM3", "olmo2": "Olmo2", "granite": "Granite",
}  # fmt: skip
