"""Loads a decoder of the Llama family from the tensors of a GGUF file.

Owns the names and shapes of the tensors; conventions: llama.cpp's `llama-arch.cpp` and
`convert_hf_to_gguf.py`. Tensors are placed one by one, so no copy of the whole ever exists.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from chatterm.engine.local.architecture import check_runnable
from chatterm.engine.local.linear import Linear, LinearFactory, Placement
from chatterm.engine.local.model import Layer, LlamaModel, LlamaWeights
from chatterm.engine.local.packing import check_supported, dequantise
from chatterm.engine.local.weights import BlockTensor, WeightFile
from chatterm.errors import BadModelFile
from chatterm.models.hyperparameters import Hyperparameters


def load_llama(
    weights: WeightFile, shape: Hyperparameters, placement: Placement
) -> tuple[LlamaModel, tuple[str, ...]]:
    """Place the file's tensors one by one; return the model, and notes on what could not stay packed.

    Raises BadModelFile for another architecture, and for tensors that are absent, of another shape or
    type, or unknown to this decoder (leaving one out would give wrong replies in silence).
    """
    check_runnable(shape)
    loader = _Loader(weights, shape, LinearFactory(placement))
    loader.check_names()
    parts = LlamaWeights(
        embedding=loader.embedding(),
        layers=tuple(loader.layer(index) for index in range(shape.num_layers)),
        output_norm=loader.norm("output_norm.weight"),
        head=loader.head(),
        rope_frequencies=loader.rope_frequencies(),
    )
    return LlamaModel(shape, placement, parts), loader.factory.notes


_LAYER_TENSORS = (
    "attn_norm",
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_output",
    "ffn_norm",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
)


@dataclass(frozen=True, slots=True)
class _Loader:
    """Takes the tensors of a llama file by name, checked."""

    weights: WeightFile
    shape: Hyperparameters
    factory: LinearFactory

    def check_names(self) -> None:
        """Raises BadModelFile where the file has a tensor that the decoder would leave out."""
        known = ["token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"]
        for index in range(self.shape.num_layers):
            known += [f"blk.{index}.{name}.weight" for name in _LAYER_TENSORS]
        if unknown := self.weights.unused(known):
            raise BadModelFile(
                f"the model has {len(unknown)} tensors that a llama decoder does not use "
                f"(the first is {unknown[0]!r}); it is of a kind this engine cannot run"
            )

    def embedding(self) -> BlockTensor:
        table = self._matrix("token_embd", self.shape.vocab_size, self.shape.embedding_length)
        check_supported(table)
        return table

    def head(self) -> Linear:
        if self.shape.is_head_tied:
            return self.factory.make(self.embedding())
        return self.factory.make(self._matrix("output", self.shape.vocab_size, self.shape.embedding_length))

    def layer(self, index: int) -> Layer:
        shape, prefix = self.shape, f"blk.{index}"
        width, ffn = shape.embedding_length, shape.feed_forward_length
        queries = shape.num_heads * shape.key_length
        keys = shape.num_kv_heads * shape.key_length
        return Layer(
            attention_norm=self.norm(f"{prefix}.attn_norm.weight"),
            qkv=self.factory.make(
                self._matrix(f"{prefix}.attn_q", queries, width),
                self._matrix(f"{prefix}.attn_k", keys, width),
                self._matrix(f"{prefix}.attn_v", keys, width),
            ),
            attention_output=self.factory.make(self._matrix(f"{prefix}.attn_output", width, queries)),
            ffn_norm=self.norm(f"{prefix}.ffn_norm.weight"),
            gate_up=self.factory.make(
                self._matrix(f"{prefix}.ffn_gate", ffn, width), self._matrix(f"{prefix}.ffn_up", ffn, width)
            ),
            ffn_down=self.factory.make(self._matrix(f"{prefix}.ffn_down", width, ffn)),
        )

    def norm(self, name: str) -> Tensor:
        """Return the norm's weights times sqrt(d), in fp32: what `LlamaModel._norm` multiplies by."""
        weight = self._vector(name, self.shape.embedding_length) * math.sqrt(self.shape.embedding_length)
        return weight.to(self.factory.placement.device)

    def rope_frequencies(self) -> Tensor:
        """Return theta^(-2i/d), divided by the file's own factors (Llama 3) or by a linear stretch."""
        shape = self.shape
        exponents = torch.arange(0, shape.rope_dimensions, 2).float() / shape.rope_dimensions
        frequencies = 1.0 / shape.rope_theta**exponents
        if "rope_freqs.weight" in self.weights:
            frequencies = frequencies / self._vector("rope_freqs.weight", shape.rope_dimensions // 2)
        if shape.rope_scaling is not None:
            frequencies = frequencies / shape.rope_scaling.factor
        return frequencies

    def _matrix(self, name: str, rows: int, columns: int) -> BlockTensor:
        return self.weights.matrix(f"{name}.weight", (rows, columns))

    def _vector(self, name: str, length: int) -> Tensor:
        tensor = self.weights.vector(name, length)
        check_supported(tensor)
        return dequantise(tensor.block_type, tensor.blocks)[0]
