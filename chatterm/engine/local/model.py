"""The decoder of the Llama family: from token ids to logits, over keys and values that the caller owns.

Owns the arithmetic between the products of `linear`. Knows no file, no text, no sampling and no cache
policy. Architecture: Touvron et al. 2023 (arXiv 2302.13971), with grouped
queries (arXiv 2305.13245); names and conventions: llama.cpp's `llama-arch.cpp`, `convert_hf_to_gguf.py`.

GGUF permutes the rows of the llama architecture's Q and K so that the two numbers which rotary embedding
turns together are neighbours (2i, 2i + 1); transformers keeps them half a head apart. So a rotation here
is a complex product of neighbours, and no row is moved at load.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention, silu

from chatterm.engine.local.cpu_int4 import dense_cpu_dtype
from chatterm.engine.local.linear import Linear, Placement
from chatterm.engine.local.packing import dequantise
from chatterm.engine.local.weights import BlockTensor
from chatterm.models.hyperparameters import Hyperparameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One block of the decoder."""

    attention_norm: Tensor
    """As `_scaled_norm` makes it; so is `ffn_norm`."""
    qkv: Linear
    attention_output: Linear
    ffn_norm: Tensor
    gate_up: Linear
    ffn_down: Linear


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaWeights:
    """All that a decoder needs, placed and packed."""

    embedding: BlockTensor
    """As the file stores it: rows are dequantised when their token comes."""
    layers: tuple[Layer, ...]
    output_norm: Tensor
    head: Linear
    rope_frequencies: Tensor
    """fp32 (rope dimensions / 2), in radians a position."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The next tokens of one sequence in a pass."""

    keys_values: Sequence[Tensor]
    """A tensor (2, kv heads, capacity, head_dim) a layer, in `cache_dtype`: keys, then values."""
    start: int
    """Position of the first of these tokens: what the cache holds before it is read."""
    num_tokens: int

    @property
    def end(self) -> int:
        return self.start + self.num_tokens


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where a segment lies in a pass, and what all layers share of it."""

    segment: Segment
    rows: slice
    rotations: Tensor
    """Unit complex numbers (n, 1, rope dimensions / 2)."""
    mask: Tensor | None
    """(n, end) of 0 and -inf, to be added to the attention's scores; None where causal order says it all."""


