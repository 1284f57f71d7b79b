"""The decoder: from token ids to logits, over keys and values that the caller owns.

Owns the arithmetic between the products of `linear`, and the order of norms, attention and feed-forward.
Knows no file, no text, no sampling and no cache policy. Architecture: Touvron et al. 2023 (arXiv
2302.13971); ArchSpec says in what its relatives differ.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import gelu, silu

from chatterm.engine.local.decoder.attention import Attention, Sight
from chatterm.engine.local.decoder.layers import DecoderWeights, Layer, Segment, empty_cache, last_rows
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.decoder.norms import RMSNorm
from chatterm.engine.local.decoder.rope import Rotations
from chatterm.engine.local.native.decoder import NativeDecoder
from chatterm.engine.local.weights.packing import dequantise
from chatterm.models.arch_spec import Activation, ArchSpec

if TYPE_CHECKING:
    from chatterm.engine.local.gpu.decoder import GpuDecoder


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a segment lies in a pass, and what it sees in each kind of layer."""

    rows: slice
    keys_values: Sequence[Tensor]
    sights: Sequence[Sight]


class Decoder:
    """A decoder with fixed weights. For one thread at a time: the tables of rotations grow."""

    def __init__(self, shape: ArchSpec, placement: Placement, weights: DecoderWeights) -> None:
        self.shape = shape
        self.placement = placement
        self.weights = weights
        self._attention = Attention(shape, placement)
        self._activate = _ACTIVATIONS[shape.activation]
        self._residual_scale = None if shape.residual_scale == 1 else shape.residual_scale
        self._num_turning = shape.num_heads + shape.num_kv_heads
        self._kinds = tuple(dict.fromkeys(shape.layers))
        self._kind_of = tuple(self._kinds.index(layer) for layer in shape.layers)
        rotations = {
            rope: Rotations(
                turns,
                placement.device,
                magnitude=rope.scaling.rotation_scale if rope.scaling else 1.0,
                context_length=shape.context_length,
            )
            for rope, turns in weights.rope_frequencies.items()
        }
        self._rotations = tuple(rotations[kind.rope] if kind.rope else None for kind in self._kinds)
        native = placement.native
        self._native = NativeDecoder.of(native, shape, weights) if native is not None else None
        if self._native is not None:
            self.weights = self._native.weights
        self.gpu = _gpu_decoder(shape, weights, placement)
        if self.gpu is not None:
            self.weights = self.gpu.weights
        elif placement.device.type == "cuda" and weights.embedding is not None:
            self.weights = replace(weights, embedding=weights.embedding.on(placement.device))

    @property
    def cache_dtype(self) -> torch.dtype:
        """Of keys and values."""
        return self.placement.cache_dtype

    def empty_cache(self, capacity: int) -> list[Tensor]:
        return empty_cache(self.shape, capacity, self.cache_dtype, self.placement.device)

    @property
    def identical_rows(self) -> int:
        """How many rows a pass may have for each to be the same to the bit as if it were alone.

        torch's own products and its attention promise that for one row only.
        """
        if self.gpu is not None and self.placement.kernels is not None:
            return self.placement.kernels.identical_rows
        return 1 if self._native is None else self._native.most_rows

    def why_kernels_fail(self) -> str | None:
        """Say why the GPU's kernels do not run this model; None where they do, or are not used."""
        return self.gpu.why_it_fails(self.turns(2)) if self.gpu is not None else None

    def forward(self, ids: Tensor, segments: Sequence[Segment], *, is_last_only: bool = True) -> Tensor:
        """Read the tokens `ids` (int64, (n,), on the CPU): those of each segment in turn.

        Keys and values of the tokens are written into their segment's cache, which must have room for
        them. Returns fp32 logits: (segments, vocabulary) after the last token of each, or (n, vocabulary).
        """
        if self.gpu is not None and len(ids) <= self.gpu.most_rows:
            end = max(segment.end for segment in segments)
            return self.gpu.forward(ids, segments, self.turns(end), is_last_only=is_last_only)
        x = self.embed(ids)
        if self._native is not None and len(ids) <= self._native.most_rows:
            return self._finished(self._read_few(self._native, x, segments, is_last_only=is_last_only))
        self.read_layers(x, segments)
        return self.logits(x, segments, is_last_only=is_last_only)

    def read_layers(self, x: Tensor, segments: Sequence[Segment]) -> None:
        """Let the stream `x`, fp32 (n, embedding_length) on this device, pass all layers, in place."""
        if self._native is not None:
            torch.set_num_threads(self._native.num_threads)
        rotations = [self._rotations_of(table, segments) for table in self._rotations]
        self._pass_layers(x, rotations, partial(self._attend, parts=self._parts(segments)))

    def read_at(
        self,
        ids: Tensor,
        positions: Tensor,
        caches: Sequence[Sequence[Tensor]],
        lengths: Sequence[int],
        turns: Sequence[Tensor | None],
    ) -> Tensor:
        """Read one token of each sequence, at a position that only the device knows.

        `ids` and `positions` are int64 (rows,) on the device; a row's cache is as a segment's, and its
        first `lengths[row]` positions are read: what is stored there is finite. `turns` are of positions up
        to the longest (`turns`). Returns fp32 logits (rows, vocabulary). Which operations run, and on what
        memory, depends on no position, so that a CUDA graph can hold them.
        """
        x = self.embed(ids)
        tables = [turns[self._kind_of.index(kind)] for kind in range(len(self._kinds))]
        rotations = [None if table is None else table.index_select(0, positions) for table in tables]
        windows = [kind.window for kind in self._kinds]
        places = [
            {window: self._attention.place(position, length, window) for window in set(windows)}
            for position, length in zip(positions.unsqueeze(1), lengths, strict=True)
        ]

        def attend(heads: Tensor, index: int) -> Tensor:
            window = windows[self._kind_of[index]]
            rows = zip(heads.unsqueeze(1), caches, places, strict=True)
            attended = [self._attention.at(row, cache[index], place[window]) for row, cache, place in rows]
            return attended[0] if len(attended) == 1 else torch.cat(attended)

        self._pass_layers(x, rotations, attend)
        return self._finished(self.weights.head(self._read(x, self.weights.output_norm)).float())

    def _pass_layers(
        self, x: Tensor, rotations: Sequence[Tensor | None], attend: Callable[[Tensor, int], Tensor]
    ) -> None:
        """Let the stream pass all layers; `attend` takes a layer's heads and its number."""
        ffn = self.shape.feed_forward_length
        for index, layer in enumerate(self.weights.layers):
            qkv = layer.qkv(self._read(x, layer.attention_norm))
            heads = self._heads(qkv, layer, rotations[self._kind_of[index]])
            attended = layer.attention_output(attend(heads, index))
            if layer.output_bias is not None:
                attended = attended + layer.output_bias
            self._add(x, attended, layer.post_attention_norm)
            gate_up = layer.gate_up(self._read(x, layer.ffn_norm))
            made = layer.ffn_down(self._activate(gate_up[:, :ffn]).mul_(gate_up[:, ffn:]))
            self._add(x, made, layer.post_ffn_norm)

    def logits(self, x: Tensor, segments: Sequence[Segment], *, is_last_only: bool) -> Tensor:
        """Return fp32 logits of the stream's rows: all, or the last of each segment."""
        if is_last_only:
            x = x[-1:] if len(segments) == 1 else x[last_rows(segments)]
        return self._finished(self.weights.head(self._read(x, self.weights.output_norm)).float())

    def _read_few(
        self, native: NativeDecoder, x: Tensor, segments: Sequence[Segment], *, is_last_only: bool
    ) -> Tensor:
        # torch's own threads would look for work, and keep the processors from those of the library.
        torch.set_num_threads(1)
        turns = self.turns(max(segment.end for segment in segments))
        return native.forward(x, segments, turns, is_last_only=is_last_only)

    def turns(self, end: int) -> list[Tensor | None]:
        """Return each layer's rotations of positions up to `end`, complex64 (end, 1, dimensions / 2)."""
        tables = [table.of(0, end) if table else None for table in self._rotations]
        return [tables[kind] for kind in self._kind_of]

    def embed(self, ids: Tensor) -> Tensor:
        """Return the residual stream, fp32 (n, embedding_length)."""
        if self._native is not None:
            return self._native.embed(ids)
        if self.gpu is not None:
            return self.gpu.embed(ids)
        table = self.weights.embedding
        assert table is not None, "only the compiled decoders do without"
        blocks = table.blocks.index_select(0, ids.to(table.blocks.device))
        x = dequantise(table.block_type, blocks).to(self.placement.device)
        return x if self.shape.embedding_scale == 1 else x.mul_(self.shape.embedding_scale)

    def _read(self, x: Tensor, norm: RMSNorm | None) -> Tensor:
        """Return what a block reads of the stream, in the activations' dtype."""
        return (x if norm is None else norm(x)).to(self.placement.dtype)

    def _add(self, x: Tensor, made: Tensor, norm: RMSNorm | None) -> None:
        """Add what a block made to the stream `x`."""
        if norm is not None:
            made = norm(made.float())
        if self._residual_scale is None:
            x.add_(made)
        else:
            x.add_(made, alpha=self._residual_scale)

    def _heads(self, qkv: Tensor, layer: Layer, rotations: Tensor | None) -> Tensor:
        """Return queries, keys and values as fp32 (n, all heads, head_length), normed and turned."""
        heads = qkv.float()
        if layer.qkv_bias is not None:
            heads.add_(layer.qkv_bias)
        heads = heads.view(len(qkv), -1, self.shape.head_length)
        if layer.qk_norm is not None:
            layer.qk_norm.apply(heads[:, : self._num_turning])
        if rotations is not None:
            pairs = torch.view_as_complex(heads.view(len(qkv), -1, self.shape.head_length // 2, 2))
            pairs[:, : self._num_turning, : rotations.shape[-1]].mul_(rotations)
        return heads

    def _attend(self, heads: Tensor, index: int, parts: Sequence[_Part]) -> Tensor:
        kind = self._kind_of[index]
        if len(parts) == 1:
            return self._attention(heads, parts[0].keys_values[index], parts[0].sights[kind])
        return torch.cat(
            [self._attention(heads[part.rows], part.keys_values[index], part.sights[kind]) for part in parts]
        )

    def _finished(self, logits: Tensor) -> Tensor:
        """Scale and cap what the head gives, in place."""
        shape = self.shape
        if shape.logit_scale != 1:
            logits.mul_(shape.logit_scale)
        if shape.logit_softcap is not None:
            logits.div_(shape.logit_softcap).tanh_().mul_(shape.logit_softcap)
        return logits

    def _parts(self, segments: Sequence[Segment]) -> list[_Part]:
        parts, first = [], 0
        for segment in segments:
            sights = {
                window: self._attention.sight(segment.start, segment.end, window)
                for window in {kind.window for kind in self._kinds}
            }
            rows = slice(first, first + segment.num_tokens)
            parts.append(_Part(rows, segment.keys_values, [sights[kind.window] for kind in self._kinds]))
            first = rows.stop
        return parts

    def _rotations_of(self, table: Rotations | None, segments: Sequence[Segment]) -> Tensor | None:
        """Return the rotations of all tokens of a pass, complex64 (n, 1, dimensions / 2)."""
        if table is None:
            return None
        tables = [table.of(segment.start, segment.end) for segment in segments]
        return tables[0] if len(tables) == 1 else torch.cat(tables)


def _gpu_decoder(shape: ArchSpec, weights: DecoderWeights, placement: Placement) -> "GpuDecoder | None":
    """Return what reads few tokens by the GPU's kernels; None where they are not for this model."""
    if placement.kernels is None:
        return None
    from chatterm.engine.local.gpu.decoder import GpuDecoder

    return GpuDecoder.of(shape, weights, placement.cache_dtype, placement.kernels)


_ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    "silu": silu,
    "gelu_tanh": partial(gelu, approximate="tanh"),
}
