"""The ArchSpec of a folder's config.json, for the families that chatterm's own decoder runs.

Keys, defaults and meanings are those of transformers' configuration classes
(`models/*/configuration_*.py`, `modeling_rope_utils.py`), both as version 5 writes them
(`rope_parameters`, `layer_types`) and as older versions did (`rope_theta`, `rope_scaling`, patterns).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, cast, get_args

from chatterm.models.arch_spec import (
    Activation,
    ArchSpec,
    LayerSpec,
    NormPlacement,
    QKNorm,
    RopeScaling,
    RopeScalingKind,
    RopeSpec,
)
from chatterm.models.checkpoint_config import ConfigReader

_MAX_LAYERS = 512
_MAX_HEADS = 1024
_MAX_WIDTH = 2**20
_MAX_CONTEXT = 2**26

_Windows = Literal["never", "always", "by layer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
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
    windows: _Windows = "never"
    rope_theta: float = 10_000.0
    rms_epsilon: float = 1e-6
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Of numbers that config.json may leave out."""


_FAMILIES: Mapping[str, _Family] = MappingProxyType(
    {
        "llama": _Family(architecture="llama"),
        "mistral": _Family(architecture="llama", has_qkv_bias=False, windows="always"),
        "qwen2": _Family(architecture="qwen2", has_qkv_bias=True, windows="by layer"),
        "qwen3": _Family(architecture="qwen3", head_length=128, qk_norm="head", windows="by layer"),
        "gemma2": _Family(
            architecture="gemma2",
            head_length=256,
            is_tied=True,
            norm_placement="both",
            activation_key="hidden_activation",
            scales_embedding=True,
            windows="by layer",
        ),
        "gemma3_text": _Family(
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
        "phi3": _Family(architecture="phi3", has_qkv_bias=False, windows="always", rms_epsilon=1e-5),
        "smollm3": _Family(architecture="smollm3", is_tied=True, windows="by layer", rope_theta=2_000_000.0),
        "olmo2": _Family(architecture="olmo2", qk_norm="full", norm_placement="after", rms_epsilon=1e-5),
        "granite": _Family(architecture="granite"),
    }
)

NATIVE_TYPES = tuple(_FAMILIES)
"""`model_type` of the families whose folders the decoder runs."""

_ACTIVATIONS: Mapping[str, Activation] = {
    "silu": "silu",
    "swish": "silu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
}
_LAYER_TYPES = {"full_attention", "sliding_attention"}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A decoder that chatterm's own cannot compute."""

    reason: str
    """To follow "because"."""


class _NotOursError(Exception):
    """The text is a Foreign's reason."""


def read_spec(config: ConfigReader) -> ArchSpec | Foreign:
    """Return what the decoder is. Raises BadModelFile naming key, expectation and finding."""
    model_type = config.text("model_type")
    family = _FAMILIES.get(model_type)
    if family is None:
        return Foreign(f"its model_type is {model_type[:40]!r}")
    if family.defaults:
        config = ConfigReader({**family.defaults, **config.values}, config.where)
    try:
        return _Reading(config, model_type, family).spec()
    except _NotOursError as error:
        return Foreign(str(error))


@dataclass(frozen=True, slots=True)
class _Reading:
    config: ConfigReader
    model_type: str
    family: _Family

    def spec(self) -> ArchSpec:
        config, family = self.config, self.family
        self.refuse_foreign()
        width = config.integer("hidden_size", 1, _MAX_WIDTH)
        num_heads = config.integer("num_attention_heads", 1, _MAX_HEADS)
        num_kv_heads = config.integer("num_key_value_heads", 1, num_heads, default=num_heads)
        if num_heads % num_kv_heads:
            config.refuse("num_key_value_heads", f"a divisor of the {num_heads} heads", num_kv_heads)
        head_length = self.head_length(width, num_heads)
        has_bias = config.flag("attention_bias", default=False)
        has_own_bias = family.has_qkv_bias is not None
        return ArchSpec(
            architecture=family.architecture,
            context_length=config.integer("max_position_embeddings", 1, _MAX_CONTEXT),
            embedding_length=width,
            feed_forward_length=config.integer("intermediate_size", 1, _MAX_WIDTH),
            num_heads=num_heads,
            num_kv_heads=num_kv_heads,
            head_length=head_length,
            vocab_size=config.integer("vocab_size", 1, 2**24),
            is_head_tied=config.flag("tie_word_embeddings", default=family.is_tied),
            rms_epsilon=config.number("rms_norm_eps", 1e-15, 0.1, default=family.rms_epsilon),
            layers=self.layers(head_length),
            rope_pairs="halves",
            has_fused_products=family.architecture == "phi3",
            has_qkv_bias=bool(family.has_qkv_bias) if has_own_bias else has_bias,
            has_output_bias=has_bias and not has_own_bias,
            qk_norm=family.qk_norm,
            norm_placement=family.norm_placement,
            activation=self.activation(),
            query_scale=self.query_scale(head_length),
            embedding_scale=self.embedding_scale(width),
            residual_scale=self.multiplier("residual_multiplier"),
            logit_scale=1.0 / self.multiplier("logits_scaling"),
            attention_softcap=self.softcap("attn_logit_softcapping"),
            logit_softcap=self.softcap("final_logit_softcapping"),
        )

    def refuse_foreign(self) -> None:
        """Raises _NotOursError for what the families' own code can do and the decoder cannot."""
        for key in ("mlp_bias", "use_bidirectional_attention"):
            if self.config.values.get(key):
                raise _NotOursError(f"its config.json sets {key}")

    def activation(self) -> Activation:
        """Gemma's own code falls back on `hidden_act` and on the tanh form."""
        is_gemma = self.family.activation_key != "hidden_act"
        default = "gelu_pytorch_tanh" if is_gemma else "silu"
        name = self.config.text(self.family.activation_key, default)
        if name not in _ACTIVATIONS:
            raise _NotOursError(f"its activation is {name[:40]!r}")
        return _ACTIVATIONS[name]

    def head_length(self, width: int, num_heads: int) -> int:
        default = self.family.head_length
        if default is None and self.config.values.get("head_dim") is None and width % num_heads:
            self.config.refuse("num_attention_heads", f"a divisor of hidden_size {width:,}", num_heads)
        length = self.config.integer("head_dim", 2, _MAX_WIDTH, default=default or width // num_heads)
        if length % 2:
            self.config.refuse("head_dim", "even", length)
        return length

    def query_scale(self, head_length: int) -> float:
        if self.family.architecture == "granite":
            return self.multiplier("attention_multiplier")
        if self.family.scales_embedding:
            return float(self.config.number("query_pre_attn_scalar", 1e-6, 1e6, default=256.0) ** -0.5)
        return float(head_length**-0.5)

    def embedding_scale(self, width: int) -> float:
        return math.sqrt(width) if self.family.scales_embedding else self.multiplier("embedding_multiplier")

    def multiplier(self, key: str) -> float:
        """Of granite; 1 for the other families."""
        is_granite = self.family.architecture == "granite"
        return self.config.number(key, 1e-6, 1e6, default=1.0) if is_granite else 1.0

    def softcap(self, key: str) -> float | None:
        if not self.family.scales_embedding:
            return None
        return self.config.optional_number(key, 1e-3, 1e6)

    def layers(self, head_length: int) -> tuple[LayerSpec, ...]:
        count = self.config.integer("num_hidden_layers", 1, _MAX_LAYERS)
        windows = self.windows(count)
        ropes = {
            kind: _RopeReading(self.config, self.family, kind).rope(head_length)
            for kind in ("full_attention", "sliding_attention")
        }
        has_rope = self.which_have_rope(count)
        return tuple(
            LayerSpec(
                rope=ropes["full_attention" if window is None else "sliding_attention"] if turns else None,
                window=window,
            )
            for window, turns in zip(windows, has_rope, strict=True)
        )

    def which_have_rope(self, count: int) -> list[bool]:
        if self.model_type != "smollm3":
            return [True] * count
        listed = self.config.list_of("no_rope_layers", int, count)
        if listed is not None:
            return [bool(flag) for flag in listed]
        interval = self.config.integer("no_rope_layer_interval", 1, _MAX_LAYERS, default=4)
        return [(index + 1) % interval != 0 for index in range(count)]

    def windows(self, count: int) -> list[int | None]:
        """Return each layer's window in tokens; None for layers that see everything."""
        if self.family.windows == "never":
            return [None] * count
        default = 4096 if self.family.scales_embedding or self.model_type == "mistral" else None
        if "sliding_window" in self.config.values or default is None:
            window = self.config.optional_integer("sliding_window", 1, _MAX_CONTEXT)
        else:
            window = default
        if self.family.windows == "always" or window is None:
            return [window] * count
        return [window if slides else None for slides in self.which_slide(count)]

    def which_slide(self, count: int) -> list[bool]:
        config = self.config
        uses = self.family.scales_embedding or config.flag("use_sliding_window", default=False)
        listed = config.list_of("layer_types", str, count)
        if listed is not None:
            if strange := set(listed) - _LAYER_TYPES:
                raise _NotOursError(f"it has layers of type {min(strange)[:40]!r}")
            return [uses and kind == "sliding_attention" for kind in listed]
        if not uses:
            return [False] * count
        if self.family.scales_embedding:
            default = 2 if self.model_type == "gemma2" else 6
            pattern = config.integer("sliding_window_pattern", 1, _MAX_LAYERS, default=default)
            return [(index + 1) % pattern != 0 for index in range(count)]
        if self.model_type == "smollm3":
            return [not turns for turns in self.which_have_rope(count)]
        first = config.integer("max_window_layers", 0, _MAX_LAYERS, default=28)
        return [index >= first for index in range(count)]


@dataclass(frozen=True, slots=True)
class _RopeReading:
    """Reads the rope of one kind of layer, in the new form and the old."""

    config: ConfigReader
    family: _Family
    layer_type: str

    def rope(self, head_length: int) -> RopeSpec:
        found = self._parameters()
        default = self._old_theta()
        theta = default if found is None else found.number("rope_theta", 1.0, 1e12, default=default)
        share = self.config.number("partial_rotary_factor", 1e-3, 1.0, default=1.0)
        if found is not None:
            share = found.number("partial_rotary_factor", 1e-3, 1.0, default=share)
        dimensions = int(head_length * share)
        if dimensions < 2 or dimensions % 2:
            self.config.refuse("partial_rotary_factor", f"an even part of {head_length}", share)
        scaling = None if found is None else self._scaling(found, dimensions // 2)
        return RopeSpec(theta=theta, dimensions=dimensions, scaling=scaling)

    def _parameters(self) -> ConfigReader | None:
        """Return `rope_parameters`, of this kind of layer where it has them; else `rope_scaling`."""
        found = self.config.table("rope_parameters")
        if found is None:
            # gemma3 scales the rope of its full layers alone.
            is_other = self.family.architecture == "gemma3" and self.layer_type == "sliding_attention"
            return None if is_other else self.config.table("rope_scaling")
        if any(kind in found.values for kind in _LAYER_TYPES):
            return found.table(self.layer_type)
        return found

    def _old_theta(self) -> float:
        if self.family.architecture == "gemma3" and self.layer_type == "sliding_attention":
            return self.config.number("rope_local_base_freq", 1.0, 1e12, default=10_000.0)
        return self.config.number("rope_theta", 1.0, 1e12, default=self.family.rope_theta)

    def _scaling(self, found: ConfigReader, num_pairs: int) -> RopeScaling | None:
        kind = found.text("rope_type", found.text("type", "default"))
        if kind == "default":
            return None
        if kind == "su" or (kind == "yarn" and self.family.architecture == "phi3"):
            kind = "longrope"
        if kind not in get_args(RopeScalingKind):
            raise _NotOursError(f"it stretches its context by {kind[:40]!r}")
        if found.values.get("truncate") is False:
            raise _NotOursError("its yarn does not round its bounds")
        longest = self.config.integer("max_position_embeddings", 1, _MAX_CONTEXT)
        original = found.integer("original_max_position_embeddings", 1, _MAX_CONTEXT, default=longest)
        original = self.config.integer("original_max_position_embeddings", 1, _MAX_CONTEXT, default=original)
        factor = found.optional_number("factor", 1e-3, 1e6)
        return RopeScaling(
            kind=cast(RopeScalingKind, kind),
            factor=longest / original if factor is None else factor,
            original_context_length=None if kind == "linear" else original,
            attention_factor=self._attention_factor(found, kind, factor, original),
            low_frequency_factor=found.number("low_freq_factor", 1e-3, 1e6, default=1.0),
            high_frequency_factor=found.number("high_freq_factor", 1e-3, 1e6, default=4.0),
            beta_fast=found.number("beta_fast", 1e-3, 1e6, default=32.0),
            beta_slow=found.number("beta_slow", 1e-3, 1e6, default=1.0),
            short_factors=self._factors(found, "short_factor", kind, num_pairs),
            long_factors=self._factors(found, "long_factor", kind, num_pairs),
        )

    def _attention_factor(
        self, found: ConfigReader, kind: str, factor: float | None, original: int
    ) -> float | None:
        """Return what the file says, or what its other numbers make of it; else None.

        longrope with a factor of its own: transformers takes that, and not the contexts' quotient. yarn
        with two `mscale`s: their quotient (DeepSeek's form).
        """
        value = found.optional_number("attention_factor", 0.0, 1e6)
        scale = found.optional_number("mscale", 0.0, 1e6)
        scale_all = found.optional_number("mscale_all_dim", 0.0, 1e6)
        if kind == "longrope" and value is None and factor is not None:
            return math.sqrt(1 + math.log(max(factor, 1.0)) / math.log(max(original, 2)))
        if value is None and scale and scale_all and factor is not None and factor > 1:
            return (0.1 * scale * math.log(factor) + 1) / (0.1 * scale_all * math.log(factor) + 1)
        return value

    def _factors(self, found: ConfigReader, key: str, kind: str, num_pairs: int) -> tuple[float, ...]:
        if kind != "longrope":
            return ()
        factors = found.list_of(key, float, num_pairs)
        if factors is None or not all(1e-6 < factor < 1e9 for factor in factors):
            found.refuse(key, f"a list of {num_pairs} numbers above 0", factors)
        return tuple(factors)
