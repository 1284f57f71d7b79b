"""Which block types stay packed in memory, and what the others cost. Torch-free: `models show` asks too."""

from chatterm.models.block_types import BlockType

PACKED_TYPES = frozenset({BlockType.Q4_0, BlockType.Q4_1, BlockType.Q8_0})
"""Multiplied from their integer codes on the CPU and on CUDA."""

PLAIN_TYPES = frozenset({BlockType.F32, BlockType.F16, BlockType.BF16})
"""Not quantised: nothing is lost by computing with them as they are."""

_DENSE_BYTES = 2
"""A dequantised value's size in memory: bfloat16."""


def describe_use(block_type: BlockType, num_elements: int, num_bytes: int) -> str:
    """Say how tensors of this type are held: packed, as they are, or dequantised, and what that costs."""
    if block_type in PACKED_TYPES:
        return "packed"
    if block_type in PLAIN_TYPES:
        return "not quantised"
    extra = num_elements * _DENSE_BYTES - num_bytes
    return f"dequantised at load, {extra / 1e6:.1f} MB more in memory"


_PLANES = {BlockType.Q4_0: 1, BlockType.Q4_1: 1, BlockType.Q8_0: 2}
_BYTES_A_GROUP = 16 + 4
"""Of 32 columns in one plane: 4-bit codes, and a scale and a zero in bfloat16."""


def held_bytes(block_type: BlockType, num_rows: int, num_columns: int, *, keeps_packed: bool = True) -> int:
    """Return what a matrix takes in memory once it is loaded, in bytes.

    `keeps_packed` is False on a device without an int4 product: every matrix is dequantised there.
    """
    fits = num_rows % 16 == 0 and num_columns % 32 == 0
    if keeps_packed and fits and block_type in _PLANES:
        return num_rows * num_columns // 32 * _PLANES[block_type] * _BYTES_A_GROUP
    return num_rows * num_columns * _DENSE_BYTES
