"""What a decoder is made of, and what it reads in a pass: values that its ways of computing share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from chatterm.engine.local.decoder.linear import Linear
from chatterm.engine.local.decoder.norms import QKNorm, RMSNorm
from chatterm.engine.local.heap import own_pages
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.arch_spec import RopeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One block of the decoder. Rows of queries and keys are in `rope`'s order of neighbours."""

    attention_norm: RMSNorm | None
    """Of what attention reads; None: it reads the stream as it is. So with `ffn_norm`."""
    qkv: Linear
    qkv_bias: Tensor | None
    """fp32 (rows of qkv,)."""
    qk_norm: QKNorm | None
    attention_output: Linear
    output_bias: Tensor | None
    """fp32 (embedding_length,)."""
    post_attention_norm: RMSNorm | None
    """Of what attention adds to the stream; None: it is added as it is. So with `post_ffn_norm`."""
    ffn_norm: RMSNorm | None
    gate_up: Linear
    ffn_down: Linear
    post_ffn_norm: RMSNorm | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderWeights:
    """All that a decoder needs, placed and packed."""

    embedding: BlockTensor | None
    """As the file stores it: rows are dequantised when their token comes. None: the head's tiles are read."""
    layers: tuple[Layer, ...]
    output_norm: RMSNorm
    head: Linear
    rope_frequencies: Mapping[RopeSpec, Tensor]
    """For each rope of the layers fp32 (dimensions / 2), in radians a position."""


class CacheShape(Protocol):
    """The sizes of a token's keys and values."""

    @property
    def num_layers(self) -> int: ...
    @property
    def num_kv_heads(self) -> int: ...
    @property
    def head_length(self) -> int: ...


def empty_cache(shape: CacheShape, capacity: int, dtype: torch.dtype, device: torch.device) -> list[Tensor]:
    """Return memory for `capacity` tokens, at least one: (2, kv heads, capacity, head_length) a layer.

    Raises MemoryError; on a GPU, what torch does.
    """
    size = torch.Size((2, shape.num_kv_heads, capacity, shape.head_length))
    if device.type != "cpu":
        return [torch.empty(size, dtype=dtype, device=device) for _ in range(shape.num_layers)]
    num_bytes = size.numel() * dtype.itemsize
    return [torch.frombuffer(own_pages(num_bytes), dtype=dtype).view(size) for _ in range(shape.num_layers)]


@dataclass(frozen=True, slots=True)
class Segment:
    """The next tokens of one sequence in a pass."""

    keys_values: Sequence[Tensor]
    """A tensor (2, kv heads, capacity, head_length) a layer, in `cache_dtype`: keys, then values."""
    start: int
    """Position of the first of these tokens: what the cache holds before it is read."""
    num_tokens: int

    @property
    def end(self) -> int:
        return self.start + self.num_tokens


def last_rows(segments: Sequence[Segment]) -> list[int]:
    """Return the row of each segment's last token in a pass."""
    rows, last = [], -1
    for segment in segments:
        last += segment.num_tokens
        rows.append(last)
    return rows
