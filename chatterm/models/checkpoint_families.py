"""The families whose folders chatterm's own decoder runs, and what their config.json leaves unsaid.

Defaults are those of transformers' configuration classes (`models/*/configuration_*.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from chatterm.models.arch_spec import NormPlacement, QKNorm

Windows = Literal["never", "always", "by layer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What config.json leaves unsaid, because the family's code says it."""

    architecture: str
    """GGUF's name of it."""
    head_length: int | None = None
    """Where `head_dim` is absent; None: hidden_size / heads."""
    is_tied: bool = False
    has_qkv_bias: bool | None = None
    """None: as `attention_bias` says, which is then the output's too."""
    qk_norm: QKNorm = "none"
    norm_placement: NormPlacement = "before"
    activation_key: str = "hidden_act"
    scales_embedding: bool = False
    """By the root of its width."""
    windows: Windows = "never"
    rope_theta: float = 10_000.0
    rms_epsilon: float = 1e-6
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Of numbers that config.json may leave out."""


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "llama": Family(architecture="llama"),
        "mistral": Family(architecture="llama", has_qkv_bias=False, windows="always"),
        "qwen2": Family(architecture="qwen2", has_qkv_bias=True, windows="by layer"),
        "qwen3": Family(architecture="qwen3", head_length=128, qk_norm="head", windows="by layer"),
        "gemma2": Family(
            architecture="gemma2",
            head_length=256,
            is_tied=True,
            norm_placement="both",
            activation_key="hidden_activation",
            scales_embedding=True,
            windows="by layer",
        ),
        "gemma3_text": Family(
            architecture="gemma3",
            head_length=256,
            is_tied=True,
            qk_norm="head",
            norm_placement="both",
            activation_key="hidden_activation",
            scales_embedding=True,
            windows="by layer",
            rope_theta=1_000_000.0,
            # The `text_config` of models with eyes says only what differs from the class.
            defaults={
                "hidden_size": 2304,
                "intermediate_size": 9216,
                "num_hidden_layers": 26,
                "num_attention_heads": 8,
                "num_key_value_heads": 4,
                "max_position_embeddings": 131_072,
                "vocab_size": 262_208,
            },
        ),
        "phi3": Family(architecture="phi3", has_qkv_bias=False, windows="always", rms_epsilon=1e-5),
        "smollm3": Family(architecture="smollm3", is_tied=True, windows="by layer", rope_theta=2_000_000.0),
        "olmo2": Family(architecture="olmo2", qk_norm="full", norm_placement="after", rms_epsilon=1e-5),
        "granite": Family(architecture="granite"),
    }
)
