"""Replies as tables and lists, with marks; scored labels; what the checks found."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget

import chatterm.tui.app
from chatterm.checks import Evidence, Finding, Report
from chatterm.session import LabelScore, Scored
from chatterm.tasks import Checked, FieldMark
from chatterm.tasks.views import View
from chatterm.tui.check_words import counted_line, score_lines, summary_lines
from chatterm.tui.screens.findings import FindingsScreen
from chatterm.tui.widgets.structured_reply import StructuredReply, marks_of
from tests.tui.driving import Driver

FOUND = Finding("number", "found", 0, 2, "42", evidence=(Evidence("in 42 cases", 7, 7),))
ABSENT = Finding("number", "absent", 5, 8, "17 %")
NEAR = Finding("quote", "near", 9, 12, "the rent", "wording", (Evidence("The Rent", 3, 4),))


def report(*findings: Finding) -> Report:
    return Report(findings, {})


def table(*rows: tuple[str, ...], columns: tuple[str, ...] = ("test", "value"), **others: Any) -> View:
    standard: dict[str, Any] = {"kind": "table", "totals": {}}
    return View(columns=columns, rows=rows, **(standard | others))


class Bench(App[None]):
    """Shows one widget."""

    CSS_PATH = Path(chatterm.tui.app.__file__).with_name("chatterm.tcss")

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self._widget = widget

    def compose(self) -> ComposeResult:
        yield self._widget


@asynccontextmanager
async def showing(widget: Widget, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driver]:
    app = Bench(widget)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Driver(app, pilot)  # type: ignore[arg-type]  # an app of its own


async def test_rows_and_columns_with_a_sign_beside_what_was_checked() -> None:
    fields = (FieldMark((0, "value"), (FOUND,)), FieldMark((1, "value"), (ABSENT,)))
    view = table(("LDL", "171"), ("HDL", "17 %"))
    async with showing(StructuredReply(view, marks_of(fields))) as app:
        await app.until_shown("test", "value", "LDL    ✓ 171", "HDL    ⚠ 17 %")


async def test_marks_may_come_after_the_table() -> None:
    reply = StructuredReply(table(("LDL", "171")))
    async with showing(reply) as app:
        await app.until_shown("LDL    171")
        reply.mark(marks_of((FieldMark((0, "value"), (FOUND,)),)))
        await app.until_shown("LDL    ✓ 171")


async def test_computed_columns_totals_and_a_cut_reply_are_told() -> None:
    view = table(
        ("LDL", "high"),
        columns=("test", "flag"),
        computed=frozenset({"flag"}),
        totals={"amount": "12"},
        is_truncated=True,
        notices=("one date could not be read",),
    )
    async with showing(StructuredReply(view)) as app:
        await app.until_shown("flag =", "over all: amount 12", "worked out by the program")
        await app.until_shown("the reply was cut", "one date could not be read")


async def test_a_list_has_a_line_a_field() -> None:
    view = table(("pay", "May"), ("leave", "June"), columns=("duty", "due"), kind="list")
    async with showing(StructuredReply(view)) as app:
        await app.until_shown("duty: pay", "due: May", "duty: leave")


@pytest.mark.parametrize("kind", ["table", "list"])
async def test_what_the_model_wrote_is_shown_as_it_stands(kind: str) -> None:
    evil = "[red]x[/] \x1b[2J[@click=app.quit]y[/]\u202e"
    async with showing(StructuredReply(table((evil, "2"), kind=kind, columns=("[b]c[/b]", "d")))) as app:
        await app.until_shown("[red]x[/] ␛[2J[@click=app.quit]y[/]<U+202E>", "[b]c[/b]")


async def test_a_long_answer_is_drawn_in_part() -> None:
    async with showing(StructuredReply(table(*(("x" * 5000, "y") for _ in range(300))))) as app:
        assert "x" in app.screen


def test_what_was_found_is_counted_by_kind() -> None:
    checked = Checked(reply_id="r", report=report(FOUND, FOUND, ABSENT, NEAR))
    assert counted_line(checked, "en") == "✓ 2 numbers found in the document · ⚠ 2 not found"
    assert counted_line(checked, "zh") == "✓ 2个数字在原文中 · ⚠ 2处未找到"


def test_nothing_checked_is_neither_good_nor_bad() -> None:
    assert list(summary_lines(Checked(reply_id="r", report=report()), "en")) == []


def test_each_thing_amiss_has_a_line_and_the_footer_comes_last() -> None:
    checked = Checked(
        reply_id="r",
        report=report(FOUND, ABSENT),
        notices=("number 17 % is not in the document",),
        footers=("Not legal advice.",),
    )
    assert list(summary_lines(checked, "en")) == [
        "✓ 1 number found in the document · ⚠ 1 not found",
        "⚠ number 17 % is not in the document",
        "Not legal advice.",
    ]


def test_labels_stand_with_their_probabilities_the_likeliest_first() -> None:
    scores = (LabelScore("negative", 0.25, -2.0), LabelScore("正面", 0.75, -1.0))
    scored = Scored(scores=scores, chosen=("正面",), margin=0.5, is_unsure=False, is_calibrated=True)
    assert list(score_lines(scored)) == [
        "● 正面     75.0% ███████████████",
        "  negative 25.0% █████",
        "sure · margin 0.50 · calibrated",
    ]


def test_an_unsure_answer_says_so() -> None:
    scores = (LabelScore("a", 0.52, -2.0), LabelScore("b", 0.48, -2.1))
    scored = Scored(scores=scores, chosen=("a",), margin=0.04, is_unsure=True, is_calibrated=False)
    assert list(score_lines(scored))[-1] == (
        "unsure: the two likeliest are close · margin 0.04 · not calibrated"
    )


async def test_the_findings_show_the_lines_of_the_source() -> None:
    screen = FindingsScreen(Checked(reply_id="r", report=report(FOUND, NEAR, ABSENT)), "en")
    async with showing(Widget()) as app:
        app.app.push_screen(screen)
        await app.until_shown("✓ number 42 is in the document", "document 1, line 7: in 42 cases")
        await app.until_shown("⚠ quote the rent is worded otherwise", "line 3-4: The Rent", "⚠ number 17 %")
        assert app.screen.index("⚠ number 17 %") < app.screen.index("✓ number 42")
        await app.press("escape")
        await app.until(lambda: "number 42" not in app.screen)
