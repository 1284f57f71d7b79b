"""Which block types stay packed in memory, how, and at what cost. Torch-free: `models show` asks too.

The layouts are those of torch's int4 products, which want groups of 32 columns and 4-bit codes. A type of
more bits is the sum of two planes of codes: 10 bits a weight in memory, where bfloat16 has 16. A type with
a scale for each 16 columns is multiplied twice, by either half of every group: its scales are stored apart.
For Q6_K that would make four products and 12 bits a weight, slower than bfloat16 (measured on a CPU with
AVX-512: 1.2 to 1.6 times), so it is dequantised.
"""

from dataclasses import dataclass

from chatterm.models.block_types import BlockType

GROUP_SIZE = 32
"""Columns that share a scale in torch's int4 products."""

ROW_MULTIPLE = 16
"""Packed matrices are padded with zero rows to a multiple of this."""

_CODE_BYTES = 16
"""Of the 4-bit codes of a group."""
_AFFINE_BYTES = 4
"""A scale and a zero, both bfloat16."""
_DENSE_BYTES = 2
"""A dequantised value's size in memory: bfloat16."""


@dataclass(frozen=True, slots=True)
class Int4Layout:
    """How the codes of a type lie in planes of 4 bits."""

    num_planes: int
    """1, or 2: 16 times the first plus the second."""
    num_scales: int
    """Of a group of 32 columns in one plane: 1, or 2 where each half has its own."""

    @property
    def group_bytes(self) -> int:
        """Of 32 columns of one row."""
        return self.num_planes * (_CODE_BYTES + self.num_scales * _AFFINE_BYTES)


_ONE_PLANE, _TWO_PLANES, _HALVED = Int4Layout(1, 1), Int4Layout(2, 1), Int4Layout(1, 2)

INT4_LAYOUTS = {
    BlockType.Q4_0: _ONE_PLANE,
    BlockType.Q4_1: _ONE_PLANE,
    BlockType.Q4_K: _ONE_PLANE,
    BlockType.Q5_0: _TWO_PLANES,
    BlockType.Q5_1: _TWO_PLANES,
    BlockType.Q5_K: _TWO_PLANES,
    BlockType.Q8_0: _TWO_PLANES,
    BlockType.IQ4_NL: _TWO_PLANES,
    BlockType.IQ4_XS: _TWO_PLANES,
    BlockType.MXFP4: _TWO_PLANES,
    BlockType.Q2_K: _HALVED,
    BlockType.Q3_K: _HALVED,
}
"""The types that are multiplied from their integer codes, exact but for the rounding of their scales."""

DEQUANTISED_TYPES = frozenset({BlockType.Q6_K})
"""Read, but not kept packed."""

PLAIN_TYPES = frozenset({BlockType.F32, BlockType.F16, BlockType.BF16})
"""Not quantised: nothing is lost by computing with them as they are."""


def describe_use(block_type: BlockType, num_elements: int, num_bytes: int) -> str:
    """Say how tensors of this type are held: packed, as they are, or dequantised, and what that costs."""
    if block_type in PLAIN_TYPES:
        return "not quantised"
    if block_type in INT4_LAYOUTS:
        held = num_elements // GROUP_SIZE * INT4_LAYOUTS[block_type].group_bytes
        return "packed" + _more_memory(held - num_bytes)
    if block_type in DEQUANTISED_TYPES:
        return "dequantised at load" + _more_memory(num_elements * _DENSE_BYTES - num_bytes)
    return "cannot be read"


def dequantised_note(block_type: BlockType, extra_bytes: int) -> str | None:
    """Say that weights of this type could not stay packed; None where that costs next to nothing."""
    if extra_bytes < 1e6:
        return None
    return f"{block_type.name} weights are dequantised on this device{_more_memory(extra_bytes)}"


def held_bytes(block_type: BlockType, num_rows: int, num_columns: int, *, keeps_packed: bool = True) -> int:
    """Return what a matrix takes in memory once it is loaded, in bytes.

    `keeps_packed` is False on a device without an int4 product: every matrix is dequantised there.
    """
    if keeps_packed and block_type in INT4_LAYOUTS:
        padded = -(-num_rows // ROW_MULTIPLE) * ROW_MULTIPLE
        return padded * (num_columns // GROUP_SIZE) * INT4_LAYOUTS[block_type].group_bytes
    return num_rows * num_columns * _DENSE_BYTES


def _more_memory(extra_bytes: int) -> str:
    return f", {extra_bytes / 1e6:,.1f} MB more in memory" if extra_bytes >= 1e5 else ""
