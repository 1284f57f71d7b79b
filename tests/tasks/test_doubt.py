"""Flags that are taken back: those alone, and those that rest on what was not found."""

import pytest

from chatterm.checks import Finding
from chatterm.prompts.output import Computation
from chatterm.tasks import FieldMark
from chatterm.tasks.doubt import without_doubtful
from chatterm.tasks.json_leaves import Path
from chatterm.tasks.structured import StructuredAnswer

COMPUTED = {
    "flag": Computation("compare", ("value", "range")),
    "growth": Computation("growth", ("now", "before")),
}
MISSED = Finding("copy", "absent", 0, 5, "4-6 g")
FOUND = Finding("copy", "found", 0, 5, "4-6 g")
ROWS = [{"flag": "normal", "growth": "+1.0%"}, {"flag": "low"}]


@pytest.mark.parametrize(
    ("path", "finding", "flags"),
    [
        ((0, "flag"), MISSED, ["unknown", "low"]),
        ((1, "flag"), MISSED, ["normal", "unknown"]),
        ((1, "flag"), FOUND, ["normal", "low"]),
        ((0, "growth"), MISSED, ["normal", "low"]),
        ((2, "flag"), MISSED, ["normal", "low"]),
        (("rows", 0, "flag"), MISSED, ["normal", "low"]),
    ],
    ids=["first", "second", "found", "no flag", "no such row", "no such name"],
)
def test_a_flag_in_doubt_is_unknown_and_all_else_stays(
    path: Path, finding: Finding, flags: list[str]
) -> None:
    answer = without_doubtful(StructuredAnswer(value=ROWS), [FieldMark(path, (finding,))], COMPUTED)
    assert isinstance(answer.value, list)
    assert [row["flag"] for row in answer.value] == flags
    assert answer.value[0]["growth"] == "+1.0%"
    assert ROWS[0]["flag"] == "normal"


def test_a_flag_of_rows_below_a_name_is_reached() -> None:
    answer = StructuredAnswer(value={"rows": ROWS})
    found = without_doubtful(answer, [FieldMark(("rows", 1, "flag"), (MISSED,))], COMPUTED)
    assert found.value == {"rows": [ROWS[0], {"flag": "unknown"}]}
