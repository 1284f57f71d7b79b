"""Which block types stay packed in memory, how, and at what cost. Torch-free: `models show` asks too.

The C library keeps every type as tiles of its codes, and so do the GPU's kernels. Without them there are
torch's int4 products, which want groups of 32 columns and 4-bit codes. There a type of more bits is the sum
of two planes of codes: 10 bits a weight in memory, where bfloat16 has 16. A type with a scale for each 16
columns is multiplied twice, by either half of every group: its scales are stored apart. For Q6_K that would
make four products and 12 bits a weight, slower than bfloat16 (measured on a CPU with AVX-512: 1.2 to 1.6
times), so it is dequantised.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chatterm.models.block_types import PLAIN_TYPES, BlockType

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

HEAD_TARGET = BlockType.Q8_0
"""What quantising on load makes of a plain head, whatever the other matrices become."""


@dataclass(frozen=True, slots=True)
class TileLayout:
    """How the C library keeps a type, as `native/layouts.c` has it."""

    bits: int
    """Of a code, or of a value of a plain type."""
    num_scales: int = 1
    """Of a group of 32 columns: 0 for plain types."""
    has_minima: bool = False

    @property
    def group_bytes(self) -> int:
        """Of 32 columns of one row: codes, and scales and minima of fp16."""
        return GROUP_SIZE * self.bits // 8 + 2 * self.num_scales * (1 + self.has_minima)


TILE_LAYOUTS = {
    BlockType.F32: TileLayout(32, 0),
    BlockType.F16: TileLayout(16, 0),
    BlockType.BF16: TileLayout(16, 0),
    BlockType.Q4_0: TileLayout(4),
    BlockType.Q4_1: TileLayout(4, has_minima=True),
    BlockType.Q5_0: TileLayout(5),
    BlockType.Q5_1: TileLayout(5, has_minima=True),
    BlockType.Q8_0: TileLayout(8),
    BlockType.Q2_K: TileLayout(2, 2, has_minima=True),
    BlockType.Q3_K: TileLayout(3, 2),
    BlockType.Q4_K: TileLayout(4, has_minima=True),
    BlockType.Q5_K: TileLayout(5, has_minima=True),
    BlockType.Q6_K: TileLayout(6, 2),
    BlockType.IQ4_NL: TileLayout(4),
    BlockType.IQ4_XS: TileLayout(4),
    BlockType.MXFP4: TileLayout(4),
}
"""The types that the C library multiplies: all that can be read."""


@dataclass(frozen=True, slots=True)
class CodeFormat:
    """How the GPU's kernels keep a type: value = code - centre, weight = scale * value + minimum."""

    bits: int
    """4: nibbles, with `num_planes` more bits apart; 8: signed bytes; 16 or 32: plain numbers, no scales."""
    num_planes: int = 0
    centre: int = 0
    num_scales: int = 1
    """Of a group: 1, or 2 where each half of 16 columns has its own."""
    has_minima: bool = False

    @property
    def group_bytes(self) -> int:
        """Of 32 columns of one row."""
        scales = 2 * self.num_scales * (1 + self.has_minima) if self.bits <= 8 else 0
        return GROUP_SIZE * (self.bits + self.num_planes) // 8 + scales


CODE_FORMATS = {
    BlockType.F32: CodeFormat(32),
    BlockType.F16: CodeFormat(16),
    BlockType.BF16: CodeFormat(16),
    BlockType.Q4_0: CodeFormat(4, centre=8),
    BlockType.Q4_1: CodeFormat(4, has_minima=True),
    BlockType.Q4_K: CodeFormat(4, has_minima=True),
    BlockType.Q5_0: CodeFormat(4, 1, centre=16),
    BlockType.Q5_1: CodeFormat(4, 1, has_minima=True),
    BlockType.Q5_K: CodeFormat(4, 1, has_minima=True),
    BlockType.Q6_K: CodeFormat(4, 2, centre=32, num_scales=2),
    BlockType.Q8_0: CodeFormat(8),
    BlockType.Q2_K: CodeFormat(4, num_scales=2, has_minima=True),
    BlockType.Q3_K: CodeFormat(4, centre=4, num_scales=2),
    BlockType.IQ4_NL: CodeFormat(8),
    BlockType.IQ4_XS: CodeFormat(8),
    BlockType.MXFP4: CodeFormat(8),
}
"""All that can be read: types with a table become what the table says, in a byte."""

Multiplier = Literal["native", "kernels", "torch", "dense"]
"""What multiplies: the C library, the GPU's kernels, torch's int4 products, or products of plain numbers."""

_LAYOUTS: Mapping[Multiplier, Mapping[BlockType, Int4Layout | TileLayout | CodeFormat]] = {
    "native": TILE_LAYOUTS,
    "kernels": CODE_FORMATS,
    "torch": INT4_LAYOUTS,
    "dense": {},
}


def describe_use(block_type: BlockType, num_elements: int, num_bytes: int, by: Multiplier = "torch") -> str:
    """Say how tensors of this type are held: packed, as they are, or dequantised, and what that costs."""
    if block_type not in TILE_LAYOUTS:
        return "cannot be read"
    if block_type.name in PLAIN_TYPES:
        return "not quantised"
    layout = _LAYOUTS[by].get(block_type)
    held = num_elements // GROUP_SIZE * layout.group_bytes if layout else num_elements * _DENSE_BYTES
    return ("packed" if layout else "dequantised at load") + _more_memory(held - num_bytes)


def dequantised_note(block_type: BlockType, extra_bytes: int) -> str | None:
    """Say that weights of this type could not stay packed; None where that costs next to nothing."""
    if extra_bytes < 1e6:
        return None
    return f"{block_type.name} weights are dequantised on this device{_more_memory(extra_bytes)}"


def held_bytes(block_type: BlockType, num_rows: int, num_columns: int, by: Multiplier = "torch") -> int:
    """Return what a matrix takes in memory once it is loaded, in bytes."""
    layout = _LAYOUTS[by].get(block_type)
    if layout is None:
        return num_rows * num_columns * _DENSE_BYTES
    padded = -(-num_rows // ROW_MULTIPLE) * ROW_MULTIPLE
    return padded * (num_columns // GROUP_SIZE) * layout.group_bytes


def _more_memory(extra_bytes: int) -> str:
    return f", {extra_bytes / 1e6:,.1f} MB more in memory" if extra_bytes >= 1e5 else ""
