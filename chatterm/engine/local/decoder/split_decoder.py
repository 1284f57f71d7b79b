"""A decoder whose first layers are on one device and whose others are on another: what one cannot hold.

The residual stream travels there and back once a pass. Embedding and head are with the first layers.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.linear import Placement
from chatterm.models.arch_spec import ArchSpec


class SplitDecoder:
    """Two decoders of some layers each, which share the first one's head."""

    identical_rows = 1

    def __init__(self, shape: ArchSpec, first: Decoder, rest: Decoder) -> None:
        self.shape = shape
        self._first = first
        self._rest = rest

    @property
    def placement(self) -> Placement:
        """Of the first layers."""
        return self._first.placement

    @property
    def cache_dtype(self) -> torch.dtype:
        """The larger of both: what memory is counted by."""
        return max(self._first.cache_dtype, self._rest.cache_dtype, key=lambda dtype: dtype.itemsize)

    def why_kernels_fail(self) -> str | None:
        """As `Decoder.why_kernels_fail`, of the first layers."""
        return self._first.why_kernels_fail()

    def empty_cache(self, capacity: int) -> list[Tensor]:
        return [*self._first.empty_cache(capacity), *self._rest.empty_cache(capacity)]

    def forward(self, ids: Tensor, segments: Sequence[Segment], *, is_last_only: bool = True) -> Tensor:
        """As `AnyDecoder.forward`."""
        cut = self._first.shape.num_layers
        x = self._first.embed(ids)
        self._first.read_layers(x, [_part(segment, slice(cut)) for segment in segments])
        y = x.to(self._rest.placement.device)
        self._rest.read_layers(y, [_part(segment, slice(cut, None)) for segment in segments])
        return self._first.logits(y.to(x.device), segments, is_last_only=is_last_only)


def _part(segment: Segment, layers: slice) -> Segment:
    return replace(segment, keys_values=segment.keys_values[layers])
