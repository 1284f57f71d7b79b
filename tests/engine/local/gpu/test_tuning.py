"""The table of blocks' shapes: what it has is used, what it lacks follows a rule that kernels can run."""

import json

import pytest

from chatterm.engine.local.gpu.tuning import TABLE, FewRows, Key, OneRow, Tuning
from chatterm.engine.local.weights.packed_types import CODE_FORMATS
from chatterm.models.block_types import BlockType

FORM = CODE_FORMATS[BlockType.Q6_K]


def test_what_the_table_has_is_used_for_its_matrix_alone() -> None:
    entries = {str(Key(1, 4096, 1024, 6)): (8, 16, 4, 3), str(Key(16, 4096, 1024, 6)): (32, 8, 2, 5)}
    tuning = Tuning(132, entries)
    assert tuning.one_row(4096, 1024, FORM) == OneRow(8, 16, 4, 3)
    assert tuning.few_rows(4096, 1024, FORM) == FewRows(32, 8, 2, 5)
    assert tuning.one_row(4096, 2048, FORM) == Tuning(132).one_row(4096, 2048, FORM)
    assert tuning.one_row(4096, 1024, CODE_FORMATS[BlockType.Q4_0]) != OneRow(8, 16, 4, 3)


@pytest.mark.parametrize("outputs", [1, 40, 1024, 4096, 152_064])
@pytest.mark.parametrize("columns", [32, 96, 2048, 27_648])
def test_the_rule_gives_what_kernels_can_run(outputs: int, columns: int) -> None:
    one = Tuning(132).one_row(outputs, columns, FORM)
    few = Tuning(132).few_rows(outputs, columns, FORM)
    assert all(number & (number - 1) == 0 and number > 0 for number in (*one[:3], *few[:3]))
    assert few.block_rows >= 16  # the least that a matrix product takes
    if outputs >= 4096:
        assert -(-outputs // one.block_rows) >= 2 * 132


def test_the_shipped_table_is_readable() -> None:
    for capability, entries in json.loads(TABLE.read_text()).items():
        major, minor = capability.split(".")
        tuning = Tuning.of((int(major), int(minor)), 132)
        assert {key: tuple(values) for key, values in entries.items()} == dict(tuning.entries)
    assert not Tuning.of((1, 0), 4).entries
    assert not Tuning.of(None).entries
