"""From plain numbers to the blocks of a quantised type, as ggml's reference quantisers do.

Formats and rounding: `quantize_row_q4_1_ref` and `quantize_row_q8_0_ref` of ggml (`ggml-quants.c`). Owns
only the types that chatterm quantises to on load; what the bytes mean is `packing`'s.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from chatterm.models.block_types import BlockType

_SLICE_VALUES = 2**18
"""Values quantised at a time: what fits the cache is about three times as fast, and needs no memory."""


def quantise(matrix: Tensor, block_type: BlockType) -> Tensor:
    """Turn (rows, columns) of floating point into uint8 (rows, blocks a row, bytes a block).

    Columns must be a multiple of 32, values finite. Raises KeyError for a type other than Q4_1 and Q8_0.
    A scale beyond fp16 becomes infinite, as in ggml: absolute values up to 65504 are safe in both types.
    """
    encode, size = _ENCODERS[block_type], block_type.block_size
    rows, columns = matrix.shape
    blocks = torch.empty(rows, columns // size, block_type.type_size, dtype=torch.uint8)
    step = max(1, _SLICE_VALUES // columns)
    for start in range(0, rows, step):
        some = matrix[start : start + step]
        encode(some.reshape(len(some), -1, size).float(), blocks[start : start + step])
    return blocks


def _q8_0(values: Tensor, blocks: Tensor) -> None:
    """d = max |x| / 127, q = x / d rounded to nearest, halves away from zero."""
    scales = values.abs().amax(-1, keepdim=True) / 127
    scaled = values * _inverse(scales)
    # trunc(y + copysign(0.5)) would round 0.49999997 up: its sum with a half is 1 in fp32.
    whole = scaled.trunc()
    codes = whole + (2 * (scaled - whole)).trunc()
    blocks[..., :2] = _f16_bytes(scales)
    blocks[..., 2:] = codes.to(torch.int8).view(torch.uint8)


def _q4_1(values: Tensor, blocks: Tensor) -> None:
    """d = (max - min) / 15, m = min, q = (x - m) / d + 0.5 cut off, with d and m before their rounding."""
    minima, maxima = torch.aminmax(values, dim=-1, keepdim=True)
    scales = (maxima - minima) / 15
    codes = ((values - minima) * _inverse(scales) + 0.5).to(torch.uint8).clamp_(max=15)
    blocks[..., :2] = _f16_bytes(scales)
    blocks[..., 2:4] = _f16_bytes(minima)
    torch.bitwise_or(codes[..., :16], codes[..., 16:] << 4, out=blocks[..., 4:])


def _inverse(scales: Tensor) -> Tensor:
    """1 / scale, and 0 where that would be infinite: such a scale is 0 in fp16, no code matters."""
    return torch.where(scales < 1e-37, 0.0, 1 / scales)


def _f16_bytes(values: Tensor) -> Tensor:
    """Turn (..., 1) into the two bytes of its fp16."""
    return values.half().view(torch.uint8)


_ENCODERS: dict[BlockType, Callable[[Tensor, Tensor], None]] = {
    BlockType.Q4_1: _q4_1,
    BlockType.Q8_0: _q8_0,
}
