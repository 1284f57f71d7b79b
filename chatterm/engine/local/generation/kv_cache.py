"""Keys and values of what the model has read, and the reuse of what a new prompt shares with them.

A slab is one sequence: its token ids and their keys and values. The cache keeps the slabs of several
conversations within a budget of memory, the least recently used dropped first. Knows no text.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from chatterm.engine.local.decoder.any_decoder import AnyDecoder
from chatterm.engine.local.decoder.layers import Segment

_MIN_CAPACITY = 512
"""In tokens."""
_SPARED_TOKENS = 8
"""So few tokens of a kept slab are forgotten rather than its shared beginning copied."""


class Slab:
    """The tokens read so far, in order, and the memory of their keys and values.

    `tensors` has one (2, kv heads, capacity, head_dim) a layer, as `AnyDecoder.forward` wants it. It is
    never filled in advance: the system gives pages when they are first written.
    """

    def __init__(self, model: AnyDecoder, limit: int, expected: int | None = None) -> None:
        """Hold at most `limit` tokens; `expected` is how many there will probably be (None: the limit)."""
        self.token_ids: list[int] = []
        self.tensors: list[Tensor] = []
        self.expected = limit if expected is None else min(limit, expected)
        self.num_shared = 0
        """Tokens that it had of another prompt when it was taken."""
        self.is_once = False
        """What it holds will not be gone on from."""
        self._model = model
        self._limit = limit

    @property
    def capacity(self) -> int:
        """In tokens, the same for all layers."""
        return self.tensors[-1].shape[2] if self.tensors else 0

    def reserve(self, num_tokens: int, *, num_written: int | None = None) -> None:
        """Make room for `num_tokens` in all, doubling up to what is expected; on a GPU all that at once.

        `num_written` have keys and values, which they keep (None: those that are held). Where memory runs
        out it raises as torch does, and nothing has changed.
        """
        if num_tokens <= self.capacity:
            return
        if num_tokens > self._limit:
            raise ValueError(f"a slab for {self._limit} tokens cannot hold {num_tokens}")
        doubled = max(2 * self.capacity, _MIN_CAPACITY)
        if self._model.placement.device.type != "cpu" and num_tokens <= self.expected:
            doubled = self.expected  # there a page is taken whether written or not, and growing takes both
        capacity = max(
            num_tokens, min(doubled, self.expected if num_tokens <= self.expected else self._limit)
        )
        # All of it before any is used: layers of two capacities, where memory ran out in between, would be
        # read out of bounds. The system gives pages when they are written, so both never take room at once.
        grown = self._model.empty_cache(capacity)
        if not self.tensors:
            self.tensors = grown
            return
        kept = len(self.token_ids) if num_written is None else num_written
        for index, new in enumerate(grown):
            new[:, :, :kept] = self.tensors[index][:, :, :kept]
            self.tensors[index] = new

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

    def copy_start(self, other: "Slab", num_tokens: int) -> None:
        """Hold the first tokens of another slab, and nothing else."""
        self.token_ids.clear()
        self.reserve(num_tokens)
        for mine, theirs in zip(self.tensors, other.tensors, strict=True):
            mine[:, :, :num_tokens] = theirs[:, :, :num_tokens]
        self.token_ids.extend(other.token_ids[:num_tokens])

    def copy(self, expected: int, num_tokens: int | None = None) -> "Slab":
        """Return another that holds the same, or its first `num_tokens`, for `expected` tokens."""
        slab = Slab(self._model, self._limit, expected)
        slab.copy_start(self, len(self.token_ids) if num_tokens is None else num_tokens)
        return slab


class KVCache:
    """Keeps slabs, and finds for each prompt the one that already holds the most of it.

    A slab is in use from `take` to `give_back`, and never dropped in between. Memory is counted in tokens:
    a slab in use takes what it is expected to hold, a kept one what it has.
    """

    def __init__(self, model: AnyDecoder, limit: int, budget: int | None = None) -> None:
        """Hold sequences of at most `limit` tokens, all together in `budget` bytes.

        None: as much as one sequence of `limit` tokens takes; one sequence may always take that much.
        """
        self._model = model
        self._limit = limit
        self._budget = max(limit, (budget or 0) // bytes_per_token(model))
        self._kept: list[Slab] = []
        """The least recently used first."""
        self._in_use: list[Slab] = []

    @property
    def num_kept(self) -> int:
        """How many slabs are kept that are not in use."""
        return len(self._kept)

    @property
    def num_tokens(self) -> int:
        """Memory taken, in tokens."""
        return self._tokens_in_use + sum(slab.capacity for slab in self._kept)

    def has_room(self, num_tokens: int) -> bool:
        """Tell whether a sequence of `num_tokens` may join those in use."""
        return not self._in_use or self._tokens_in_use + min(num_tokens, self._limit) <= self._budget

    def take(
        self, prompt_ids: Sequence[int], num_tokens: int | None = None, *, may_hold_all: bool = False
    ) -> Slab:
        """Return a slab that holds a prefix of the prompt and nothing else, for `num_tokens` in all.

        Unless `may_hold_all`, the prompt's last token is left to read. None: the limit.
        """
        expected = self._limit if num_tokens is None else min(num_tokens, self._limit)
        source, shared = self._longest(prompt_ids, len(prompt_ids) - (not may_hold_all))
        if source in self._kept and self._is_better_moved(source, shared, expected):
            slab = source
            self._kept.remove(slab)
            slab.truncate(shared)
            slab.expected = expected
        else:
            slab = Slab(self._model, self._limit, expected)
        slab.num_shared = shared
        self._in_use.append(slab)
        if source is not None and slab is not source:
            self._drop_some(source)
            slab.copy_start(source, shared)
            if source.is_once and source in self._kept:
                self._kept.remove(source)  # what others begin with is in `slab` as well
        self._drop_some()
        return slab

    def give_back(self, slab: Slab, *, is_once: bool = False) -> None:
        """Keep a slab that was taken; harmless when repeated.

        Of those that are used once only the last is kept, of that what the one before began with as well, and
        until another has it.
        """
        if slab in self._in_use:
            self._in_use.remove(slab)
            if is_once:
                self._kept = [one for one in self._kept if not one.is_once]
                slab = _beginning(slab)
            slab.is_once = is_once
            if slab.token_ids:
                self._kept.append(slab)
            self._drop_some()

    def clear(self) -> None:
        """Drop all that is not in use."""
        self._kept.clear()

    @property
    def _tokens_in_use(self) -> int:
        return sum(max(slab.capacity, slab.expected) for slab in self._in_use)

    def _longest(self, prompt_ids: Sequence[int], most: int) -> tuple[Slab | None, int]:
        """Return the slab that shares the most with the prompt, and how many tokens; the newest of equals."""
        best, length = None, 0
        for slab in (*reversed(self._kept), *self._in_use):
            shared = min(common_prefix(slab.token_ids, prompt_ids), most)
            if shared > length:
                best, length = slab, shared
        return best, length

    def _is_better_moved(self, source: Slab, shared: int, expected: int) -> bool:
        """Tell whether to go on in a kept slab itself, which then forgets what the prompt does not share.

        Copying a token costs a hundredth of reading it, so only where next to nothing is forgotten or
        there is no room for both.
        """
        num_forgotten = len(source.token_ids) - shared
        has_room = self._tokens_in_use + source.capacity + expected <= self._budget
        return num_forgotten <= max(_SPARED_TOKENS, shared // 64) or not has_room

    def _drop_some(self, spared: Slab | None = None) -> None:
        """Drop kept slabs, the least recently used first, until the budget is kept."""
        for slab in [one for one in self._kept if one is not spared]:
            if self.num_tokens <= self._budget:
                return
            self._kept.remove(slab)


def _beginning(slab: Slab) -> Slab:
    """Return what another prompt began with as well, in memory of its own; where there is neither, all."""
    if not slab.num_shared:
        return slab
    try:
        return slab.copy(slab.num_shared, slab.num_shared)
    except (MemoryError, torch.OutOfMemoryError):
        return slab


def bytes_per_token(model: AnyDecoder) -> int:
    """Return what one token's keys and values take in all layers."""
    shape = model.shape
    return 2 * shape.num_layers * shape.num_kv_heads * shape.head_length * model.cache_dtype.itemsize


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many leading items are equal. By halves: lists are compared faster than items."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if list(one[low:middle]) == list(other[low:middle]):
            low = middle
        else:
            high = middle - 1
    return low
