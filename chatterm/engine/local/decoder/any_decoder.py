"""What the engine asks of a model that reads tokens: chatterm's own `Decoder`, or transformers' behind it."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from chatterm.engine.local.decoder.layers import CacheShape, Segment
from chatterm.engine.local.decoder.linear import Placement


class AnyDecoder(Protocol):
    """A model with fixed weights. For one thread at a time."""

    @property
    def shape(self) -> CacheShape: ...
    @property
    def placement(self) -> Placement: ...
    @property
    def cache_dtype(self) -> torch.dtype:
        """Of keys and values."""
        ...

    def empty_cache(self, capacity: int) -> list[Tensor]:
        """Return memory for the keys and values of `capacity` tokens, as `Segment` has it."""
        ...

    @property
    def identical_rows(self) -> int:
        """How many rows a pass may have for each to be the same to the bit as if it were alone."""
        ...

    def forward(self, ids: Tensor, segments: Sequence[Segment], *, is_last_only: bool = True) -> Tensor:
        """Read the tokens `ids` (int64, (n,), on the CPU): those of each segment in turn.

        Keys and values of the tokens are written into their segment's cache, which must have room for
        them. Returns fp32 logits: (segments, vocabulary) after the last token of each, or (n, vocabulary).
        """
        ...
