"""What the bytes of each block type mean, and the int4 codes that the fast products want.

Owns one slow, obvious dequantiser per block type: the oracle of every fast path. Formats: the block
structs and `dequantize_row_*` functions of ggml (`ggml-common.h`, `ggml-quants.c`). All arithmetic is
fp32, in ggml's order, so that values agree to the last bit. Knows no layers and no devices' layouts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from chatterm.engine.local.weights import BlockTensor
from chatterm.errors import BadModelFile
from chatterm.models.block_types import BlockType

GROUP_SIZE = 32
"""Columns that share a scale in the block types of int4 codes."""


def dequantise(block_type: BlockType, blocks: Tensor) -> Tensor:
    """Turn uint8 (..., blocks, bytes a block) into fp32 (..., blocks * values a block).

    Raises KeyError for a block type without a dequantiser: ask `check_supported` first.
    """
    return _DEQUANTISERS[block_type](blocks.contiguous()).flatten(-2)


def check_supported(tensor: BlockTensor) -> None:
    """Raises BadModelFile naming the tensor and its block type where it cannot be read."""
    if tensor.block_type not in _DEQUANTISERS:
        known = ", ".join(block_type.name for block_type in _DEQUANTISERS)
        raise BadModelFile(
            f"tensor {tensor.name!r} is of type {tensor.block_type.name}, which chatterm cannot read; "
            f"choose a file whose types are among {known}"
        )


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


def unpack_nibbles(nibbles: Tensor) -> Tensor:
    """Turn `Int4Codes.nibbles` into codes, uint8 (rows, columns)."""
    return _nibbles(nibbles).flatten(-2)


def _q4_0_codes(blocks: Tensor) -> Int4Codes:
    """w = d (q - 8)."""
    d = _f16(blocks, 0)[..., 0]
    return Int4Codes(blocks[..., 2:], d, torch.zeros_like(d), 1)


def _q4_1_codes(blocks: Tensor) -> Int4Codes:
    """w = d q + m = d (q - 8) + (m + 8 d)."""
    d, m = _f16(blocks, 0)[..., 0], _f16(blocks, 2)[..., 0]
    return Int4Codes(blocks[..., 4:], d, m + 8 * d, 1)


def _q8_0_codes(blocks: Tensor) -> Int4Codes:
    """w = d q. With u = q + 128 = 16 hi + lo: w = 16 d (hi - 8) + (d (lo - 8) + 8 d)."""
    rows, groups, _ = blocks.shape
    d = _f16(blocks, 0)[..., 0]
    first, last = (blocks[..., 2:] ^ 0x80).view(rows, groups, 2, 16).unbind(-2)
    nibbles = torch.empty(rows, 2, groups, 16, dtype=torch.uint8)
    torch.bitwise_or(first >> 4, last & 0xF0, out=nibbles[:, 0])
    torch.bitwise_or(first & 15, last << 4, out=nibbles[:, 1])
    scales, zeros = torch.cat([16 * d, d], -1), torch.cat([torch.zeros_like(d), 8 * d], -1)
    return Int4Codes(nibbles.view(rows, 2 * groups, 16), scales, zeros, 2)


_INT4: dict[BlockType, Callable[[Tensor], Int4Codes]] = {
    BlockType.Q4_0: _q4_0_codes,
    BlockType.Q4_1: _q4_1_codes,
    BlockType.Q8_0: _q8_0_codes,
}


# Helpers. A byte of a nibble array holds value i in its low half and value i + n in its high half.


def _f16(blocks: Tensor, offset: int) -> Tensor:
    """Read the fp16 at byte `offset` of each block: fp32 (..., 1)."""
    return blocks[..., offset : offset + 2].contiguous().view(torch.float16).float()


def _nibbles(packed: Tensor) -> Tensor:
    """Turn uint8 (..., n) into codes (..., 2n): the low halves, then the high ones."""
    return torch.cat([packed & 15, packed >> 4], -1)


def _bits(packed: Tensor, count: int) -> Tensor:
    """Turn uint8 (..., bytes) into its lowest `count` bits, in order, as 0 or 1: (..., count)."""
    shifts = torch.arange(8, dtype=torch.uint8)
    return ((packed.unsqueeze(-1) >> shifts) & 1).flatten(-2)[..., :count]


def _f32(blocks: Tensor) -> Tensor:
    return blocks.view(torch.float32)


def _half(blocks: Tensor) -> Tensor:
    return blocks.view(torch.float16).float()


def _bf16(blocks: Tensor) -> Tensor:
    return blocks.view(torch.bfloat16).float()


def _q4_0(blocks: Tensor) -> Tensor:
    """d fp16, 16 bytes of nibbles: w = d (q - 8)."""
    return _f16(blocks, 0) * (_nibbles(blocks[..., 2:]).float() - 8)


def _q4_1(blocks: Tensor) -> Tensor:
    """d, m fp16, 16 bytes of nibbles: w = d q + m."""
    return _f16(blocks, 0) * _nibbles(blocks[..., 4:]).float() + _f16(blocks, 2)


def _q5_0(blocks: Tensor) -> Tensor:
    """d fp16, 32 high bits, 16 bytes of nibbles: w = d (q - 16)."""
    codes = _nibbles(blocks[..., 6:]) | (_bits(blocks[..., 2:6], 32) << 4)
    return _f16(blocks, 0) * (codes.float() - 16)


def _q5_1(blocks: Tensor) -> Tensor:
    """d, m fp16, 32 high bits, 16 bytes of nibbles: w = d q + m."""
    codes = _nibbles(blocks[..., 8:]) | (_bits(blocks[..., 4:8], 32) << 4)
    return _f16(blocks, 0) * codes.float() + _f16(blocks, 2)


def _q8_0(blocks: Tensor) -> Tensor:
    """d fp16, 32 signed bytes: w = d q."""
    return _f16(blocks, 0) * blocks[..., 2:].contiguous().view(torch.int8).float()


def _k_scales(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Unpack the 12 bytes of 6-bit scales and minima of Q4_K and Q5_K: two of fp32 (..., 8, 1)."""
    low, mid, high = packed[..., :4], packed[..., 4:8], packed[..., 8:]
    scales = torch.cat([low & 63, (high & 15) | ((low >> 2) & 48)], -1)
    minima = torch.cat([mid & 63, (high >> 4) | ((mid >> 2) & 48)], -1)
    return scales.float().unsqueeze(-1), minima.float().unsqueeze(-1)


