"""Statements of replies in English and Chinese, whole and while they are written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.checks.statements import pieces, statements

CASES = [
    ("It is one. It is two!", ["It is one.", "It is two!"]),
    ("2. Rent. The rent is due.\nPaid.", ["Rent. The rent is due.", "Paid."]),
    ("Dr. Smith met J. Doe, e.g. at 3.5 p.m. on No. 5. Then he left.", 2),
    ("It cost $3.50. The rest is owed.", ["It cost $3.50.", "The rest is owed."]),
    ("He ended in 2019. The next did not.", 2),
    ('"He said so." Then he left.', ['"He said so."', "Then he left."]),
    ("公司成立于2019年。“他说得对。”然后走了！", ["公司成立于2019年。", "“他说得对。”", "然后走了！"]),
    ("一、总则适用于全国\n（二）附则", ["总则适用于全国", "附则"]),
    ("1. First item\n2) Second one. More.\n10. Third", ["First item", "Second one.", "More.", "Third"]),
    ("- a dash\n  * [x] a task\n> a quote", ["a dash", "a task", "a quote"]),
    ("# Heading. No.\n\nText.\n```\nx = 1. Not.\n```\nMore.", ["Text.", "More."]),
    ("| Name | Age |\n|---|:-:|\n| Ann | 5 |\n| Bob | 6 |", ["Ann | 5", "Bob | 6"]),
    ("**Title**\n\n**Scope**: all of it.\n---\nEnd", ["**Scope**: all of it.", "End"]),
    ("Key points:\n要点：\nIs it so?\n是吗？\nYes.", []),
    ("[report.txt: 5 lines]\nNot read: report.txt, lines 4-5 (no reply)", []),
    ("Risk: high\nDate: 5 May", ["Risk: high", "Date: 5 May"]),
    (
        "A line that was wrapped at some seventy columns, as many texts do, and\ngoes on here. End.",
        [
            "A line that was wrapped at some seventy columns, as many texts do, and\ngoes on here.",
            "End.",
        ],
    ),
    ("", []),
    ("...", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_statements(text: str, expected: list[str] | int) -> None:
    found = [text[start:end] for start, end in statements(text)]
    assert (len(found) if isinstance(expected, int) else found) == expected
    on_windows = text.replace("\n", "\r\n")
    assert [on_windows[start:end].replace("\r\n", "\n") for start, end in statements(on_windows)] == found


_MARKS = (
    *(
        "a",
        "Word ",
        "e.g. ",
        ". ",
        ".",
        "! ",
        "。",
        "”",
        "中文",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "# ",
        "| a | b |\n",
    ),
    *("|---|\n", "```", "**", "> ", "  ", "2.5 ", "long " * 12, "一、", "x" * 400, "? ", ":", "\f", "\r\n"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(_MARKS), max_size=30).map("".join), st.data())
def test_however_a_reply_comes_its_statements_are_the_same(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    told = list(pieces(parts))
    assert "".join(piece.text for piece in told) == text
    assert [piece.statement for piece in told if piece.statement] == list(statements(text))
    end = 0
    for piece in told:
        end += len(piece.text)
        if piece.statement:
            assert not text[piece.statement[1] : end].strip()
            assert text[slice(*piece.statement)].strip() == text[slice(*piece.statement)]


@pytest.mark.parametrize(
    "text",
    ["a" * 300_000, "J. " * 30_000, "。" * 200_000, "- " * 100_000, "|" * 200_000, "`" * 200_000],
    ids=list("abcdef"),
)
def test_what_never_ends_is_cut(text: str) -> None:
    assert all(end - start <= 1500 for start, end in statements(text))
    assert "".join(piece.text for piece in pieces([text])) == text
