"""Attention of a segment's queries over the keys and values of its sequence.

Owns masks, windows and caps on the scores. Queries and keys arrive rotated; the cache is the caller's.
Grouped queries: Ainslie et al. 2023 (arXiv 2305.13245).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from chatterm.engine.local.decoder.cpu_int4 import dense_cpu_dtype
from chatterm.engine.local.decoder.linear import Placement
from chatterm.models.arch_spec import ArchSpec

_flash_attention = torch.ops.aten._scaled_dot_product_flash_attention.default
_LONGEST_FLASH_HEAD = 256
_GATHERING_COST = 3
"""Gathering a position's keys and values and reading them moves so many times their bytes."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Which positions the queries of a segment see, in layers of one kind."""

    start: int
    """Position of the first query."""
    end: int
    """One past the position of the last."""
    first: int
    """The first position that any of them sees."""
    mask: Tensor | None
    """(queries, end - first) of 0 and -inf, added to the scores; None where causal order says it all."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one token is in its sequence, which the device alone knows: layers of one kind."""

    position: Tensor
    """int64 (1,)."""
    mask: Tensor
    """(1, n) of 0 and -inf in the cache's dtype, added to the scores of the n positions that are read."""
    index: Tensor | None
    """int64 (n,): those positions; None: the first n of the cache."""


