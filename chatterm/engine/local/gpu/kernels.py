"""GpuKernels: what a model is packed and multiplied with on a GPU. Importing this imports Triton."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch

from chatterm.engine.local.gpu.failures import FAILURES, said_shortly
from chatterm.engine.local.gpu.linear import GpuLinear
from chatterm.engine.local.gpu.products import MOST_ROWS, Around, Products
from chatterm.engine.local.weights.packing import dequantise
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.block_types import BlockType


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

    def why_they_fail(self) -> str | None:
        """Try a small product; None where it is right.

        Python's headers may be missing, or compiler, driver and card disagree in one of many ways.
        """
        blocks = (torch.arange(32 * 2 * 18) % 251).to(torch.uint8).view(32, 2, 18)
        blocks[..., 1] = 40  # of the scale: a number of ordinary size
        expected = dequantise(BlockType.Q4_0, blocks).sum(1)
        try:
            out = torch.zeros(1, len(expected), device=self.products.device)
            product = self.pack([BlockTensor("trial", BlockType.Q4_0, blocks)])
            assert product is not None, "these are whole groups"
            product.multiply(torch.ones(1, 64, device=out.device), out, Around())
            found = out[0].cpu()
        except FAILURES as error:
            return said_shortly(error)
        return None if torch.allclose(found, expected, rtol=1e-3) else "their numbers are wrong"

    @property
    def identical_rows(self) -> int:
        """How many rows a pass may have for each to be the same to the bit as if it were alone."""
        return MOST_ROWS if self.products.is_identical else 1

    def pack(self, tensors: Sequence[BlockTensor]) -> GpuLinear | None:
        """Return the product with the rows of all `tensors`; None where the kernels cannot read one."""
        return GpuLinear.pack(self.products, tensors)
