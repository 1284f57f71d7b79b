"""What the engine asks of a model that reads tokens: chatterm's own `Decoder`, or transformers' behind it."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.linear import Placement


class CacheShape(Protocol):
    """The sizes of a token's keys and values."""

    @property
    def num_layers(self) -> int: ...
    @property
    def num_kv_heads(self) -> int: ...
    @property
    def head_length(self) -> int: ...


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