class Attention:
    """The same for all layers of a decoder."""

    def __init__(self, spec: ArchSpec, placement: Placement) -> None:
        self._num_kv_heads = spec.num_kv_heads
        self._head_length = spec.head_length
        self._query_scale = spec.query_scale
        is_usual = math.isclose(spec.query_scale, spec.head_length**-0.5)
        self._scale = None if is_usual else spec.query_scale  # to give it costs 1% of a decode step
        self._cap = spec.attention_softcap
        self._device = placement.device
        self._out_dtype = placement.dtype
        self._cache_dtype = placement.cache_dtype
        is_packed_cpu = placement.keeps_packed and placement.device.type == "cpu"
        self._dtype = dense_cpu_dtype() if is_packed_cpu else placement.dtype
        if self._cap is not None:
            self._dtype = torch.float32  # the scores are written out, and bf16 would round each
        is_flash = spec.head_length % 8 == 0 and spec.head_length <= _LONGEST_FLASH_HEAD
        self._is_fused = self._device.type == "cuda" and self._dtype is torch.bfloat16 and is_flash
        """There are kernels that write no scores: but none for a mask and shared keys both."""

    def sight(self, start: int, end: int, window: int | None) -> Sight:
        """Return what positions `start` to `end` see: all before them, or the last `window` each."""
        first = 0 if window is None else max(0, start + 1 - window)
        is_narrow = window is not None and end - first > window
        is_causal = not is_narrow and self._cap is None
        if end - start == 1 or (is_causal and (start == 0 or self._is_fused)):
            return Sight(start, end, first, None)
        size = (end - start, end - first)
        mask = torch.full(size, -math.inf, dtype=self._dtype, device=self._device).triu_(start + 1 - first)
        if window is not None and is_narrow:
            hidden = torch.ones(size, dtype=torch.bool, device=self._device).tril_(start - first - window)
            mask.masked_fill_(hidden, -math.inf)
        return Sight(start, end, first, mask)

    def place(self, position: Tensor, length: int, window: int | None) -> Place:
        """Return what the token at `position`, int64 (1,), sees of a cache whose first `length` hold it.

        No number comes back from the device. Of a short window only the window is read.
        """
        if window is not None and _GATHERING_COST * window < length:
            seen = position - window + 1 + torch.arange(window, device=position.device)
            index = seen.clamp(min=0)
        else:
            seen = torch.arange(length, device=position.device)
            index = None
        is_hidden = (seen > position) | (seen < 0)
        if window is not None:
            is_hidden |= seen <= position - window
        mask = torch.zeros(1, len(seen), dtype=self._cache_dtype, device=position.device)
        return Place(position, mask.masked_fill_(is_hidden, -math.inf), index)

    def at(self, heads: Tensor, keys_values: Tensor, place: Place) -> Tensor:
        """As a call, for one token whose position only the device knows.

        What is stored behind it must be finite: it is multiplied with zero.
        """
        num_kv, length = self._num_kv_heads, place.mask.shape[1]
        new = heads[:, -2 * num_kv :].view(2, num_kv, 1, self._head_length)
        keys_values.index_copy_(2, place.position, new.to(keys_values.dtype))
        seen = keys_values[:, :, :length] if place.index is None else keys_values.index_select(2, place.index)
        queries = heads[:, : -2 * num_kv]
        if self._cap is not None:
            return self._capped(queries, seen, place.mask, self._cap).to(self._out_dtype)
        grouped = queries.view(1, num_kv, -1, self._head_length).to(seen.dtype)
        attended = scaled_dot_product_attention(
            grouped, seen[0:1], seen[1:2], attn_mask=place.mask, scale=self._scale
        )
        return attended.view(1, -1).to(self._out_dtype)

    def __call__(self, heads: Tensor, keys_values: Tensor, sight: Sight) -> Tensor:
        """Store the keys and values and attend.

        `heads` is fp32 (n, heads + 2 kv heads, head_length): queries, keys, values; `keys_values` is
        (2, kv heads, capacity, head_length) and is written at the queries' positions. Returns
        (n, heads x head_length) in the activations' dtype.
        """
        n, num_kv = heads.shape[0], self._num_kv_heads
        new = heads[:, -2 * num_kv :].view(n, 2, num_kv, self._head_length)
        keys_values[:, :, sight.start : sight.end].copy_(new.permute(1, 2, 0, 3))
        queries = heads[:, : -2 * num_kv]
        seen = keys_values[:, :, sight.first : sight.end]
        if self._cap is not None:
            attended = self._capped(queries, seen, sight.mask, self._cap)
        elif n == 1:
            attended = self._one(queries, seen)
        else:
            attended = self._many(queries, seen, sight)
        return attended.to(self._out_dtype)

    def _one(self, queries: Tensor, seen: Tensor) -> Tensor:
        """Attend with one position: the queries that share keys take the place of a sequence."""
        seen = seen.float() if seen.device.type == "cpu" else seen
        grouped = queries.view(1, self._num_kv_heads, -1, self._head_length).to(seen.dtype)
        return scaled_dot_product_attention(grouped, seen[0:1], seen[1:2], scale=self._scale).view(1, -1)

    def _many(self, queries: Tensor, seen: Tensor, sight: Sight) -> Tensor:
        """Attend with many positions, each seeing those up to its own."""
        mask = sight.mask
        keys, values = seen.to(self._dtype).unsqueeze(1)
        queries = queries.to(self._dtype).transpose(0, 1).unsqueeze(0)
        if self._is_fused and mask is None:
            # What `torch.nn.attention.bias.causal_lower_right` calls; importing that takes a second.
            attended: Tensor = _flash_attention(queries, keys, values, 0.0, True, scale=self._scale)[0]
        else:
            if self._is_fused:
                count = queries.shape[1] // self._num_kv_heads
                keys, values = keys.repeat_interleave(count, 1), values.repeat_interleave(count, 1)
            attended = scaled_dot_product_attention(
                queries,
                keys,
                values,
                attn_mask=mask,
                is_causal=mask is None,
                scale=self._scale,
                enable_gqa=not self._is_fused,
            )
        return attended[0].transpose(0, 1).reshape(queries.shape[2], -1)

    def _capped(self, queries: Tensor, seen: Tensor, mask: Tensor | None, cap: float) -> Tensor:
        """Attend with scores that become c tanh(score / c), which no fused op knows.

        Many queries are taken one group of heads at a time: their scores are large.
        """
        n, num_kv = len(queries), self._num_kv_heads
        keys, values = seen.to(self._dtype)
        grouped = queries.transpose(0, 1).reshape(num_kv, -1, self._head_length)
        count = num_kv if n > 1 else 1
        attended = []
        for some in zip(grouped.chunk(count), keys.chunk(count), values.chunk(count), strict=True):
            scores = (some[0] @ some[1].transpose(-1, -2)).mul_(self._query_scale / cap).tanh_().mul_(cap)
            if mask is not None:
                scores.view(len(scores), -1, *mask.shape).add_(mask)
            attended.append(scores.softmax(-1) @ some[2])
        return torch.cat(attended).view(-1, n, self._head_length).transpose(0, 1).reshape(n, -1)
