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
