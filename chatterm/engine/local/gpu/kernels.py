"""GpuKernels: what a decoder is packed and run with on a GPU. Importing this imports Triton."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch

from chatterm.engine.local.decoder.layers import DecoderWeights
from chatterm.engine.local.gpu.attention import AttentionShape
from chatterm.engine.local.gpu.decoder import GpuDecoder
from chatterm.engine.local.gpu.linear import GpuLinear
from chatterm.engine.local.gpu.products import Products
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.arch_spec import ArchSpec


@dataclass(frozen=True, slots=True)
class GpuKernels:
    """The kernels of one device."""

    products: Products
    attention: AttentionShape

    @classmethod
    def on(
        cls, device: torch.device, *, is_identical: bool = False, attention: AttentionShape | None = None
    ) -> Self:
        """`is_identical`: a row's numbers are the same to the bit, whatever other rows its pass has."""
        return cls(Products(device, is_identical=is_identical), attention or AttentionShape())

    @property
    def identical_rows(self) -> int:
        """How many rows a pass may have for each to be the same to the bit as if it were alone."""
        return GpuDecoder.most_rows if self.products.is_identical else 1

    def pack(self, tensors: Sequence[BlockTensor]) -> GpuLinear | None:
        """Return the product with the rows of all `tensors`; None where the kernels cannot read one."""
        return GpuLinear.pack(self.products, tensors)

    def decoder_of(
        self, shape: ArchSpec, weights: DecoderWeights, cache_dtype: torch.dtype
    ) -> GpuDecoder | None:
        """Return what reads few tokens; None where a matrix is not packed."""
        return GpuDecoder.of(shape, weights, cache_dtype, self.attention)
