"""The shapes of the kernels' blocks: a table by device and matrix, and a rule for what it does not have.

Torch-free and Triton-free. `tunings.json` is written by `benchmarks/tune_gpu.py` on the device itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from chatterm.engine.local.weights.packed_types import CodeFormat

TABLE = Path(__file__).with_name("tunings.json")


_ONE_ROW_STAGES = {4: 4, 8: 3, 16: 2, 32: 1}
_FEW_ROWS_STAGES = {4: 3, 8: 3, 16: 2, 32: 1}
"""By the bits of a code: what is on its way waits in shared memory, of which many cards have 99 KB."""


class OneRow(NamedTuple):
    """Blocks of the kernel for one x."""

    block_rows: int
    block_groups: int
    num_warps: int
    num_stages: int


class FewRows(NamedTuple):
    """Blocks of the kernel for up to 16 x."""

    block_rows: int
    block_groups: int
    num_warps: int
    num_stages: int


class Key(NamedTuple):
    """What a table's entry is for."""

    num_x: int
    """1, or 16 for the kernel for several."""
    outputs: int
    columns: int
    bits: int

    def __str__(self) -> str:
        return f"{self.num_x}x{self.outputs}x{self.columns}:{self.bits}"


@dataclass(frozen=True, slots=True)
class Tuning:
    """The shapes for one kind of device."""

    num_processors: int | None
    """Multiprocessors; None: Triton's interpreter, where what costs is the number of blocks."""
    entries: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, capability: tuple[int, int] | None, num_processors: int | None = None) -> Self:
        """Return the table of a compute capability; None: the interpreter."""
        if capability is None:
            return cls(None)
        tables: dict[str, dict[str, list[int]]] = json.loads(TABLE.read_text())
        found = tables.get(f"{capability[0]}.{capability[1]}", {})
        return cls(num_processors, {key: tuple(values) for key, values in found.items()})

    def one_row(self, outputs: int, columns: int, form: CodeFormat) -> OneRow:
        found = self.entries.get(str(Key(1, outputs, columns, form.bits + form.num_planes)))
        return OneRow(*found) if found else self._one_row_by_rule(outputs, columns, form.bits)

    def few_rows(self, outputs: int, columns: int, form: CodeFormat) -> FewRows:
        found = self.entries.get(str(Key(16, outputs, columns, form.bits + form.num_planes)))
        return FewRows(*found) if found else self._few_rows_by_rule(outputs, form.bits)

    def _one_row_by_rule(self, outputs: int, columns: int, bits: int) -> OneRow:
        """Give each processor three blocks or more of 256 threads, with 16 bytes a thread and stage."""
        if self.num_processors is None:
            return OneRow(64, 16, num_warps=4, num_stages=1)
        block_rows = 16
        while block_rows > 4 and outputs < 3 * block_rows * self.num_processors:
            block_rows //= 2
        block_groups = min(256 // block_rows, max(4, _power_of_two_below(columns // 32)))
        num_warps = 8 if block_rows * block_groups >= 256 else 4
        return OneRow(block_rows, block_groups, num_warps, _ONE_ROW_STAGES[bits])

    def _few_rows_by_rule(self, outputs: int, bits: int) -> FewRows:
        """Give most processors a block: each reads all x, which is more than the codes of its rows."""
        if self.num_processors is None:
            return FewRows(64, 16, num_warps=4, num_stages=1)
        block_rows = 32 if outputs >= 24 * self.num_processors else 16
        return FewRows(block_rows, 8, num_warps=block_rows // 4, num_stages=_FEW_ROWS_STAGES[bits])


def _power_of_two_below(number: int) -> int:
    return 1 << (max(1, number).bit_length() - 1)
