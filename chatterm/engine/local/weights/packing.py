"""What the bytes of each block type mean: integers with a scale a group, and the numbers they stand for.

Owns one slow, obvious decoder per block type; `dequantise` is the oracle of every fast path. Formats: the
block structs and `dequantize_row_*` functions of ggml (`ggml-common.h`, `ggml-quants.c`). All arithmetic is
fp32, in ggml's order, so that values agree to the last bit. Knows no layers and no devices' layouts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.errors import BadModelFile
from chatterm.models.block_types import BlockType

PLAIN_DTYPES = {
    BlockType.F32: torch.float32,
    BlockType.F16: torch.float16,
    BlockType.BF16: torch.bfloat16,
}
"""Of the types that are not quantised."""

IQ4_TABLE = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
"""What the codes of IQ4_NL and IQ4_XS stand for: `kvalues_iq4nl` of ggml."""

MXFP4_TABLE = (0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
"""Twice what 4-bit floating-point codes (E2M1 of the OCP MX specification) stand for; so says ggml too."""


@dataclass(frozen=True, slots=True)
class Integers:
    """Blocks as integers in the order of their columns: w = scale * value + minimum."""

    values: Tensor
    """int8 (..., groups, columns a group)."""
    scales: Tensor
    """fp32 (..., groups)."""
    minima: Tensor | None = None
    """fp32 (..., groups); None where the type has none."""

    @property
    def group_size(self) -> int:
        """Columns that share a scale: 16 or 32."""
        return self.values.shape[-1]


def dequantise(block_type: BlockType, blocks: Tensor) -> Tensor:
    """Turn uint8 (..., blocks, bytes a block) into fp32 (..., blocks * values a block).

    Raises KeyError for a block type that cannot be read: ask `check_supported` first.
    """
    if block_type in PLAIN_DTYPES:
        return blocks.contiguous().view(PLAIN_DTYPES[block_type]).float().flatten(-2)
    found = integers(block_type, blocks)
    weights = found.scales.unsqueeze(-1) * found.values.float()
    if found.minima is not None:
        weights += found.minima.unsqueeze(-1)
    return weights.flatten(-2)


def integers(block_type: BlockType, blocks: Tensor) -> Integers:
    """Turn uint8 (..., blocks, bytes a block) of a quantised type into integers, blocks * groups a row."""
    found = _DECODERS[block_type](blocks)
    # A decoder's groups are (..., blocks, groups a block, columns): blocks of one group have no axis for it.
    outer = blocks.shape[:-2]
    minima = found.minima if found.minima is None else found.minima.reshape(*outer, -1)
    values = found.values.reshape(*outer, -1, found.group_size)
    return Integers(values, found.scales.reshape(*outer, -1), minima)


def check_supported(tensor: BlockTensor) -> None:
    """Raises BadModelFile naming the tensor and its block type where it cannot be read."""
    if tensor.block_type not in PLAIN_DTYPES and tensor.block_type not in _DECODERS:
        known = ", ".join(block_type.name for block_type in (*PLAIN_DTYPES, *_DECODERS))
        raise BadModelFile(
            f"tensor {tensor.name!r} is of type {tensor.block_type.name}, which chatterm cannot read; "
            f"choose a file whose types are among {known}"
        )


# Helpers. A byte of a nibble array holds value i in its low half and value i + n in its high half.


def read_f16(blocks: Tensor, offset: int) -> Tensor:
    """Read the fp16 at byte `offset` of each block: fp32 (..., 1)."""
    return blocks[..., offset : offset + 2].contiguous().view(torch.float16).float()


def _signed(packed: Tensor) -> Tensor:
    return packed.contiguous().view(torch.int8)


def nibbles(packed: Tensor) -> Tensor:
    """Turn uint8 (..., n) into codes (..., 2n): the low halves, then the high ones."""
    return torch.cat([packed & 15, packed >> 4], -1)


def _fields(packed: Tensor, bits: int) -> Tensor:
    """Cut each byte into fields of so many bits, the lowest first: (..., n) to (..., 8 / bits, n)."""
    shifts = torch.arange(0, 8, bits, dtype=torch.uint8, device=packed.device).unsqueeze(-1)
    return (packed.unsqueeze(-2) >> shifts) & ((1 << bits) - 1)


def _cut(packed: Tensor, count: int, size: int) -> Tensor:
    """Cut the last dimension into so many parts: (..., count * size) to (..., count, size)."""
    return packed.reshape(*packed.shape[:-1], count, size)


def _minus(codes: Tensor, offset: int) -> Tensor:
    """Turn uint8 codes into signed values."""
    return codes.view(torch.int8) - offset


def _looked_up(table: tuple[int, ...], codes: Tensor) -> Tensor:
    values = torch.empty(len(table), dtype=torch.int8, device=codes.device)
    # Not copied from the program's memory: a CUDA graph could not hold that.
    for one, value in zip(values, table, strict=True):
        one.fill_(value)
    # Three times as fast as indexing.
    return values.index_select(0, codes.flatten().int()).view(codes.shape)


# Blocks of 32 values, one group each.


def _q4_0(blocks: Tensor) -> Integers:
    """d fp16, 16 bytes of nibbles: w = d (q - 8)."""
    return Integers(_minus(nibbles(blocks[..., 2:]), 8), read_f16(blocks, 0))


def _q4_1(blocks: Tensor) -> Integers:
    """d, m fp16, 16 bytes of nibbles: w = d q + m."""
    return Integers(_signed(nibbles(blocks[..., 4:])), read_f16(blocks, 0), read_f16(blocks, 2))


def _q5_codes(high: Tensor, low: Tensor) -> Tensor:
    """`high`: a little-endian number of 32 bits: bit i is the fifth bit of value i; `low`: nibbles."""
    # A clone is aligned; a slice of a single block is contiguous, and may not be.
    bits = (
        high.clone(memory_format=torch.contiguous_format).view(torch.int32)
        >> torch.arange(32, dtype=torch.int32, device=high.device)
    ) & 1
    return nibbles(low) | (bits.to(torch.uint8) << 4)


def _q5_0(blocks: Tensor) -> Integers:
    """d fp16, 32 high bits, 16 bytes of nibbles: w = d (q - 16)."""
    return Integers(_minus(_q5_codes(blocks[..., 2:6], blocks[..., 6:]), 16), read_f16(blocks, 0))


def _q5_1(blocks: Tensor) -> Integers:
    """d, m fp16, 32 high bits, 16 bytes of nibbles: w = d q + m."""
    codes = _q5_codes(blocks[..., 4:8], blocks[..., 8:])
    return Integers(_signed(codes), read_f16(blocks, 0), read_f16(blocks, 2))


def _q8_0(blocks: Tensor) -> Integers:
    """d fp16, 32 signed bytes: w = d q."""
    return Integers(_signed(blocks[..., 2:]), read_f16(blocks, 0))


def _iq4_nl(blocks: Tensor) -> Integers:
    """d fp16, 16 bytes of nibbles: w = d table[q]."""
    return Integers(_looked_up(IQ4_TABLE, nibbles(blocks[..., 2:])), read_f16(blocks, 0))


def _mxfp4(blocks: Tensor) -> Integers:
    """A byte of exponent e, 16 bytes of nibbles: w = 2^(e - 128) table[q]; e = 255 is no NaN to ggml."""
    scales = torch.exp2(blocks[..., :1].double() - 128).float()
    return Integers(_looked_up(MXFP4_TABLE, nibbles(blocks[..., 1:])), scales)


# Superblocks of 256 values, in 16 groups of 16 or 8 of 32.


def _q2_k(blocks: Tensor) -> Integers:
    """16 bytes of scale low and minimum high, 64 of 2-bit codes, d, dmin: w = d sc q - dmin mn by 16.

    Each 32 bytes of codes hold 128 values, four to a byte.
    """
    scales, minima = (blocks[..., :16] & 15).float(), (blocks[..., :16] >> 4).float()
    codes = _fields(_cut(blocks[..., 16:80], 2, 32), 2)
    return Integers(
        _cut(_signed(codes.flatten(-3)), 16, 16),
        read_f16(blocks, 80) * scales,
        -(read_f16(blocks, 82) * minima),
    )


def _q3_k(blocks: Tensor) -> Integers:
    """32 bytes of third bits, 64 of 2-bit codes, 12 of 6-bit scales, d: w = d (sc - 32) (q - 4) by 16.

    The 2-bit codes lie as in Q2_K. Bit j of byte i of the third bits is that of value 32 j + i. A scale's
    low 4 bits are among 8 bytes of nibbles, its high 2 among the last 4 bytes.
    """
    low = _fields(_cut(blocks[..., 32:96], 2, 32), 2).flatten(-3)
    codes = low | (_fields(blocks[..., :32], 1).flatten(-2) << 2)
    scales = nibbles(blocks[..., 96:104]) | (_fields(blocks[..., 104:108], 2).flatten(-2) << 4)
    return Integers(_cut(_minus(codes, 4), 16, 16), read_f16(blocks, 108) * _minus(scales, 32).float())


def _k_scales(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Return d sc and -dmin mn of Q4_K and Q5_K, fp32 (..., 8): d, dmin fp16, 12 bytes of 6-bit sc, mn."""
    low, mid, high = blocks[..., 4:8], blocks[..., 8:12], blocks[..., 12:16]
    scales = torch.cat([low & 63, (high & 15) | ((low >> 2) & 48)], -1)
    minima = torch.cat([mid & 63, (high >> 4) | ((mid >> 2) & 48)], -1)
    return read_f16(blocks, 0) * scales.float(), -(read_f16(blocks, 2) * minima.float())