class LlamaModel:
    """A decoder with fixed weights. For one thread at a time: the table of rotations grows."""

    def __init__(self, shape: Hyperparameters, placement: Placement, weights: LlamaWeights) -> None:
        self.shape = shape
        self.placement = placement
        self._weights = weights
        self._rotations = torch.empty(0, 1, shape.rope_dimensions // 2, dtype=torch.complex64)
        is_packed_cpu = placement.keeps_packed and placement.device.type == "cpu"
        self._attention_dtype = dense_cpu_dtype() if is_packed_cpu else placement.dtype
        d = shape.embedding_length
        self._norm_floor = torch.tensor(math.sqrt(d * shape.rms_epsilon), device=placement.device)

    @property
    def cache_dtype(self) -> torch.dtype:
        """Of keys and values: fp32 on the CPU, whose attention over one query is fastest there."""
        return torch.float32 if self.placement.device.type == "cpu" else self.placement.dtype

    def forward(self, ids: Tensor, segments: Sequence[Segment], *, is_last_only: bool = True) -> Tensor:
        """Read the tokens `ids` (int64, (n,), on the CPU): those of each segment in turn.

        Keys and values of the tokens are written into their segment's cache, which must have room for
        them. Returns fp32 logits: (segments, vocabulary) after the last token of each, or (n, vocabulary).
        """
        x, ffn = self._embed(ids), self.shape.feed_forward_length
        parts = self._rows_of(segments)
        for index, layer in enumerate(self._weights.layers):
            qkv = layer.qkv(self._norm(x, layer.attention_norm))
            attended = [self._attend(qkv[part.rows], part.segment.keys_values[index], part) for part in parts]
            x.add_(layer.attention_output(attended[0] if len(attended) == 1 else torch.cat(attended)))
            gate_up = layer.gate_up(self._norm(x, layer.ffn_norm))
            x.add_(layer.ffn_down(silu(gate_up[:, :ffn]).mul_(gate_up[:, ffn:])))
        if is_last_only:
            x = x[-1:] if len(parts) == 1 else x[[part.rows.stop - 1 for part in parts]]
        return self._weights.head(self._norm(x, self._weights.output_norm)).float()

    def _embed(self, ids: Tensor) -> Tensor:
        table = self._weights.embedding
        return dequantise(table.block_type, table.blocks[ids]).to(self.placement.device)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        """Root-mean-square norm of fp32 rows, in the activations' dtype.

        x w / sqrt(mean(x^2) + e) = x (w sqrt(d)) / hypot(|x|, sqrt(d e)): five cheap ops, where
        `F.rms_norm` takes eight on the CPU.
        """
        length = torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), self._norm_floor)
        return (x / length).mul_(weight).to(self.placement.dtype)

    def _attend(self, qkv: Tensor, keys_values: Tensor, here: _Rows) -> Tensor:
        """Rotate, store keys and values, and attend: (n, heads x head_dim) in the activations' dtype."""
        shape, n = self.shape, qkv.shape[0]
        heads = qkv.float().view(n, -1, shape.key_length)
        num_rotated = shape.num_heads + shape.num_kv_heads
        rotated = heads[:, :num_rotated, : shape.rope_dimensions].view(n, num_rotated, -1, 2)
        torch.view_as_complex(rotated).mul_(here.rotations)
        new = heads[:, shape.num_heads :].view(n, 2, -1, shape.key_length)
        keys_values[:, :, here.segment.start : here.segment.end].copy_(new.permute(1, 2, 0, 3))
        queries = heads[:, : shape.num_heads]
        seen = keys_values[:, :, : here.segment.end]
        return self._attend_one(queries, seen) if n == 1 else self._attend_many(queries, seen, here.mask)

    def _attend_one(self, queries: Tensor, seen: Tensor) -> Tensor:
        """Attend with one position: the queries that share keys take the place of a sequence."""
        grouped = queries.view(1, self.shape.num_kv_heads, -1, self.shape.key_length).to(seen.dtype)
        attended = scaled_dot_product_attention(grouped, seen[0:1], seen[1:2])
        return attended.view(1, -1).to(self.placement.dtype)

    def _attend_many(self, queries: Tensor, seen: Tensor, mask: Tensor | None) -> Tensor:
        """Attend with many positions, each seeing those up to its own."""
        dtype, n = self._attention_dtype, queries.shape[0]
        keys, values = seen.to(dtype).unsqueeze(1)
        attended = scaled_dot_product_attention(
            queries.to(dtype).transpose(0, 1).unsqueeze(0),
            keys,
            values,
            attn_mask=mask,
            is_causal=mask is None,
            enable_gqa=True,
        )
        return attended[0].transpose(0, 1).reshape(n, -1).to(self.placement.dtype)

    def _rows_of(self, segments: Sequence[Segment]) -> list[_Rows]:
        parts, first = [], 0
        for segment in segments:
            rows = slice(first, first + segment.num_tokens)
            rotations = self._rotations_of(segment.start, segment.end)
            parts.append(_Rows(segment, rows, rotations, self._mask_of(segment)))
            first = rows.stop
        return parts

    def _mask_of(self, segment: Segment) -> Tensor | None:
        if not segment.start or segment.num_tokens == 1:
            return None
        size = (segment.num_tokens, segment.end)
        mask = torch.full(size, -math.inf, dtype=self._attention_dtype, device=self.placement.device)
        return mask.triu_(segment.start + 1)

    def _rotations_of(self, start: int, end: int) -> Tensor:
        """Return the rotations of some positions; the table grows by doubling."""
        if end > len(self._rotations):
            size = max(end, min(2 * end, self.shape.context_length))
            angles = torch.outer(torch.arange(size).float(), self._weights.rope_frequencies)
            self._rotations = torch.polar(torch.ones(()), angles).unsqueeze(1).to(self.placement.device)
        return self._rotations[start:end]
