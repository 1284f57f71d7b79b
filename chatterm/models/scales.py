"""Whether a tensor's numbers can be used: finds NaN and infinity in its scales, or in plain values.

The codes of a quantised block cannot be wrong as numbers, but a scale that is not finite turns its block
into NaN, and from there every logit. Places of the scales: the block structs of ggml (`ggml-common.h`).
"""

from collections.abc import Mapping
from typing import NamedTuple

from chatterm.models.block_types import BlockType


class Scale(NamedTuple):
    """A number within a block, of which all bits of `exponent` set mean NaN or infinity."""

    offset: int
    """In bytes."""
    num_bytes: int
    exponent: int


_F16, _BF16, _F32, _F64 = (2, 0x7C00), (2, 0x7F80), (4, 0x7F80_0000), (8, 0x7FF0 << 48)
_E8M0 = (1, 0xFF)


def _halves(*offsets: int) -> tuple[Scale, ...]:
    return tuple(Scale(offset, *_F16) for offset in offsets)


SCALES: Mapping[BlockType, tuple[Scale, ...]] = {
    BlockType.F32: (Scale(0, *_F32),),
    BlockType.F64: (Scale(0, *_F64),),
    BlockType.F16: _halves(0),
    BlockType.BF16: (Scale(0, *_BF16),),
    BlockType.Q4_0: _halves(0),
    BlockType.Q4_1: _halves(0, 2),
    BlockType.Q5_0: _halves(0),
    BlockType.Q5_1: _halves(0, 2),
    BlockType.Q8_0: _halves(0),
    BlockType.Q2_K: _halves(80, 82),
    BlockType.Q3_K: _halves(108),
    BlockType.Q4_K: _halves(0, 2),
    BlockType.Q5_K: _halves(0, 2),
    BlockType.Q6_K: _halves(208),
    BlockType.IQ4_NL: _halves(0),
    BlockType.IQ4_XS: _halves(0),
    BlockType.MXFP4: (Scale(0, *_E8M0),),
}
"""Of the types that chatterm reads; the others have no numbers that could be checked here."""

_BLOCKS_AT_ONCE = 2**20


def count_broken(data: memoryview, block_type: BlockType) -> int:
    """Return how many of a tensor's blocks hold NaN or infinity; `data` is the whole tensor.

    Costs less than hashing the same bytes. numpy is imported when it is first needed.
    """
    import numpy as np

    if block_type not in SCALES:
        return 0
    blocks = np.frombuffer(data, np.uint8).reshape(-1, block_type.type_size)
    num_broken = 0
    for start in range(0, len(blocks), _BLOCKS_AT_ONCE):
        some = blocks[start : start + _BLOCKS_AT_ONCE]
        is_broken = np.zeros(len(some), np.bool_)
        for scale in SCALES[block_type]:
            raw = np.ascontiguousarray(some[:, scale.offset : scale.offset + scale.num_bytes])
            bits = raw.view(f"<u{scale.num_bytes}").reshape(-1)
            is_broken |= (bits & scale.exponent) == scale.exponent
        num_broken += int(is_broken.sum())
    return num_broken
