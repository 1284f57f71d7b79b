"""Replies in JSON: read, closed where they were cut, shown as rows and columns."""

import json

import pytest

from chatterm.prompts.output import Computation, OutputSpec
from chatterm.tasks.extract import first_fenced
from chatterm.tasks.structured import close_json, read_answer
from chatterm.tasks.views import view_of

_ITEM = {
    "type": "object",
    "properties": {
        "test": {"type": "string"}, "value": {"type": "string"}, "range": {"type": ["string", "null"]},
    },
    "required": ["test", "value", "range"],
}  # fmt: skip
LAB = OutputSpec(
    format="json",
    schema={"type": "array", "items": _ITEM},
    computed={"flag": Computation("compare", ("value", "range"))},
    view="table",
)
REPLY = '[{"test": "LDL", "value": "171", "range": "<130"}, {"test": "K", "value": "4", "range": null}]'


def test_a_list_of_objects_is_a_table_with_what_code_computed() -> None:
    view = view_of(REPLY, LAB)
    assert view is not None
    assert (view.kind, view.columns) == ("table", ("test", "value", "range", "flag"))
    assert view.rows == (("LDL", "171", "<130", "high"), ("K", "4", "–", "unknown"))
    assert view.computed == {"flag"}
    assert not view.is_truncated


@pytest.mark.parametrize(
    ("reply", "columns", "rows"),
    [
        ("[]", ("test", "value", "range"), ()),
        ('{"test": "a", "value": true, "other": 3}', ("test", "value", "other"), (("a", "yes", "3"),)),
        ('["a", null, 2]', ("",), (("a",), ("–",), ("2",))),
        ('{"other": ["x", "y"]}', ("other",), (("x, y",),)),
        ('{"other": [{"x": 1}, {"x": 2}]}', ("other",), (("x: 1\nx: 2",),)),
        ('[{"test": "a"}, "b"]', ("test",), (("a",), ("b",))),
    ],
)
def test_any_json_is_shown(reply: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> None:
    view = view_of(reply, LAB)
    assert view is not None
    assert (view.columns, view.rows) == (columns, rows)


def test_json_in_a_fence_is_read_and_other_words_are_not() -> None:
    fenced = read_answer(f"Here it is:\n```json\n{REPLY}\n```\nWell.", LAB)
    assert fenced is not None
    assert isinstance(fenced.value, list)
    assert len(fenced.value) == 2
    assert fenced.violation is None
    for words in (
        "I cannot say.",
        "",
        "   ",
        "```\nno\n```",
        "[" * 100_000,
        "[" * 99 + "]" * 99,
        "}",
        "[d.txt]\nx",
        "{a",
        '{"test": NaN}',
        '{"test": -Infinity}',
        '{"test": 1e999}',
    ):
        assert read_answer(words, LAB) is None


def test_a_cut_reply_gives_what_was_whole() -> None:
    answer = read_answer(REPLY[:-20], LAB)
    assert answer is not None
    assert answer.is_truncated
    assert [item["test"] for item in answer.value if isinstance(item, dict)] == ["LDL"]  # type: ignore[attr-defined]  # a list


def test_what_misses_the_schema_is_named() -> None:
    answer = read_answer('[{"test": "LDL"}]', LAB)
    assert answer is not None
    assert answer.violation == "[0] has no 'value'"


def test_closing_leaves_valid_json_wherever_it_was_cut() -> None:
    text = r'[{"a": "x\"y\\", "b": [1, 2, {"c": null, "d": {}}]}, {"a": "世", "b": -12.5e3}, true]'
    whole = json.loads(text)
    for end in range(1, len(text)):
        closed = close_json(text[:end])
        assert closed is not None
        found = json.loads(closed)
        assert isinstance(found, list)
        assert len(found) <= len(whole)
    assert json.loads(close_json(text) or "") == whole


@pytest.mark.parametrize(
    ("answer", "block"),
    [
        ("a\n```py\nx = 1\n\ny\n```\nb\n```\nz\n```", "x = 1\n\ny\n"),
        ("````\n```\n````", "```\n"),
        ("~~~\na\n```\n~~~", "a\n```\n"),
        ("```\nnot closed", "not closed"),
        ("   ```\nx\n   ```", "x\n"),
        ("```\n```", ""),
        ("use ```x``` so", None),
        ("```a`b\nx", None),
        ("    ```\nx\n    ```", None),
        ("", None),
        ("```\r\nx\r\n```\r\n", "x\r\n"),
        ("```\na\f```\nb\u2028```\n```\nc", "a\f```\nb\u2028```\n"),
    ],
)
def test_the_first_fenced_block(answer: str, block: str | None) -> None:
    assert first_fenced(answer) == block
