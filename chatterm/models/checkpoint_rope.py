"""The rope of a folder's layers: `rope_parameters` as transformers 5 writes it, `rope_scaling` as before.

Keys, defaults and formulas: transformers' `modeling_rope_utils.py` and its configuration classes.
"""

import math
from dataclasses import dataclass
from typing import cast, get_args

from chatterm.models.arch_spec import RopeScaling, RopeScalingKind, RopeSpec
from chatterm.models.checkpoint_config import ConfigReader
from chatterm.models.checkpoint_families import Family

LAYER_TYPES = {"full_attention", "sliding_attention"}
MAX_CONTEXT = 2**26


class NotOursError(Exception):
    """The decoder cannot compute it; the text is a Foreign's reason."""


@dataclass(frozen=True, slots=True)
class RopeReading:
    """Reads the rope of one kind of layer, in the new form and the old."""

    config: ConfigReader
    family: Family
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
        if any(kind in found.values for kind in LAYER_TYPES):
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
            raise NotOursError(f"it stretches its context by {kind[:40]!r}")
        if found.values.get("truncate") is False:
            raise NotOursError("its yarn does not round its bounds")
        longest = self.config.integer("max_position_embeddings", 1, MAX_CONTEXT)
        original = found.integer("original_max_position_embeddings", 1, MAX_CONTEXT, default=longest)
        original = self.config.integer("original_max_position_embeddings", 1, MAX_CONTEXT, default=original)
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