def _k_nibbles(packed: Tensor) -> Tensor:
    """Turn 128 bytes into (..., 8 groups, 32): each 32 bytes hold one group low and the next one high."""
    return _fields(_cut(packed, 4, 32), 4).flatten(-3, -2)


def _q4_k(blocks: Tensor) -> Integers:
    """d, dmin fp16, 12 bytes of scales, 4 chunks of 32 bytes of nibbles: w = d sc q - dmin mn by 32."""
    return Integers(_signed(_k_nibbles(blocks[..., 16:])), *_k_scales(blocks))


def _q5_k(blocks: Tensor) -> Integers:
    """As Q4_K, with 32 bytes of high bits before the nibbles: bit j of byte i is value i's of group j."""
    codes = _k_nibbles(blocks[..., 48:]) | (_fields(blocks[..., 16:48], 1) << 4)
    return Integers(_signed(codes), *_k_scales(blocks))


def _q6_k(blocks: Tensor) -> Integers:
    """128 bytes of nibbles, 64 of 2-bit highs, 16 signed scales, d fp16: w = d sc (q - 32) by 16.

    In each half of 128 values: nibbles of 64 bytes (low halves first), highs of 32 bytes, four to a byte.
    """
    low = nibbles(_cut(blocks[..., :128], 2, 64)).flatten(-2)
    high = _fields(_cut(blocks[..., 128:192], 2, 32), 2).flatten(-3)
    values = _cut(_minus(low | (high << 4), 32), 16, 16)
    return Integers(values, read_f16(blocks, 208) * _signed(blocks[..., 192:208]).float())


