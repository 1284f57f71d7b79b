"""The screen-reader mode: labelled lines, the same store, commands, Ctrl+C stops a reply."""

import io
import signal
import threading
import time
from collections.abc import Callable

import pytest

from chatterm.conversation import Document
from chatterm.engine.echo import EchoEngine
from chatterm.errors import ModelNotFound
from chatterm.store import ConversationStore
from chatterm.tui.drafts import Draft
from chatterm.tui.parts import AppParts
from chatterm.tui.plain import PlainChat, run_plain
from tests.tui.driving import parts_of, tell
from tests.tui.engines import HeldEngine
from tests.tui.test_parts import reading_parts


def talk(parts: AppParts, *lines: str) -> list[str]:
    """What is written when these lines are typed."""
    typed = iter(lines)

    def read_line(prompt: str) -> str:
        out.write(prompt)
        try:
            line = next(typed)
        except StopIteration:
            raise EOFError from None
        out.write(f"{line}\n")
        return line

    out = io.StringIO()
    assert run_plain(parts, out, read_line) == 0
    return out.getvalue().splitlines()


def test_a_talk_is_labelled_lines_and_is_kept(store: ConversationStore) -> None:
    lines = talk(parts_of(store, EchoEngine(["One.\nTwo."])), "first", "second")
    assert [line for line in lines if not line.startswith("Notice")] == [
        "You: first", "Assistant: One.", "Two.", "You: second", "Assistant: One.", "Two.", "You: ",
    ]  # fmt: skip
    (summary,) = store.conversations()
    said = [node.message.content for node in store.path(summary.id)]
    assert said == ["first", "One.\nTwo.", "second", "One.\nTwo."]


def test_commands_begin_list_open_and_leave(store: ConversationStore) -> None:
    old = tell(store, ["old question", "old answer"], title="told before")
    lines = talk(
        parts_of(store, EchoEngine(["So."])),
        "/help", "/list", f"/open {old[:8]}", "go on", "/new", "anew", "/nothing", "/quit", "never",
    )  # fmt: skip
    assert f"Conversation: {old[:8]} told before" in lines
    assert [line for line in lines if "old question" in line or "old answer" in line] == [
        "You: old question",
        "Assistant: old answer",
    ]
    assert any("there is no command /nothing" in line for line in lines)
    assert not any("never" in line for line in lines)
    assert len(store.path(old)) == 4
    assert len(store.conversations()) == 2


def test_a_question_that_has_no_reply_is_not_taken_for_one(store: ConversationStore) -> None:
    asked = tell(store, ["The harbour had 7 ships in it."])
    lines = talk(parts_of(store, EchoEngine()), f"/open {asked}", "/sources")
    assert any("there is no reply here yet" in line for line in lines)


def test_words_are_searched_for(store: ConversationStore) -> None:
    found = tell(store, ["北京的天气", "晴"], title="weather")
    lines = talk(parts_of(store, EchoEngine()), "/search 天气", '/search "', "/search zebra")
    assert any(line.startswith(f"Found: {found[:8]} weather") and "天气" in line for line in lines)
    assert lines.count("Notice: nothing found") == 2


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("/open zzzz", "no conversation is called"),
        ("/open", "too short for a conversation's id"),
        ("/open ../x", "no conversation is called"),
        ("/sources", "there is no reply here yet"),
        ("/again", "there is no question to ask again"),
    ],
)
def test_what_cannot_be_done_is_told(store: ConversationStore, wrong: str, told: str) -> None:
    lines = talk(parts_of(store, EchoEngine(["So."])), wrong, "hello")
    assert any(told in line for line in lines)
    assert "Assistant: So." in lines


def test_a_double_slash_is_a_message_and_an_empty_line_nothing(store: ConversationStore) -> None:
    talk(parts_of(store, EchoEngine(["So."])), "", "   ", "//help me")
    (summary,) = store.conversations()
    assert store.path(summary.id)[0].message.content == "/help me"


