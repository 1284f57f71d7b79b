"""The ArchSpec of a folder's config.json, for the families that chatterm's own decoder runs.

Keys, defaults and meanings are those of transformers' configuration classes
(`models/*/configuration_*.py`, `modeling_rope_utils.py`), both as version 5 writes them
(`rope_parameters`, `layer_types`) and as older versions did (`rope_theta`, `rope_scaling`, patterns).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from chatterm.models.arch_spec import Activation, ArchSpec, LayerSpec
from chatterm.models.checkpoint_config import ConfigReader
from chatterm.models.checkpoint_families import FAMILIES, Family
from chatterm.models.checkpoint_rope import LAYER_TYPES, MAX_CONTEXT, NotOursError, RopeReading

_MAX_LAYERS = 512
_MAX_HEADS = 1024
_MAX_WIDTH = 2**20

NATIVE_TYPES = tuple(FAMILIES)
"""`model_type` of the families whose folders the decoder runs."""

_ACTIVATIONS: Mapping[str, Activation] = {
    "silu": "silu",
    "swish": "silu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A decoder that chatterm's own cannot compute."""

    reason: str
    """To follow "because"."""


def read_spec(config: ConfigReader) -> ArchSpec | Foreign:
    """Return what the decoder is. Raises BadModelFile naming key, expectation and finding."""
    model_type = config.text("model_type")
    family = FAMILIES.get(model_type)
    if family is None:
        return Foreign(f"its model_type is {model_type[:40]!r}")
    if family.defaults:
        config = ConfigReader({**family.defaults, **config.values}, config.where)
    try:
        return _Reading(config, model_type, family).spec()
    except NotOursError as error:
        return Foreign(str(error))


@dataclass(frozen=True, slots=True)
class _Reading:
    config: ConfigReader
    model_type: str
    family: Family

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
            context_length=config.integer("max_position_embeddings", 1, MAX_CONTEXT),
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
        """Raises NotOursError for what the families' own code can do and the decoder cannot."""
        for key in ("mlp_bias", "use_bidirectional_attention"):
            if self.config.values.get(key):
                raise NotOursError(f"its config.json sets {key}")

    def activation(self) -> Activation:
        """Gemma's own code falls back on `hidden_act` and on the tanh form."""
        is_gemma = self.family.activation_key != "hidden_act"
        default = "gelu_pytorch_tanh" if is_gemma else "silu"
        name = self.config.text(self.family.activation_key, default)
        if name not in _ACTIVATIONS:
            raise NotOursError(f"its activation is {name[:40]!r}")
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
            kind: RopeReading(self.config, self.family, kind).rope(head_length)
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
            window = self.config.optional_integer("sliding_window", 1, MAX_CONTEXT)
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
            if strange := set(listed) - LAYER_TYPES:
                raise NotOursError(f"it has layers of type {min(strange)[:40]!r}")
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
