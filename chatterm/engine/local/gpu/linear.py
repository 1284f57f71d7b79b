"""A product by the GPU kernels: few rows from the codes as they are, many from weights unpacked meanwhile."""

from collections.abc import Iterator, Sequence
from typing import Self

import torch
from torch import Tensor

from chatterm.engine.local.gpu.matrices import GpuMatrix, is_packable, pack_matrices
from chatterm.engine.local.gpu.products import MOST_ROWS, Around, Products, unpacked
from chatterm.engine.local.weights.tensors import BlockTensor

_SCRATCH_VALUES = 2**26
"""So many weights are unpacked at a time: 128 MB in bf16."""


class GpuLinear:
    """y = x W^T, whose rows are those of several packed matrices in turn."""

    def __init__(self, products: Products, parts: Sequence[GpuMatrix]) -> None:
        self.products = products
        self.parts = tuple(parts)

    @classmethod
    def pack(cls, products: Products, tensors: Sequence[BlockTensor]) -> Self | None:
        """None where a tensor is not of whole groups of 32 columns."""
        if not all(map(is_packable, tensors)):
            return None
        return cls(products, pack_matrices(tensors, products.device))

    @property
    def num_rows(self) -> int:
        return sum(part.num_rows for part in self.parts)

    def __call__(self, x: Tensor) -> Tensor:
        """Return (rows, outputs) in x's dtype."""
        if len(x) <= MOST_ROWS:
            out = torch.empty(len(x), self.num_rows, device=x.device)
            self.multiply(x.float().contiguous(), out, Around())
            return out.to(x.dtype)
        return torch.cat([x @ some.t() for part in self.parts for some in _slices(part, x.dtype)], -1)

    def multiply(self, x: Tensor, out: Tensor, around: Around) -> None:
        """Write the products of fp32 x (at most MOST_ROWS rows) into fp32 `out`; a gate needs one part."""
        start = 0
        for part in self.parts:
            end = start + part.num_rows
            bias = None if around.bias is None else around.bias[start:end]
            self.products.multiply(part, x, out[:, start:] if start else out, around.with_bias(bias))
            start = end


def _slices(matrix: GpuMatrix, dtype: torch.dtype) -> Iterator[Tensor]:
    """Yield the weights by slices of rows; one is there at a time."""
    step = max(1, _SCRATCH_VALUES // matrix.num_columns)
    for row in range(0, matrix.num_rows, step):
        yield unpacked(matrix, dtype, slice(row, min(row + step, matrix.num_rows)))
