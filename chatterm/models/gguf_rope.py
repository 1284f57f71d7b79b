"""Reads how a GGUF's model turns queries and keys: base, rotated values, stretching.

llama.cpp's `src/llama-model.cpp` and `src/llama-context.cpp` have the keys and their defaults. Llama 3's
stretching is a tensor (`rope_freqs.weight`), made by the converter, and so are longrope's factors; the
loader of the weights reads them.
"""

from typing import cast, get_args

from chatterm.models.arch_spec import RopeScaling, RopeScalingKind, RopeSpec, yarn_magnitude
from chatterm.models.gguf_keys import MAX_CONTEXT, ArchitectureKeys

_LONG_FACTORS = "rope_factors_long.weight"
_KINDS = tuple(kind for kind in get_args(RopeScalingKind) if kind != "llama3")


def read_rope(read: ArchitectureKeys, head_length: int, context_length: int) -> RopeSpec:
    """Read and check it. Raises BadModelFile naming the key."""
    dimensions = read.integer("rope.dimension_count", 2, head_length, default=head_length)
    if dimensions % 2:
        read.refuse("rope.dimension_count", "even", dimensions)
    return RopeSpec(
        theta=read.number("rope.freq_base", 1.01, 1e12, default=10_000.0),
        dimensions=dimensions,
        scaling=_scaling(read, context_length),
    )


def _scaling(read: ArchitectureKeys, context_length: int) -> RopeScaling | None:
    factor = read.factor("rope.scaling.factor") or read.factor("rope.scale_linear")
    kind = _kind(read, has_factor=factor > 0)
    if kind is None:
        return None
    plain = RopeScaling(kind=kind, factor=factor or 1.0)
    original = read.integer("rope.scaling.original_context_length", 0, MAX_CONTEXT, default=0)
    own = plain.rotation_scale if kind == "yarn" else 1.0
    if log_multiplier := read.number("rope.scaling.yarn_log_multiplier", 0.0, 1e3, default=0.0):
        own /= yarn_magnitude(plain.factor, log_multiplier)
    return RopeScaling(
        kind=kind,
        factor=plain.factor,
        original_context_length=original or context_length,
        attention_factor=own * (read.factor("rope.scaling.attn_factor") or 1.0),
        beta_fast=read.number("rope.scaling.yarn_beta_fast", 1e-3, 1e6, default=plain.beta_fast),
        beta_slow=read.number("rope.scaling.yarn_beta_slow", 1e-3, 1e6, default=plain.beta_slow),
    )


def _kind(read: ArchitectureKeys, *, has_factor: bool) -> RopeScalingKind | None:
    """Return the kind of stretching; phi3's converter tells of longrope by its tensors alone."""
    kind = read.file.get(read.key("rope.scaling.type"), str, "linear" if has_factor else "none")
    if _LONG_FACTORS in read.file.tensors:
        return "longrope"
    if kind == "none":
        return None
    if kind not in _KINDS:
        read.refuse("rope.scaling.type", f"one of none, {', '.join(_KINDS)}", repr(kind[:40]))
    return cast(RopeScalingKind, kind)