def _q4_k(blocks: Tensor) -> Tensor:
    """d, dmin fp16, 12 bytes of scales, 4 chunks of 32 bytes of nibbles: w = d sc q - dmin mn by 32."""
    return _k_values(blocks, _k_nibbles(blocks[..., 16:]))


def _q5_k(blocks: Tensor) -> Tensor:
    """As Q4_K, with 32 bytes of high bits before the nibbles: bit j of byte i is value i's of group j."""
    shifts = torch.arange(8, dtype=torch.uint8).unsqueeze(-1)
    high = (blocks[..., 16:48].unsqueeze(-2) >> shifts) & 1
    return _k_values(blocks, _k_nibbles(blocks[..., 48:]) | (high << 4))


def _k_nibbles(packed: Tensor) -> Tensor:
    """Turn 128 bytes into (..., 8 groups, 32): each 32 bytes hold one group low and the next one high."""
    return _nibbles(packed.reshape(*packed.shape[:-1], 4, 32)).reshape(*packed.shape[:-1], 8, 32)


def _k_values(blocks: Tensor, codes: Tensor) -> Tensor:
    """`codes` (..., 8 groups, 32) with the superblock's scales."""
    scales, minima = _k_scales(blocks[..., 4:16])
    d, dmin = _f16(blocks, 0).unsqueeze(-1), _f16(blocks, 2).unsqueeze(-1)
    return (d * scales * codes.float() - dmin * minima).flatten(-2)


def _q6_k(blocks: Tensor) -> Tensor:
    """128 bytes of nibbles, 64 of 2-bit highs, 16 signed scales, d fp16: w = d sc (q - 32) by 16.

    In each half of 128 values: nibbles of 64 bytes (low halves first), highs of 32 bytes, four to a byte.
    """
    outer = blocks.shape[:-1]
    low = _nibbles(blocks[..., :128].reshape(*outer, 2, 64)).view(*outer, 2, 4, 32)
    shifts = torch.tensor([0, 2, 4, 6], dtype=torch.uint8).unsqueeze(-1)
    high = (blocks[..., 128:192].reshape(*outer, 2, 1, 32) >> shifts) & 3
    codes = (low | (high << 4)).view(*outer, 16, 16).float() - 32
    scales = blocks[..., 192:208].contiguous().view(torch.int8).float()
    return (_f16(blocks, 208) * scales).unsqueeze(-1).mul(codes).flatten(-2)


_DEQUANTISERS: dict[BlockType, Callable[[Tensor], Tensor]] = {
    BlockType.F32: _f32,
    BlockType.F16: _half,
    BlockType.BF16: _bf16,
    BlockType.Q4_0: _q4_0,
    BlockType.Q4_1: _q4_1,
    BlockType.Q5_0: _q5_0,
    BlockType.Q5_1: _q5_1,
    BlockType.Q8_0: _q8_0,
    BlockType.Q4_K: _q4_k,
    BlockType.Q5_K: _q5_k,
    BlockType.Q6_K: _q6_k,
}
