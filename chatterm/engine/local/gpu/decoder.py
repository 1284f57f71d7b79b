"""A decoder's passes over few tokens, as a fixed sequence of kernels: six a layer.

[norm, qkv] [norm, rope, cache, attention by splits] [splits added up] [output, added to the stream]
[norm, gate, up, activation] [down, added to the stream]; a norm after a block takes one more. Adding up the
splits in the product after it would have every program of that product read all of them. Nothing depends on
a number that only the device knows, so that a CUDA graph can hold the sequence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from chatterm.engine.local.decoder.layers import DecoderWeights, Layer, Segment, empty_cache, last_rows
from chatterm.engine.local.decoder.linear import Linear
from chatterm.engine.local.decoder.norms import RMSNorm
from chatterm.engine.local.gpu.attention import Attention
from chatterm.engine.local.gpu.failures import FAILURES, said_shortly
from chatterm.engine.local.gpu.kernels import GpuKernels
from chatterm.engine.local.gpu.linear import GpuLinear
from chatterm.engine.local.gpu.matrices import GpuMatrix, is_packable, pack_matrices
from chatterm.engine.local.gpu.products import MOST_ROWS, Around, add_normed, embed, gated
from chatterm.models.arch_spec import ArchSpec, LayerSpec

_MOST_DIFFERENCE = 0.05
"""Between the logits of two kernels, as a share: bf16 keys and values explain a tenth of it."""


@dataclass(frozen=True, slots=True)
class PassRows:
    """What a pass reads, on the device: token r is at `positions[r]` of its sequence."""

    ids: Tensor
    """int64 (rows,)."""
    positions: Tensor
    """int32 (rows,)."""
    firsts: Tensor
    """int32 (rows,): the pass's first row of the same sequence."""
    starts: Tensor
    """int32 (rows,): that row's position: what lies before is in the cache."""
    capacities: Tensor
    """int32 (rows,): of the sequence's cache, in tokens."""
    addresses: Tensor
    """int64 (layers, rows): of the sequence's cache."""

    @classmethod
    def of(cls, ids: Tensor, segments: Sequence[Segment], device: torch.device) -> Self:
        """Put what `Decoder.forward` is given onto the device."""
        positions: list[int] = []
        firsts: list[int] = []
        starts: list[int] = []
        capacities: list[int] = []
        for segment in segments:
            count = segment.num_tokens
            firsts += [len(positions)] * count
            starts += [segment.start] * count
            capacities += [segment.keys_values[0].shape[2]] * count
            positions += range(segment.start, segment.end)

        def numbers(values: list[int]) -> Tensor:
            return torch.tensor(values, dtype=torch.int32, device=device)

        return cls(
            ids.to(device),
            numbers(positions),
            numbers(firsts),
            numbers(starts),
            numbers(capacities),
            addresses_of(segments).to(device),
        )


def addresses_of(segments: Sequence[Segment]) -> Tensor:
    """Return where the caches of the rows' sequences are: int64 (layers, rows), on the CPU."""
    columns = [
        [tensor.data_ptr() for tensor in segment.keys_values]
        for segment in segments
        for _ in range(segment.num_tokens)
    ]
    return torch.tensor(columns, dtype=torch.int64).t().contiguous()


class _Weights(NamedTuple):
    """A layer's, with what the kernels can do on the way."""

    layer: Layer
    spec: LayerSpec
    qkv: GpuLinear
    attention_output: GpuLinear
    gate_up: GpuLinear
    ffn_down: GpuLinear


