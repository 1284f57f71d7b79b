"""Replies as tables and lists, with marks; scored labels; what the checks found."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import Static

import chatterm.tui.app
from chatterm.checks import Evidence, Finding, Report
from chatterm.conversation import Message, ModelCard
from chatterm.session import CalibrationCache, LabelScore, Scored, Scoring, TurnRequest
from chatterm.store import ConversationStore, PromptUse
from chatterm.tasks import Checked, CheckPlan, Composed, FieldMark, Question, compose
from chatterm.tasks.views import View
from chatterm.tui.check_words import counted_line, score_lines, summary_lines
from chatterm.tui.drafts import Draft
from chatterm.tui.widgets.structured_reply import StructuredReply, drawn_rows, marks_of
from chatterm.tui.widgets.transcript import Transcript
from tests.tui.driving import SHIPPED, Driver, parts_of, question_of, running
from tests.tui.engines import HeldEngine

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


@pytest.mark.parametrize(("rows", "size", "drawn"), [(300, 10, 60), (300, 5000, 39), (1, 10**6, 1)])
def test_a_long_answer_is_drawn_in_part(rows: int, size: int, drawn: int) -> None:
    assert len(drawn_rows(table(*(("x" * size, "y") for _ in range(rows))))) == drawn


async def test_what_is_not_drawn_is_told() -> None:
    async with showing(StructuredReply(table(*(("x", "y") for _ in range(70))))) as app:
        await app.until_shown("x")
        app.app.query_one(StructuredReply).scroll_end(animate=False)
        told = app.app.query_one(".hint", Static).content
        assert str(told).startswith("and 10 more rows; T in the messages shows the JSON")


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


LAB = '[{"test": "LDL", "value": "171", "range": null, "measures": "Fat in the blood"}]'


class Judge(HeldEngine):
    """Finds every label likelier than those before it."""

    def score(self, messages: Sequence[Message], labels: Sequence[str]) -> list[float]:
        return [-3.0 + number for number, _ in enumerate(labels)]


def shaped(prompt_id: str, **others: Any) -> Callable[[Draft, ModelCard, bool], Composed]:
    """Shape every draft by a prompt; its reply is held against the typed text as a document."""
    use = PromptUse(id=prompt_id, version=1, sha256="0" * 64)
    output = SHIPPED.get(prompt_id).header.output

    def compose_so(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        request = TurnRequest(messages=(Message("user", draft.text),), prompt=use, **others)
        plan = CheckPlan(sources=(draft.text,), schema=output.schema, packs=("medical",))
        return Composed(request, question_of(draft, SHIPPED.get(prompt_id)), checks=plan)

    return compose_so


async def test_a_reply_in_json_becomes_a_table_with_marks_and_its_json_by_a_key(
    store: ConversationStore,
) -> None:
    engine = HeldEngine([LAB])
    engine.say()
    parts = parts_of(store, engine, library=SHIPPED, compose=shaped("medical/lab-explain"))
    async with running(parts) as app:
        await app.ask("LDL 171 mg/dL")
        await app.until_shown("measures", "LDL", "✓ 171", "Fat in the blood", "flag =")
        await app.until_shown("found in the document", "Not a diagnosis or treatment advice")
        await app.press("shift+tab")
        await app.until(lambda: isinstance(app.app.focused, Transcript))
        await app.press("k", "t")
        await app.until_shown('"measures": "Fat in the blood"')
        await app.press("t")
        await app.until(lambda: '"measures"' not in app.screen)
        await app.press("v")
        await app.until_shown("What the reply rests on", "line 1", "value LDL is in the document")
        await app.press("escape")


async def test_a_stored_reply_is_a_table_again_without_its_checks(store: ConversationStore) -> None:
    engine = HeldEngine([LAB])
    engine.say()
    compose_so = shaped("medical/lab-explain")
    async with running(parts_of(store, engine, library=SHIPPED, compose=compose_so)) as app:
        await app.ask("LDL 171 mg/dL")
        await app.until_shown("Fat in the blood", "found in the document")
    last = store.last_conversation()
    async with running(parts_of(store, engine, library=SHIPPED, conversation_id=last)) as app:
        await app.until_shown("Fat in the blood", "flag =")
        assert "✓" not in app.screen


async def test_a_reply_that_misses_its_form_stays_text_and_says_so(store: ConversationStore) -> None:
    engine = HeldEngine(['[{"test": ', "oh no, I lost it"])
    engine.say(2)
    parts = parts_of(store, engine, library=SHIPPED, compose=shaped("medical/lab-explain"))
    async with running(parts) as app:
        await app.ask("LDL 171 mg/dL")
        await app.until_shown("oh no, I lost it", "⚠ the answer misses its schema")


async def test_a_number_that_is_not_in_the_document_is_marked(store: ConversationStore) -> None:
    engine = HeldEngine(["The rate is 42 % of 171."])
    engine.say()
    parts = parts_of(store, engine, library=SHIPPED, compose=shaped("general/summarize"))
    async with running(parts) as app:
        await app.ask("LDL 171 mg/dL")
        await app.until_shown("✓ 1 number found in the document · ⚠ 1 not found", "⚠ number 42 %")


async def test_a_closed_answer_shows_its_labels(store: ConversationStore) -> None:
    scoring = Scoring(labels=("negative", "positive"))
    parts = parts_of(store, Judge([]), library=SHIPPED, compose=shaped("general/sentiment", scoring=scoring))
    async with running(parts) as app:
        await app.ask("A fine film.")
        await app.until_shown("● positive 73.1%", "negative 26.9%", "sure · margin 0.46 · not calibrated")


async def test_an_emergency_is_told_before_the_model_says_anything(store: ConversationStore) -> None:
    def compose_so(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        question = Question(
            text=draft.text,
            prompt=SHIPPED.get("education/tutor"),
            values={"subject": "algebra", "level": "adult"},
            emergency_number="911",
        )
        return compose(question, card, {})

    engine = HeldEngine(["Rest."])
    async with running(parts_of(store, engine, library=SHIPPED, compose=compose_so)) as app:
        await app.ask("I want to kill myself")
        await app.until_shown("call 911 now")
        assert "Rest." not in app.screen
        engine.say()
        await app.until_shown("Rest.", "call 911 now")


async def test_what_calibrates_a_closed_answer_is_kept(store: ConversationStore, tmp_path: Path) -> None:
    scoring = Scoring(labels=("negative", "positive"), blanks=("...",))
    parts = parts_of(
        store,
        Judge([]),
        library=SHIPPED,
        compose=shaped("general/sentiment", scoring=scoring),
        calibrations=CalibrationCache(tmp_path / "calibrations"),
    )
    async with running(parts) as app:
        await app.ask("A fine film.")
        await app.until_shown("margin 0.00 · calibrated")
    assert len(list((tmp_path / "calibrations").glob("*.json"))) == 1