def test_escapes_and_bidi_are_inert(store: ConversationStore) -> None:
    lines = talk(parts_of(store, EchoEngine(["red \x1b[31m \x1b]0;t\x07 \u202e end"])), "go")
    assert "Assistant: red ␛[31m ␛]0;t␇ <U+202E> end" in lines


def test_a_document_goes_along_with_the_first_question(store: ConversationStore) -> None:
    heard: list[Draft] = []
    parts = parts_of(store, EchoEngine(["So."]))

    def compose(draft: Draft, *rest: object) -> object:
        heard.append(draft)
        return parts.compose(draft, *rest)  # type: ignore[arg-type]  # handed on as they came

    document = Document("a.txt", "text", 4)
    composing = parts_of(
        store, EchoEngine(["So."]), compose=compose, draft=Draft(text="", documents=(document,))
    )
    lines = talk(composing, "what is it?", "and?")
    assert "Notice: a.txt goes along with the next question" in lines
    assert [draft.documents for draft in heard] == [(document,), ()]


def test_an_engine_that_does_not_open_is_told_and_asked_again(store: ConversationStore) -> None:
    tried: list[int] = []

    def open_engine() -> EchoEngine:
        tried.append(1)
        if len(tried) < 2:
            raise ModelNotFound("no model file; `chatterm models pull` fetches one")
        return EchoEngine(["At last."])

    lines = talk(parts_of(store, EchoEngine(), open_engine=open_engine), "hello", "again")
    assert "Assistant: At last." in lines


def press_ctrl_c_once(is_so: Callable[[], bool]) -> threading.Thread:
    """As the terminal would: SIGINT for the main thread, when it has come to that."""

    def press() -> None:
        deadline = time.monotonic() + 20
        while not is_so() and time.monotonic() < deadline:
            time.sleep(0.01)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=press, daemon=True)
    thread.start()
    return thread


def test_long_paragraphs_are_told_by_sentences(store: ConversationStore) -> None:
    reply = (
        "This is the first sentence of a long text here. And here is another one that follows after it. End"
    )
    lines = talk(parts_of(store, EchoEngine([reply])), "go")
    assert "Assistant: This is the first sentence of a long text here." in lines
    assert "And here is another one that follows after it." in lines
    assert "End" in lines


def test_ctrl_c_stops_the_reply_and_what_was_said_is_kept(store: ConversationStore) -> None:
    engine = HeldEngine(["One. ", "never"])
    engine.say()
    out = io.StringIO()
    asked = iter(["count"])

    def read_line(prompt: str) -> str:
        line = next(asked, None)
        if line is None:
            raise EOFError
        return line

    def is_written() -> bool:
        found = store.conversations()
        return bool(found) and store.path(found[0].id)[-1].message.content != ""

    thread = press_ctrl_c_once(is_written)
    PlainChat(parts_of(store, engine), read_line, out).run()
    thread.join()
    assert "Assistant: One." in out.getvalue()
    assert "Notice: stopped" in out.getvalue()
    (summary,) = store.conversations()
    assert store.path(summary.id)[-1].status == "stopped"


def test_sigterm_leaves_with_its_code(store: ConversationStore) -> None:
    def read_line(prompt: str) -> str:
        signal.raise_signal(signal.SIGTERM)
        return "never"

    assert run_plain(parts_of(store, EchoEngine()), io.StringIO(), read_line) == 143


def test_parts_are_told_by_tenths_and_sources_when_asked(store: ConversationStore) -> None:
    parts = reading_parts(store, EchoEngine(["- The harbour had 7 ships in it."], context_length=2_000))
    lines = talk(parts, "summarise", "/sources", "/again")
    assert any("too long for the context" in line for line in lines)
    told = [line for line in lines if " parts are read" in line]
    assert told[-1] == "Notice: 5 of 5 parts are read"
    assert len(told) <= 10, "twice, since it is asked again"
    (source,) = [line for line in lines if line.startswith("Source: ")]
    assert source.endswith("The harbour had 7 ships in it.")
    assert sum("Assistant: " in line for line in lines) == 2
