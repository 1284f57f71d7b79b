"""The CPU's product with int4 weights: torch's packed layout, and its way back to plain numbers.

The op's contract is that of torch's `native_functions.yaml`; the layout that of
`aten/src/ATen/native/cpu/int4mm_kernel.cpp`. x must be bf16: anything else takes a scalar path.
"""

import functools
import logging
from collections.abc import Iterable

import torch
from torch import Tensor

from chatterm.engine.local.weights.int4_codes import Int4Codes, Int4Product, unpack_nibbles

_int4_mm = torch.ops.aten._weight_int4pack_mm_for_cpu.default
_log = logging.getLogger(__name__)

MIN_DENSE_ROWS = 48
"""From so many rows of x on, unpacking the weights to bf16 first is cheaper than the int4 product.

Measured on AVX-512 with AMX, over all products of the 135M model on one core: int4 takes 2.8 ms a row;
unpacked it takes 130 ms for 32 rows and 137 for 64. Without AMX the two meet later.
"""


class CpuInt4Linear:
    """int4 codes with bf16 scales and zeros; x must be bf16.

    A row's result does not depend on the number of rows, below MIN_DENSE_ROWS and above it.
    """

    def __init__(self, slices: Iterable[Int4Codes], num_rows: int) -> None:
        """Pack the rows of all `slices`, each a multiple of 64 but the last; `num_rows` are the matrix's."""
        packed, affine = [], []
        for codes in slices:
            packed.append(pack_for_cpu(codes.nibbles))
            affine.append(codes.affine())
            num_planes = codes.layout.num_planes
        self._product = Int4Product(_int4_mm, torch.cat(packed), torch.cat(affine, 2), num_planes, num_rows)
        block = cpu_layout_block()
        self._can_unpack = block > 0 and len(self._product.packed) % block == 0

    def __call__(self, x: Tensor) -> Tensor:
        if self._can_unpack and x.shape[0] >= MIN_DENSE_ROWS:
            weights = self._unpacked()
            return torch.mm(x.to(weights.dtype), weights).to(x.dtype)
        return self._product(x)

    def _unpacked(self) -> Tensor:
        """Return W^T as (columns, outputs) in `dense_cpu_dtype`, each weight rounded once."""
        product, block = self._product, cpu_layout_block()
        packed = product.packed.view(-1, product.packed.shape[1] * 2, block // 2)
        num_blocks, columns, half = packed.shape
        weights = torch.empty(columns, num_blocks * block, dtype=dense_cpu_dtype())
        halves = weights.view(columns, num_blocks, 2, half).permute(2, 1, 0, 3)
        halves[0].copy_((packed & 15).view(torch.int8).sub_(8))
        halves[1].copy_((packed >> 4).view(torch.int8).sub_(8))
        scales, zeros = product.affine.to(weights.dtype).permute(3, 1, 0, 2).flatten(1, 2).unsqueeze(2)
        groups = weights.view(len(scales), -1, weights.shape[1])
        torch.addcmul(zeros, groups, scales, out=groups)
        if product.num_planes == 2:
            weights = weights[: columns // 2].add_(weights[columns // 2 :])
        return weights[:, : product.num_rows]


def pack_for_cpu(nibbles: Tensor) -> Tensor:
    """Pack `Int4Codes.nibbles` into uint8 (rows, columns / 2), as torch's own packing op does.

    `_convert_weight_to_int4pack_for_cpu` wants int32 codes and is 20 times slower; it still packs the
    rows that fill no whole block.
    """
    rows, groups, _ = nibbles.shape
    packed = torch.empty(rows, groups * 16, dtype=torch.uint8)
    half = cpu_layout_block() // 2
    full = rows // (2 * half) * 2 * half if half else 0
    if full:
        low, high = nibbles[:full].contiguous().view(-1, 2, half, groups, 16).unbind(1)
        columns = packed[:full].view(-1, groups, 2, 16, half)
        columns[:, :, 0] = ((low & 15) | (high << 4)).permute(0, 2, 3, 1)
        columns[:, :, 1] = ((low >> 4) | (high & 0xF0)).permute(0, 2, 3, 1)
    if full < rows:
        rest = unpack_nibbles(nibbles[full:]).int()
        packed[full:] = torch.ops.aten._convert_weight_to_int4pack_for_cpu(rest, 1)
    return packed


@functools.cache
def dense_cpu_dtype() -> torch.dtype:
    """Return what the processor multiplies many rows in: bf16 where it has instructions for it, else fp32."""
    has_bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    is_wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.bfloat16 if has_bf16 and is_wide else torch.float32


@functools.cache
def cpu_layout_block() -> int:
    """Rows in a block of the CPU's int4 layout, 0 where the layout is not of this kind.

    Within a block of B rows the bytes are (columns, B / 2): byte j holds row j in its low half and row
    j + B / 2 in its high half. B is 64 with AVX-512 and 32 with AVX2; this asks the op itself.
    """
    codes = (torch.arange(64 * 32, dtype=torch.int32) * 7 // 8 % 16).view(64, 32)
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
    for block in (64, 32):
        low, high = codes.view(-1, 2, block // 2, 32).transpose(2, 3).unbind(1)
        if torch.equal(packed.view(-1, 32, block // 2), (low | (high << 4)).to(torch.uint8)):
            return block
    _log.info("int4 layout of this processor is unknown: prompts are read with the int4 product")
    return 0