class GpuDecoder:
    """The kernels' form of a decoder's weights."""

    most_rows = MOST_ROWS

    def __init__(
        self,
        shape: ArchSpec,
        weights: DecoderWeights,
        embedding: GpuMatrix,
        head: GpuLinear,
        layers: Sequence[_Weights],
        attention: Attention,
    ) -> None:
        """Use `of`."""
        self.weights = weights
        """What is kept: without the embedding, which is on the device."""
        self._shape = shape
        self._embedding = embedding
        self._head = head
        self._layers = layers
        self._attention = attention
        self._device = embedding.codes.device

    @classmethod
    def of(
        cls, shape: ArchSpec, weights: DecoderWeights, cache_dtype: torch.dtype, kernels: GpuKernels
    ) -> Self | None:
        """None where a matrix is not of whole groups of 32 columns."""
        layers = [_packed(*both) for both in zip(weights.layers, shape.layers, strict=True)]
        found = [layer for layer in layers if layer is not None]
        table = weights.embedding
        if len(found) < len(layers) or not isinstance(weights.head, GpuLinear) or table is None:
            return None
        if not is_packable(table):
            return None
        device = weights.head.products.device
        embedding = weights.head.parts[0] if shape.is_head_tied else pack_matrices([table], device)[0]
        attention = Attention(shape, kernels.attention, cache_dtype)
        return cls(shape, replace(weights, embedding=None), embedding, weights.head, found, attention)

    @property
    def matrices_read(self) -> Iterator[GpuMatrix]:
        """All that a token's pass reads whole: of the embedding it reads a row."""
        for layer in self._layers:
            for product in (layer.qkv, layer.attention_output, layer.gate_up, layer.ffn_down):
                yield from product.parts
        yield from self._head.parts

    def embed(self, ids: Tensor) -> Tensor:
        """Return the embeddings of any number of `ids` (int64, (n,)), scaled: fp32 (n, width)."""
        x = torch.empty(len(ids), self._shape.embedding_length, device=self._device)
        embed(self._embedding, ids.to(self._device), x, self._shape.embedding_scale)
        return x

    def forward(
        self, ids: Tensor, segments: Sequence[Segment], turns: Sequence[Tensor | None], *, is_last_only: bool
    ) -> Tensor:
        """As `Decoder.forward`, for at most `most_rows` ids; `turns` are its rotations for each layer."""
        end = max(segment.end for segment in segments)
        rows = PassRows.of(ids, segments, self._device)
        logits = self.run(rows, turns, self._attention.num_splits(end))
        return logits[last_rows(segments)] if is_last_only else logits

    def num_splits(self, num_tokens: int) -> int:
        """Return how many splits a sequence of so many tokens has."""
        return self._attention.num_splits(num_tokens)

    def num_tokens(self, num_splits: int) -> int:
        """Return how many tokens so many splits can hold."""
        return self._attention.num_tokens(num_splits)

    def run(self, rows: PassRows, turns: Sequence[Tensor | None], num_splits: int) -> Tensor:
        """Run the kernels; return fp32 logits (rows, vocabulary). `num_splits` hold the longest sequence."""
        shape = self._shape
        x = self._empty(rows, shape.embedding_length)
        embed(self._embedding, rows.ids, x, shape.embedding_scale)
        for index, layer in enumerate(self._layers):
            self._attend(x, layer, rows, rows.addresses[index], turns[index], num_splits)
            self._feed_forward(x, layer, rows)
        logits = self._empty(rows, shape.vocab_size)
        around = self._after(self.weights.output_norm)
        self._head.multiply(x, logits, replace(around, factor=shape.logit_scale, cap=shape.logit_softcap))
        return logits

    def why_it_fails(self, turns: Sequence[Tensor | None]) -> str | None:
        """Let the model read two tokens one by one, then both at once by other kernels, and compare.

        None where all is well. `turns` are of two positions. Raises torch.OutOfMemoryError.
        """
        ids = torch.tensor([1, 2])
        try:
            alone, together = (self._trial_cache() for _ in range(2))
            for position in range(2):
                one = ids[position : position + 1]
                first = self.forward(one, [Segment(alone, position, 1)], turns, is_last_only=True)
            second = self.forward(ids, [Segment(together, 0, 2)], turns, is_last_only=True)
            off = float((first - second).norm() / second.norm())
        except torch.OutOfMemoryError:
            raise
        except FAILURES as error:
            return said_shortly(error)
        # NaN is the model's own: replies end with a word on that.
        return f"their numbers differ by {off:.0%}" if off > _MOST_DIFFERENCE else None

    def _trial_cache(self) -> list[Tensor]:
        return empty_cache(self._shape, 16, self._attention.cache_dtype, self._device)

    def _attend(
        self,
        x: Tensor,
        layer: _Weights,
        rows: PassRows,
        caches: Tensor,
        turns: Tensor | None,
        num_splits: int,
    ) -> None:
        qkv = self._empty(rows, layer.qkv.num_rows)
        around = self._after(layer.layer.attention_norm)
        layer.qkv.multiply(x, qkv, around.with_bias(layer.layer.qkv_bias))
        attended = self._attention(
            qkv, rows, caches, turns, layer=layer.layer, layer_spec=layer.spec, num_splits=num_splits
        )
        norm, bias = layer.layer.post_attention_norm, layer.layer.output_bias
        self._add(x, attended, layer.attention_output, norm, bias)

    def _feed_forward(self, x: Tensor, layer: _Weights, rows: PassRows) -> None:
        shape, around = self._shape, self._after(layer.layer.ffn_norm)
        made = self._empty(rows, shape.feed_forward_length)
        if len(layer.gate_up.parts) == 1:
            layer.gate_up.multiply(x, made, replace(around, gate=shape.activation))
        else:
            gate_up = self._empty(rows, 2 * shape.feed_forward_length)
            layer.gate_up.multiply(x, gate_up, around)
            gated(gate_up, made, shape.activation)
        self._add(x, made, layer.ffn_down, layer.layer.post_ffn_norm)

    def _add(
        self, x: Tensor, made: Tensor, product: GpuLinear, norm: RMSNorm | None, bias: Tensor | None = None
    ) -> None:
        """Add what a block made to the stream."""
        scale = self._shape.residual_scale
        if norm is None:
            product.multiply(made, x, Around(bias=bias, factor=scale, adds=True))
            return
        y = torch.empty_like(x)
        product.multiply(made, y, Around(bias=bias))
        add_normed(y, norm.weight, x, self._shape.rms_epsilon, scale)

    def _after(self, norm: RMSNorm | None) -> Around:
        """Return a product's surroundings: it reads the stream through `norm`."""
        return Around(norm=norm.weight if norm else None, epsilon=self._shape.rms_epsilon)

    def _empty(self, rows: PassRows, width: int) -> Tensor:
        return torch.empty(len(rows.ids), width, device=self._device)


def _packed(layer: Layer, spec: LayerSpec) -> _Weights | None:
    products: list[Linear] = [layer.qkv, layer.attention_output, layer.gate_up, layer.ffn_down]
    packed = [product for product in products if isinstance(product, GpuLinear)]
    return _Weights(layer, spec, *packed) if len(packed) == len(products) else None
