"""Matrices as the unsigned 4-bit codes in groups of 32 columns that torch's int4 products want."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from chatterm.engine.local.packing import nibbles, read_f16
from chatterm.engine.local.weights import BlockTensor
from chatterm.models.block_types import BlockType

GROUP_SIZE = 32
"""Columns that share a scale in the block types of int4 codes."""


@dataclass(frozen=True, slots=True)
class Int4Codes:
    """A matrix as unsigned 4-bit codes in groups of 32 columns: w = (code - 8) * scale + zero.

    With two planes there are twice the columns, first the high codes, then the low ones, and the weight
    is the sum of both: y = W [x, x].
    """

    nibbles: Tensor
    """uint8 (rows, groups, 16), in ggml's order: byte j holds code j low and code j + 16 high."""
    scales: Tensor
    """fp32 (rows, groups)."""
    zeros: Tensor
    """fp32 (rows, groups)."""
    num_planes: int

    def affine(self) -> Tensor:
        """Return scales and zeros as torch's int4 products want them: bf16 (groups, rows, 2)."""
        pairs = torch.empty(*self.scales.t().shape, 2, dtype=torch.bfloat16)
        pairs[..., 0] = self.scales.t()
        pairs[..., 1] = self.zeros.t()
        return pairs


def num_planes(block_type: BlockType) -> int:
    """Return how many planes of 4-bit codes hold this type exactly; 0 where none do."""
    return {BlockType.Q4_0: 1, BlockType.Q4_1: 1, BlockType.Q8_0: 2}.get(block_type, 0)


def int4_codes(*tensors: BlockTensor) -> Int4Codes:
    """Rearrange matrices of Q4_0, Q4_1 or Q8_0, one under the other, without touching their codes.

    All must have the same number of planes.
    """
    parts = [_INT4[tensor.block_type](tensor.blocks) for tensor in tensors]
    if len(parts) == 1:
        return parts[0]
    return Int4Codes(
        torch.cat([part.nibbles for part in parts]),
        torch.cat([part.scales for part in parts]),
        torch.cat([part.zeros for part in parts]),
        parts[0].num_planes,
    )


def int4_slices(tensors: Sequence[BlockTensor], num_rows: int = 4096) -> Iterator[Int4Codes]:
    """Yield what `int4_codes` gives; a large matrix by so many rows: what fits the cache is fast."""
    if len(tensors) > 1:
        yield int4_codes(*tensors)
        return
    tensor = tensors[0]
    for start in range(0, tensor.num_rows, num_rows):
        yield int4_codes(replace(tensor, blocks=tensor.blocks[start : start + num_rows]))


def unpack_nibbles(packed: Tensor) -> Tensor:
    """Turn `Int4Codes.nibbles` into codes, uint8 (rows, columns)."""
    return nibbles(packed).flatten(-2)


def _q4_0_codes(blocks: Tensor) -> Int4Codes:
    """w = d (q - 8)."""
    d = read_f16(blocks, 0)[..., 0]
    return Int4Codes(blocks[..., 2:], d, torch.zeros_like(d), 1)


def _q4_1_codes(blocks: Tensor) -> Int4Codes:
    """w = d q + m = d (q - 8) + (m + 8 d)."""
    d, m = read_f16(blocks, 0)[..., 0], read_f16(blocks, 2)[..., 0]
    return Int4Codes(blocks[..., 4:], d, m + 8 * d, 1)


def _q8_0_codes(blocks: Tensor) -> Int4Codes:
    """w = d q. With u = q + 128 = 16 hi + lo: w = 16 d (hi - 8) + (d (lo - 8) + 8 d)."""
    rows, groups, _ = blocks.shape
    d = read_f16(blocks, 0)[..., 0]
    first, last = (blocks[..., 2:] ^ 0x80).view(rows, groups, 2, 16).unbind(-2)
    packed = torch.empty(rows, 2, groups, 16, dtype=torch.uint8)
    torch.bitwise_or(first >> 4, last & 0xF0, out=packed[:, 0])
    torch.bitwise_or(first & 15, last << 4, out=packed[:, 1])
    scales, zeros = torch.cat([16 * d, d], -1), torch.cat([torch.zeros_like(d), 8 * d], -1)
    return Int4Codes(packed.view(rows, 2 * groups, 16), scales, zeros, 2)


_INT4: dict[BlockType, Callable[[Tensor], Int4Codes]] = {
    BlockType.Q4_0: _q4_0_codes,
    BlockType.Q4_1: _q4_1_codes,
    BlockType.Q8_0: _q8_0_codes,
}
