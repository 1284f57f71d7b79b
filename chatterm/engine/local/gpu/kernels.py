"""GpuKernels: what a model is packed and multiplied with on a GPU. Importing this imports Triton."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch

from chatterm.engine.local.gpu.linear import GpuLinear
from chatterm.engine.local.gpu.products import MOST_ROWS, Products
from chatterm.engine.local.weights.tensors import BlockTensor


class AttentionShape(NamedTuple):
    """How the positions of a sequence are shared out, in tokens: the order in which they are summed."""

    split: int = 256
    """Of one program."""
    block: int = 64
    """Read at once; divides `split`."""


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
        return MOST_ROWS if self.products.is_identical else 1

    def pack(self, tensors: Sequence[BlockTensor]) -> GpuLinear | None:
        """Return the product with the rows of all `tensors`; None where the kernels cannot read one."""
        return GpuLinear.pack(self.products, tensors)
