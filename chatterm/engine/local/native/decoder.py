"""A decoder's passes over few tokens, run as one call of the C library.

Hands it what `Decoder` holds. A row's logits depend on the tokens before it in its sequence and on nothing
else, to the bit: not on the number of rows, the sequences they belong to, or the threads.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor

from chatterm.engine.local.decoder.layers import DecoderWeights, Segment, last_rows
from chatterm.engine.local.decoder.layers import Layer as TorchLayer
from chatterm.engine.local.decoder.linear import Linear
from chatterm.engine.local.decoder.norms import FullNorm, RMSNorm
from chatterm.engine.local.native import library as c
from chatterm.engine.local.native.matrices import MOST_ROWS, NativeLinear, stored_part
from chatterm.models.arch_spec import ArchSpec, LayerSpec


class NativeDecoder:
    """The C form of a decoder's weights."""

    most_rows = MOST_ROWS
    """Of a pass; longer ones are cheaper with the weights unpacked."""

    def __init__(
        self, library: c.NativeLibrary, shape: ArchSpec, weights: DecoderWeights, embedding: c.Part
    ) -> None:
        """Use `of`."""
        self._embedding = embedding
        self._is_embedding_tiled = shape.is_head_tied
        self._library = library
        self.weights = weights
        """What is kept: without the embedding where the head's tiles hold it too."""
        self._layers = (c.Layer * shape.num_layers)(
            *(_layer(*both) for both in zip(weights.layers, shape.layers, strict=True))
        )
        self._decoder = _decoder(shape, weights, self._layers)
        self._vocab_size = shape.vocab_size
        self._embedding_scale = shape.embedding_scale

    @classmethod
    def of(cls, library: c.NativeLibrary, shape: ArchSpec, weights: DecoderWeights) -> Self | None:
        """None where the library lacks a type, or gate and up share a tile."""
        products = [weights.head]
        for layer in weights.layers:
            products += [layer.qkv, layer.attention_output, layer.gate_up, layer.ffn_down]
        is_all_native = all(isinstance(product, NativeLinear) for product in products)
        is_split = not (shape.has_fused_products and shape.feed_forward_length % c.TILE_ROWS)
        if not is_all_native or not is_split or weights.embedding is None:
            return None
        if shape.is_head_tied:
            embedding = c.Part.from_buffer_copy(_matrix(weights.head, None).parts[0])
            return cls(library, shape, replace(weights, embedding=None), embedding)
        stored = stored_part(library, weights.embedding)
        return None if stored is None else cls(library, shape, weights, stored)

    @property
    def num_threads(self) -> int:
        return self._library.num_threads

    def embed(self, ids: Tensor) -> Tensor:
        """Return the embeddings of `ids` (int64, (n,)), scaled: fp32 (n, width)."""
        x = torch.empty(len(ids), self._embedding.columns)
        self._library.read_rows(
            self._embedding,
            ids.data_ptr(),
            len(ids),
            self._embedding_scale,
            x.data_ptr(),
            is_tiled=self._is_embedding_tiled,
        )
        return x

    def forward(
        self, x: Tensor, segments: Sequence[Segment], turns: Sequence[Tensor | None], *, is_last_only: bool
    ) -> Tensor:
        """Return fp32 logits, (segments, vocabulary) or (n, vocabulary), before scaling and capping.

        `x` is fp32 (n, width), at most `most_rows`; `turns` has for each layer its rotations, complex64
        (positions, 1, dimensions / 2), or None. Raises MemoryError.
        """
        ends = last_rows(segments) if is_last_only else range(len(x))
        logits = torch.empty(len(ends), self._vocab_size)
        outputs = (ctypes.c_int64 * len(ends))(*ends)
        what = c.Pass(
            num_rows=len(x),
            x=x.data_ptr(),
            ropes=_pointers(turns),
            num_segments=len(segments),
            segments=(c.Segment * len(segments))(*map(_segment, segments)),
            num_outputs=len(ends),
            outputs=outputs,
            logits=logits.data_ptr(),
        )
        self._library.decode(self._decoder, what)
        return logits


def _decoder(shape: ArchSpec, weights: DecoderWeights, layers: "ctypes.Array[c.Layer]") -> c.Decoder:
    return c.Decoder(
        width=shape.embedding_length,
        ffn_width=shape.feed_forward_length,
        num_heads=shape.num_heads,
        num_kv_heads=shape.num_kv_heads,
        head_length=shape.head_length,
        is_full_qk_norm=isinstance(weights.layers[0].qk_norm, FullNorm),
        is_gelu=shape.activation == "gelu_tanh",
        epsilon=shape.rms_epsilon,
        query_scale=shape.query_scale,
        residual_scale=shape.residual_scale,
        attention_softcap=shape.attention_softcap or 0.0,
        num_layers=shape.num_layers,
        layers=layers,
        output_norm=_norm(weights.output_norm),
        head=_matrix(weights.head, None),
    )


def _layer(layer: TorchLayer, spec: LayerSpec) -> c.Layer:
    return c.Layer(
        attention_norm=_norm(layer.attention_norm),
        post_attention_norm=_norm(layer.post_attention_norm),
        ffn_norm=_norm(layer.ffn_norm),
        post_ffn_norm=_norm(layer.post_ffn_norm),
        query_norm=_norm(layer.qk_norm.query if layer.qk_norm else None),
        key_norm=_norm(layer.qk_norm.key if layer.qk_norm else None),
        qkv=_matrix(layer.qkv, layer.qkv_bias),
        attention_output=_matrix(layer.attention_output, layer.output_bias),
        gate_up=_matrix(layer.gate_up, None),
        ffn_down=_matrix(layer.ffn_down, None),
        rope_dimensions=spec.rope.dimensions if spec.rope else 0,
        window=spec.window or 0,
    )


def _matrix(product: Linear, bias: Tensor | None) -> c.Matrix:
    assert isinstance(product, NativeLinear)
    matrix = product.matrix
    return c.Matrix(matrix.parts, matrix.num_parts, None if bias is None else bias.data_ptr())


def _norm(norm: RMSNorm | None) -> int | None:
    return None if norm is None else norm.scaled_weight.data_ptr()


def _segment(segment: Segment) -> c.Segment:
    keys_values = segment.keys_values
    return c.Segment(_pointers(keys_values), keys_values[0].shape[2], segment.start, segment.num_tokens)


def _pointers(tensors: Sequence[Tensor | None]) -> "ctypes.Array[ctypes.c_void_p]":
    addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
    return (ctypes.c_void_p * len(addresses))(*addresses)
