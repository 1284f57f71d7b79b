"""Matrices as the planes of 4-bit codes in groups of 32 columns that torch's int4 products want.

Owns the rearrangement of integers into planes and the product of such planes; no device's packing of them.
Which types it is for, and in how many planes, is `packed_types`' to say.

A value v of a group (w = s v + m) becomes a code by subtracting a centre c that its type has. In one plane
code - 8 = v - c, so w = s (code - 8) + (m + c s). In two planes 16 hi + lo = v - c + 128, so
w = 16 s (hi - 8) + s (lo - 8) + (m + (c + 8) s). The centres keep the last term, which is rounded to
bfloat16, small: 0 for the symmetrical types, about the middle of the group's weights for the others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from chatterm.engine.local.weights.packed_types import GROUP_SIZE, INT4_LAYOUTS, ROW_MULTIPLE, Int4Layout
from chatterm.engine.local.weights.packing import integers, nibbles
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.block_types import BlockType

_CENTRES = {
    BlockType.Q4_0: 0,
    BlockType.Q4_1: 8,
    BlockType.Q4_K: 8,
    BlockType.Q2_K: 2,
    BlockType.Q3_K: 0,
    BlockType.Q5_0: -8,
    BlockType.Q5_1: 8,
    BlockType.Q5_K: 8,
    BlockType.Q8_0: 0,
    BlockType.IQ4_NL: -8,
    BlockType.IQ4_XS: -8,
    BlockType.MXFP4: -8,
}


@dataclass(frozen=True, slots=True)
class Int4Codes:
    """A matrix as unsigned 4-bit codes: w = (code - 8) * scale + zero.

    With two planes there are twice the columns, first the high codes, then the low ones, and the weight
    is the sum of both: y = W [x, x].
    """

    nibbles: Tensor
    """uint8 (rows, groups, 16), in ggml's order: byte j holds code j low and code j + 16 high."""
    scales: Tensor
    """fp32 (rows, groups, scales a group): with two of them each is for 16 columns."""
    zeros: Tensor
    """As `scales`."""
    layout: Int4Layout

    def affine(self) -> Tensor:
        """Return scales and zeros as the int4 products want them: bf16 (scales a group, groups, rows, 2)."""
        pairs = torch.empty(*self.scales.permute(2, 1, 0).shape, 2, dtype=torch.bfloat16)
        pairs[..., 0] = self.scales.permute(2, 1, 0)
        pairs[..., 1] = self.zeros.permute(2, 1, 0)
        return pairs


def int4_codes(*tensors: BlockTensor) -> Int4Codes:
    """Rearrange matrices of one layout, one under the other, without touching their codes.

    Rows of zeros are added at the end, up to a multiple of ROW_MULTIPLE.
    """
    parts = [_codes(tensor) for tensor in tensors]
    rest = -sum(tensor.num_rows for tensor in tensors) % ROW_MULTIPLE

    def joined(arrays: Sequence[Tensor]) -> Tensor:
        whole = torch.cat(list(arrays)) if len(arrays) > 1 else arrays[0]
        return pad(whole, (0, 0, 0, 0, 0, rest)) if rest else whole

    return Int4Codes(
        joined([part.nibbles for part in parts]),
        joined([part.scales for part in parts]),
        joined([part.zeros for part in parts]),
        parts[0].layout,
    )


def int4_slices(tensors: Sequence[BlockTensor], num_values: int = 2**21) -> Iterator[Int4Codes]:
    """Yield what `int4_codes` gives by slices of about so many values: large ones would need memory and time.

    The rows of each are a multiple of 64 but the last's; where tensors do not meet at one, all come at once.
    """
    if any(tensor.num_rows % 64 for tensor in tensors[:-1]):
        yield int4_codes(*tensors)
        return
    step = max(1, num_values // tensors[0].num_columns // 64) * 64
    for tensor in tensors:
        for start in range(0, tensor.num_rows, step):
            yield int4_codes(replace(tensor, blocks=tensor.blocks[start : start + step]))


def unpack_nibbles(packed: Tensor) -> Tensor:
    """Turn `Int4Codes.nibbles` into codes, uint8 (rows, columns)."""
    return nibbles(packed).flatten(-2)


@dataclass(frozen=True, slots=True)
class Int4Product:
    """y = x W^T by one of torch's int4 products."""

    multiply: Callable[[Tensor, Tensor, int, Tensor], Tensor]
    """The op: x, packed, columns a group, affine."""
    packed: Tensor
    """The codes in the op's own layout."""
    affine: Tensor
    """As `Int4Codes.affine` makes it."""
    num_planes: int
    num_rows: int
    """Of the matrix, without those that fill it up."""

    def __call__(self, x: Tensor) -> Tensor:
        """Turn bf16 (n, columns) into bf16 (n, rows)."""
        if self.num_planes == 2:
            x = torch.cat([x, x], -1)
        if len(self.affine) == 2:
            y = self._sum_of_halves(x)
        else:
            y = self.multiply(x, self.packed, GROUP_SIZE, self.affine[0])
        return y if y.shape[1] == self.num_rows else y[:, : self.num_rows].contiguous()

    def _sum_of_halves(self, x: Tensor) -> Tensor:
        """Multiply with only the first 16 columns of each group, then with the others."""
        halves = x.new_zeros(2, len(x), x.shape[1] // GROUP_SIZE, 2, GROUP_SIZE // 2)
        groups = x.reshape(halves.shape[1:])
        halves[0, :, :, 0], halves[1, :, :, 1] = groups[:, :, 0], groups[:, :, 1]
        first, last = halves.view(2, *x.shape)
        y = self.multiply(first, self.packed, GROUP_SIZE, self.affine[0])
        return y.add_(self.multiply(last, self.packed, GROUP_SIZE, self.affine[1]))


def _codes(tensor: BlockTensor) -> Int4Codes:
    layout, centre = INT4_LAYOUTS[tensor.block_type], _CENTRES[tensor.block_type]
    found = integers(tensor.block_type, tensor.blocks)
    rows = tensor.num_rows
    values = found.values.view(rows, -1, GROUP_SIZE)
    scales = found.scales.view(rows, -1, layout.num_scales)
    minima = found.minima.view_as(scales) if found.minima is not None else torch.zeros_like(scales)
    if layout.num_planes == 1:
        codes = _in_ggml_order((values + (8 - centre)).view(torch.uint8))
        return Int4Codes(codes, scales, minima + centre * scales, layout)
    shifted = (values - centre).view(torch.uint8) ^ 0x80
    planes = [_in_ggml_order(shifted >> 4), _in_ggml_order(shifted & 15)]
    zeros = [torch.zeros_like(scales), minima + (centre + 8) * scales]
    return Int4Codes(torch.cat(planes, 1), torch.cat([16 * scales, scales], 1), torch.cat(zeros, 1), layout)


def _in_ggml_order(codes: Tensor) -> Tensor:
    """Turn codes (..., 32) below 16 into bytes (..., 16)."""
    return codes[..., :16] | (codes[..., 16:] << 4)
