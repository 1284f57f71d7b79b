"""How the codes of each block type lie in a GPU's memory. Torch-free: `models show` asks too."""

from dataclasses import dataclass

from chatterm.engine.local.weights.packed_types import GROUP_SIZE
from chatterm.models.block_types import BlockType


@dataclass(frozen=True, slots=True)
class CodeFormat:
    """How the codes of a block type lie: value = code - centre, weight = scale * value + minimum."""

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
