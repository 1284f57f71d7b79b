"""Keys and values of what the model has read, and the reuse of what a new prompt shares with them.

A slab is one sequence: its token ids and their keys and values. The cache keeps one slab; keeping
several, the least recently used dropped first, is a matter of this module alone. Knows no text.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from chatterm.engine.local.model import Decoder, Segment

_MIN_CAPACITY = 1024
"""In tokens."""


class Slab:
    """The tokens read so far, in order, and the memory of their keys and values.

    `tensors` has one (2, kv heads, capacity, head_dim) a layer, as `Decoder.forward` wants it. It is
    never filled in advance: the system gives pages when they are first written.
    """

    def __init__(self, model: Decoder, limit: int) -> None:
        """Hold at most `limit` tokens."""
        self.token_ids: list[int] = []
        self.tensors: list[Tensor] = []
        self._model = model
        self._limit = limit

    @property
    def capacity(self) -> int:
        """In tokens. Layers grow in order, so where memory ran out on the way the last one tells."""
        return self.tensors[-1].shape[2] if self.tensors else 0

    def reserve(self, num_tokens: int) -> None:
        """Make room for `num_tokens` in all, doubling, one layer at a time."""
        if num_tokens <= self.capacity:
            return
        capacity = min(max(num_tokens, 2 * self.capacity, _MIN_CAPACITY), self._limit)
        if num_tokens > capacity:
            raise ValueError(f"a slab for {self._limit} tokens cannot hold {num_tokens}")
        if not self.tensors:
            self.tensors = [self._empty(capacity) for _ in range(self._model.shape.num_layers)]
            return
        for index, old in enumerate(self.tensors):
            self.tensors[index] = grown = self._empty(capacity)
            grown[:, :, : len(self.token_ids)] = old[:, :, : len(self.token_ids)]

    def read(self, ids: Sequence[int], *, is_last_only: bool = True) -> Tensor:
        """Let the model read `ids` after the tokens held; return fp32 logits.

        (vocabulary,) after the last of them, or (ids, vocabulary).

        Where it raises, the slab holds what it held.
        """
        start = len(self.token_ids)
        self.reserve(start + len(ids))
        segment = Segment(self.tensors, start, len(ids))
        logits = self._model.forward(torch.tensor(ids), [segment], is_last_only=is_last_only)
        self.token_ids.extend(ids)
        return logits[0] if is_last_only else logits

    def truncate(self, num_tokens: int) -> None:
        """Forget all tokens but the first `num_tokens`."""
        del self.token_ids[num_tokens:]

    def _empty(self, capacity: int) -> Tensor:
        shape = self._model.shape
        size = (2, shape.num_kv_heads, capacity, shape.head_length)
        return torch.empty(size, dtype=self._model.cache_dtype, device=self._model.placement.device)


class KVCache:
    """Finds, for each prompt, the slab that already holds the most of it."""

    def __init__(self, model: Decoder, limit: int) -> None:
        """Hold sequences of at most `limit` tokens."""
        self._slab = Slab(model, limit)

    def take(self, prompt_ids: Sequence[int]) -> Slab:
        """Return a slab that holds a prefix of the prompt and nothing else; its last token is left to read.

        The slab belongs to the caller until the next `take`.
        """
        shared = common_prefix(self._slab.token_ids, prompt_ids)
        self._slab.truncate(min(shared, len(prompt_ids) - 1))
        return self._slab


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many leading items are equal."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