def _iq4_xs(blocks: Tensor) -> Integers:
    """d fp16, 2 bytes of scales' high bits, 4 of their low, 128 of nibbles: w = d (sc - 32) table[q] by 32.

    Scale j's nibble is the half j % 2 of byte j // 2, its high bits the field j % 4 of byte j // 4.
    """
    low = _fields(blocks[..., 4:8], 4).transpose(-1, -2).flatten(-2)
    high = _fields(blocks[..., 2:4], 2).transpose(-1, -2).flatten(-2)
    scales = read_f16(blocks, 0) * _minus(low | (high << 4), 32).float()
    return Integers(_looked_up(IQ4_TABLE, nibbles(_cut(blocks[..., 8:], 8, 16))), scales)


_DECODERS: dict[BlockType, Callable[[Tensor], Integers]] = {
    BlockType.Q4_0: _q4_0,
    BlockType.Q4_1: _q4_1,
    BlockType.Q5_0: _q5_0,
    BlockType.Q5_1: _q5_1,
    BlockType.Q8_0: _q8_0,
    BlockType.Q2_K: _q2_k,
    BlockType.Q3_K: _q3_k,
    BlockType.Q4_K: _q4_k,
    BlockType.Q5_K: _q5_k,
    BlockType.Q6_K: _q6_k,
    BlockType.IQ4_NL: _iq4_nl,
    BlockType.IQ4_XS: _iq4_xs,
    BlockType.MXFP4: _mxfp4,
}
