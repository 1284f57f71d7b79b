"""Rotary embedding: the frequencies of a RopeSpec, stretched, and the rotations of positions.

Two numbers of a head turn together. Stored rows have them as neighbours (2i, 2i + 1), as GGUF keeps the
llama architecture's, or half the rotated values apart (i, i + d / 2), as transformers keeps all. The order
of a head's numbers is free as long as queries and keys share it, so the loader moves rows once
(`neighbour_order`) and the decoder knows neighbours only: a rotation is a product of complex numbers.
"""

import math

import torch
from torch import Tensor

from chatterm.models.arch_spec import RopeScaling, RopeSpec


def frequencies(rope: RopeSpec, context_length: int) -> Tensor:
    """Return fp32 (dimensions / 2), in radians a position, without longrope's factors.

    `context_length` is what the model was trained for, in tokens.
    """
    exponents = torch.arange(0, rope.dimensions, 2).float() / rope.dimensions
    plain = 1.0 / rope.theta**exponents
    scaling = rope.scaling
    if scaling is None or scaling.kind == "longrope":
        return plain
    original = scaling.original_context_length or context_length
    if scaling.kind == "llama3":
        return _llama3(plain, scaling, original)
    if scaling.kind == "yarn":
        return _yarn(plain, rope, scaling, original)
    return plain / scaling.factor


def _llama3(plain: Tensor, scaling: RopeScaling, original: int) -> Tensor:
    """Keep the short waves, stretch the long ones, and blend between (Llama 3.1's reference code)."""
    turns = plain * (original / (2 * math.pi))
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return plain * kept + plain / scaling.factor * (1 - kept)


def _yarn(plain: Tensor, rope: RopeSpec, scaling: RopeScaling, original: int) -> Tensor:
    """Keep the pairs that turn often, stretch those that turn rarely (arXiv 2309.00071, section 3.2)."""

    def pair_that_turns(times: float) -> float:
        waves = original / (times * 2 * math.pi)
        return rope.dimensions * math.log(waves) / (2 * math.log(rope.theta))

    first = max(math.floor(pair_that_turns(scaling.beta_fast)), 0)
    last = min(math.ceil(pair_that_turns(scaling.beta_slow)), rope.dimensions - 1)
    pairs = torch.arange(rope.dimensions // 2).float()
    stretched = ((pairs - first) / max(last - first, 0.001)).clamp(0, 1)
    return plain * (1 - stretched) + plain / scaling.factor * stretched


def neighbour_order(num_heads: int, head_length: int, dimensions: int) -> Tensor:
    """Return the order, int64 (heads x head_length), that makes neighbours of halves.

    Row r of the reordered is row `order[r]` of the stored. Values that are not rotated stay.
    """
    head = torch.arange(head_length)
    head[:dimensions] = head[:dimensions].view(2, -1).t().reshape(-1)
    return (torch.arange(num_heads).unsqueeze(1) * head_length + head).view(-1)


class Rotations:
    """The rotations of positions 0, 1, ...: a table that grows. For one thread at a time."""

    def __init__(
        self, frequencies: Tensor, device: torch.device, *, magnitude: float, context_length: int
    ) -> None:
        """Turn by `frequencies`, in radians a position, and multiply by `magnitude`."""
        self._frequencies = frequencies
        self._magnitude = torch.tensor(magnitude)
        self._context_length = context_length
        self._table = torch.empty(0, 1, len(frequencies), dtype=torch.complex64, device=device)

    def of(self, start: int, end: int) -> Tensor:
        """Return complex64 (positions, 1, dimensions / 2)."""
        if end > len(self._table):
            size = max(end, min(2 * end, self._context_length))
            angles = torch.outer(torch.arange(size).float(), self._frequencies)
            self._table = torch.polar(self._magnitude, angles).unsqueeze(1).to(self._table.device)
        return self._table[start:end]
