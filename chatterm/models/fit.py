"""Does a model fit? How many bytes it needs on a device, before any of it is loaded, and what to do if not.

Owns the arithmetic and the words. How many bytes a matrix takes once it is loaded is told by `held`
(`engine.local.weights.packed_types` knows), what is free by `free_memory` or by the device. Torch-free.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from chatterm.errors import OutOfMemory
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.gguf_header import TensorInfo

Held = Callable[[TensorInfo], int]
"""The bytes a tensor takes in memory once it is loaded."""

PROGRAM_BYTES = 300_000_000
"""Python, torch and the tokenizer, measured before any weight is loaded."""
MIN_CONTEXT = 1024
"""A context is never shortened below this, in tokens: a question and its answer should have room."""
CHUNK_SIZE, GPU_CHUNK_SIZE = 512, 2048
"""Tokens of a prompt read in one step: enough that unpacking the weights, once a step, costs less than the
products; on a GPU, enough to keep it busy."""
_CONTEXT_STEP = 256
"""Advice names a multiple of this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """What a model needs on its device, in bytes."""

    weights: int
    embedding: int
    """The table as the file stores it: its pages are read where they lie."""
    cache_per_token: int
    """Keys and values of one token in all layers."""
    context_length: int
    """In tokens."""
    working: int
    """The program itself and the largest step's intermediate values."""

    @property
    def cache(self) -> int:
        return self.cache_per_token * self.context_length

    @property
    def without_cache(self) -> int:
        return self.weights + self.embedding + self.working

    @property
    def total(self) -> int:
        return self.without_cache + self.cache

    def longest_context(self, free: int) -> int:
        """Return the context that fits into `free` bytes, in tokens; 0 where not even the weights fit."""
        room = max(0, free - self.without_cache) // self.cache_per_token
        steps = room // _CONTEXT_STEP * _CONTEXT_STEP
        return min(self.context_length, steps or room)


def memory_need(
    tensors: Collection[TensorInfo],
    spec: ArchSpec,
    *,
    context_length: int,
    held: Held,
    cache_itemsize: int = 4,
    chunk_size: int = CHUNK_SIZE,
) -> MemoryNeed:
    """Add up what a model needs.

    `tensors` are all of the file, by GGUF's names. `cache_itemsize` is the bytes of one number in the
    cache: 4 on the CPU, 2 on a GPU. `chunk_size` tokens are read in one step.
    """
    placed = [tensor for tensor in tensors if tensor.name != _EMBEDDING or spec.is_head_tied]
    return MemoryNeed(
        weights=sum(held(tensor) for tensor in placed),
        embedding=sum(tensor.num_bytes for tensor in tensors if tensor.name == _EMBEDDING),
        cache_per_token=2 * spec.num_layers * spec.num_kv_heads * spec.head_length * cache_itemsize,
        context_length=context_length,
        working=PROGRAM_BYTES + _step_bytes(spec, chunk_size),
    )


_EMBEDDING = "token_embd.weight"


def _step_bytes(spec: ArchSpec, chunk_size: int) -> int:
    """Return what reading a chunk of the prompt takes beside weights and cache, at most.

    The widest product's weights unpacked to two bytes each, with as much again on the way there; its
    inputs and outputs in fp32; the logits of a row, some four times on their way through the sampler.
    """
    unpacked = 4 * 2 * spec.feed_forward_length * spec.embedding_length
    rows = chunk_size * 4 * (4 * spec.feed_forward_length + 4 * spec.embedding_length)
    return unpacked + rows + 4 * 4 * spec.vocab_size


def fitted_context(need: MemoryNeed, free: int, *, name: str, device: str, is_context_asked: bool) -> int:
    """Return the context to open the model with, in tokens: `need`'s, or less where only that is too long.

    A context that somebody asked for is never shortened. Raises OutOfMemory with needed and free bytes
    and what would fit.
    """
    if need.total <= free:
        return need.context_length
    longest = need.longest_context(free)
    least = replace(need, context_length=min(MIN_CONTEXT, need.context_length))
    if free < least.total:
        raise OutOfMemory(
            f"{name} needs {said(least.total)} on {device} ({parts_said(least)}), but {said(free)} are free; "
            "close other programs, or use a smaller model or a smaller quantisation of this one"
        )
    if is_context_asked:
        raise OutOfMemory(
            f"{name} with a context of {need.context_length:,} tokens needs {said(need.total)} on {device} "
            f"({parts_said(need)}), but {said(free)} are free; --ctx {longest} would fit"
        )
    return longest


def layers_that_fit(need: MemoryNeed, layers: Sequence[int], free: int) -> int:
    """Return how many of the first layers fit into `free` bytes, with all that is no layer's.

    `layers` are their weights in bytes; each has its share of the cache.
    """
    cache = need.cache // len(layers)
    taken = need.without_cache - sum(layers)
    for index, size in enumerate(layers):
        taken += size + cache
        if taken > free:
            return index
    return len(layers)


def verdict(need: MemoryNeed, free: int) -> str:
    """Return `yes`, `no`, or the context with which the model fits."""
    if need.total <= free:
        return "yes"
    longest = need.longest_context(free)
    return f"with --ctx {longest}" if longest >= MIN_CONTEXT else "no"


def shortened_notice(need: MemoryNeed, free: int, context_length: int) -> str:
    """Say that the context was shortened, and from what to what."""
    return (
        f"the context is {context_length:,} tokens instead of {need.context_length:,}: all of it would need "
        f"{said(need.cache)}, and {said(max(0, free - need.without_cache))} are free beside the model"
    )


def parts_said(need: MemoryNeed) -> str:
    """Name the parts of a need."""
    return (
        f"weights {said(need.weights + need.embedding)}, context {said(need.cache)} for "
        f"{need.context_length:,} tokens, working room {said(need.working)}"
    )


def said(num_bytes: int) -> str:
    """Return bytes as people read them."""
    return f"{num_bytes / 1e9:,.1f} GB" if num_bytes >= 10**10 else f"{num_bytes / 1e6:,.0f} MB"
