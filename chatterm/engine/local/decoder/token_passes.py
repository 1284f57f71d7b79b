"""Passes over one token of each of several sequences, at positions that the device alone knows.

What a CUDA graph can hold: which operations run, and on what memory, is the same whatever the positions
are, as long as they lie within one bucket of lengths. Owns the buckets, and the form of such passes by
torch's own operations (`gpu.token_passes` has that by the GPU's kernels). Knows no graphs and no sampling.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

from torch import Tensor

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import Segment

LEAST_BUCKET = 512
"""In tokens; the others are twice, four times, ... as long."""


@dataclass(frozen=True, slots=True)
class TokenRows:
    """What passes read, always in the same memory: graphs know its addresses."""

    ids: Tensor
    """int64 (rows,)."""
    positions: Tensor
    """int32 (rows,): of these tokens in their sequences."""


class TokenPass(NamedTuple):
    """A pass over the next tokens of some sequences, for as long as they stay in their bucket."""

    key: Hashable
    """What a graph of it knows of the sequences: for other tokens with the same key it does the same."""
    prepare: Callable[[], None]
    """To be called before a pass with another key than the last one's, and after any other pass."""
    run: Callable[[], Tensor]
    """Writes keys and values of the tokens and returns fp32 logits (rows, vocabulary)."""
    keeps: object
    """What a graph of it reads beside rows, weights and the sequences' caches, and must keep alive."""


class TokenPasses(Protocol):
    """Makes such passes with one decoder."""

    @property
    def most_rows(self) -> int: ...
    @property
    def num_tries(self) -> int:
        """How many passes with a key run before a graph of it is worth its making."""
        ...

    def of(self, rows: TokenRows, segments: Sequence[Segment]) -> TokenPass:
        """Return the pass over the token of each segment, whose id and position `rows` has on the device."""
        ...


class TorchPasses:
    """By torch's own operations: TokenPasses.

    Keys and values are read where they are, so a graph belongs to the memory of its sequences, and to one
    bucket: all of a bucket is read, and what lies behind the token is hidden by a mask.
    """

    most_rows = 16
    """Of x in one int4 product that reads the weights once."""
    num_tries = 2
    """Making a graph takes about as long as three passes without one. Estimated, not measured."""

    def __init__(self, decoder: Decoder, *, least_bucket: int = LEAST_BUCKET) -> None:
        self._decoder = decoder
        self._least_bucket = least_bucket

    def of(self, rows: TokenRows, segments: Sequence[Segment]) -> TokenPass:
        """As `TokenPasses`; a segment's `start` is its token's position."""
        bucket = self._bucket(max(segment.end for segment in segments))
        caches = [segment.keys_values for segment in segments]
        capacities = [cache[0].shape[2] for cache in caches]
        lengths = [min(bucket, capacity) for capacity in capacities]
        turns = self._decoder.turns(bucket)
        addresses = (tensor.data_ptr() for cache in caches for tensor in cache)
        return TokenPass(
            (bucket, *capacities, *addresses),
            partial(_clear_behind, segments, lengths),
            lambda: self._decoder.read_at(rows.ids, rows.positions.long(), caches, lengths, turns),
            turns,
        )

    def _bucket(self, num_tokens: int) -> int:
        bucket = self._least_bucket
        while bucket < num_tokens:
            bucket *= 2
        return bucket


def _clear_behind(segments: Sequence[Segment], lengths: Sequence[int]) -> None:
    """Let what is read behind each token be finite: memory that was never written may hold anything."""
    for segment, length in zip(segments, lengths, strict=True):
        for tensor in segment.keys_values:
            tensor[:, :, segment.start : length].zero_()
