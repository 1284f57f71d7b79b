"""Passes of the model over the tokens of several slabs: who shares one, and how it is stopped.

In deterministic mode a pass has so few rows that each row's numbers are the same to the bit, however many
others there are and whoever they belong to; everything the model reads goes through such passes. Knows no
text and no sampling.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

import torch
from torch import Tensor

from chatterm.engine.base import CancelToken
from chatterm.engine.local.decoder.any_decoder import AnyDecoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.generation.kv_cache import Slab


class Cancelled(Exception):  # no error: it was asked for
    """A pass was stopped between two layers. Its slabs hold what they held."""


class Part(NamedTuple):
    """What one sequence reads."""

    slab: Slab
    ids: Sequence[int]


class Reader:
    """Lets a model read."""

    def __init__(self, model: AnyDecoder, *, is_deterministic: bool = False) -> None:
        self._model = model
        self.identical_rows = model.identical_rows
        self.chunk_size = model.placement.chunk_size
        """Tokens of a prompt read in one step."""
        self.max_rows = self.identical_rows if is_deterministic else None
        """How many rows a pass may have; None: any number."""

    def read(
        self, parts: Sequence[Part], *, is_last_only: bool = True, cancel: CancelToken | None = None
    ) -> Tensor:
        """Let each slab take its ids; return fp32 logits.

        (parts, vocabulary) after the last of each, or (all ids, vocabulary). Raises Cancelled within a
        layer of `cancel` being set; then and where memory runs out, slabs hold what they held or as much
        more as whole passes gave them.
        """
        if self.max_rows is None or sum(len(part.ids) for part in parts) <= self.max_rows:
            return self._pass(parts, is_last_only, cancel)
        last: dict[int, Tensor] = {}
        rows = []
        for group in _cut(parts, self.max_rows):
            logits = self._pass([part for _, part in group], is_last_only, cancel)
            rows.append(logits)
            if is_last_only:
                last.update(zip((index for index, _ in group), logits, strict=True))
        return torch.stack([last[index] for index in range(len(parts))]) if is_last_only else torch.cat(rows)

    def _pass(self, parts: Sequence[Part], is_last_only: bool, cancel: CancelToken | None) -> Tensor:
        for slab, ids in parts:
            slab.reserve(len(slab.token_ids) + len(ids))
        segments = [
            Segment(
                slab.tensors if cancel is None else _Watched(slab.tensors, cancel),
                len(slab.token_ids),
                len(ids),
            )
            for slab, ids in parts
        ]
        all_ids = torch.tensor([token_id for part in parts for token_id in part.ids])
        logits = self._model.forward(all_ids, segments, is_last_only=is_last_only)
        for slab, ids in parts:
            slab.token_ids.extend(ids)
        return logits


def _cut(parts: Sequence[Part], max_rows: int) -> Iterator[list[tuple[int, Part]]]:
    """Yield groups of at most `max_rows` ids, each part with its index, ids in their order."""
    group: list[tuple[int, Part]] = []
    room = max_rows
    for index, (slab, ids) in enumerate(parts):
        start = 0
        while start < len(ids):
            some = ids[start : start + room]
            group.append((index, Part(slab, some)))
            start, room = start + len(some), room - len(some)
            if not room:
                yield group
                group, room = [], max_rows
    if group:
        yield group


class _Watched(Sequence[Tensor]):
    """A slab's tensors, which each layer takes in turn: the moment to see that nobody waits any more."""

    def __init__(self, tensors: Sequence[Tensor], cancel: CancelToken) -> None:
        self._tensors = tensors
        self._cancel = cancel

    def __len__(self) -> int:
        return len(self._tensors)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | Sequence[Tensor]:
        if self._cancel.is_cancelled:
            raise Cancelled
        if isinstance(index, slice):
            return _Watched(self._tensors[index], self._cancel)
        return self._tensors[index]
