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


class OneRow(NamedTuple):
    """Blocks of the kernel for one x."""

    block_rows: int
    block_groups: int
    num_warps: int
    num_stages: int


class FewRows(NamedTuple):
    """Blocks of the kernel for up to 16 x."""

    block_rows: int
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

    num_processors: int
    """Multiprocessors."""
    entries: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, capability: tuple[int, int] | None, num_processors: int) -> Self:
        """Return the table of a compute capability; None: no table."""
        if capability is None:
            return cls(num_processors)
        tables: dict[str, dict[str, list[int]]] = json.loads(TABLE.read_text())
        found = tables.get(f"{capability[0]}.{capability[1]}", {})
        return cls(num_processors, {key: tuple(values) for key, values in found.items()})

    def one_row(self, outputs: int, columns: int, form: CodeFormat) -> OneRow:
        found = self.entries.get(str(Key(1, outputs, columns, form.bits + form.num_planes)))
        return OneRow(*found) if found else self._one_row_by_rule(outputs, columns)

    def few_rows(self, outputs: int, columns: int, form: CodeFormat) -> FewRows:
        found = self.entries.get(str(Key(16, outputs, columns, form.bits + form.num_planes)))
        return FewRows(*found) if found else self._few_rows_by_rule(outputs)

    def _one_row_by_rule(self, outputs: int, columns: int) -> OneRow:
        """Give each processor two blocks or more, of 256 threads with 16 bytes in flight each, twice."""
        block_rows = 32
        while block_rows > 4 and outputs < 2 * block_rows * self.num_processors:
            block_rows //= 2
        block_groups = min(512 // block_rows, max(4, _power_of_two_below(columns // 32)))
        return OneRow(
            block_rows, block_groups, num_warps=8 if block_rows * block_groups >= 256 else 4, num_stages=2
        )

    def _few_rows_by_rule(self, outputs: int) -> FewRows:
        block_rows = 64
        while block_rows > 16 and outputs < 2 * block_rows * self.num_processors:
            block_rows //= 2
        return FewRows(block_rows, num_warps=block_rows // 16, num_stages=4)


def _power_of_two_below(number: int) -> int:
    return 1 << (max(1, number).bit_length() - 1)
