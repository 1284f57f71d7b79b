"""Texts that are made, or happen, to be too much for a screen: shown as typed, without standing still."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from chatterm.conversation import Message, MessageNode
from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore, WholeConversation, WholeMessage, rows
from chatterm.tui.markdown_cost import is_too_much
from chatterm.tui.plain_rows import PlainRows
from chatterm.tui.widgets.message import AS_TYPED
from chatterm.tui.widgets.transcript import Transcript
from tests.tui.driving import Driver, parts_of, running, tell
from tests.tui.engines import HeldEngine
from tests.tui.test_inert import FOREIGN, assert_clean

COLUMNS = 3_000
BOMBS = {
    "quotes": ">" * 100_000,
    "spaced quotes": "> " * 100_000,
    "lists": "- " * 100_000,
    "numbered lists": "1. " * 100_000,
    "deep list": "\n".join("  " * depth + "- x" for depth in range(400)),
    "long list": "- item\n" * 5_000,
    "emphasis": "*a " * 100_000,
    "strong": "**a *b " * 50_000,
    "brackets": "[" * 100_000,
    "links": "[a](" * 50_000,
    "images": "![" * 50_000,
    "code spans": "`" * 100_001,
    "entities": "&" * 100_000,
    "paragraphs": "word\n\n" * 20_000,
    "headings": "# h\n" * 10_000,
    "rules": "***\n" * 10_000,
    "wide table": "\n".join(f"|{cell * COLUMNS}" for cell in ("x|", "---|", "y|")),
    "long table": "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 5_000,
    "fences": "```\nx\n```\n" * 5_000,
}


def transcript_of(app: Driver) -> Transcript:
    return app.app.chat.query_one(Transcript)


@asynccontextmanager
async def no_stall(limit_s: float) -> AsyncIterator[None]:
    """Fail where one step of the app takes more of the processor: then its screen stands still."""
    worst, is_over = 0.0, False

    async def beat() -> None:
        nonlocal worst
        last = time.thread_time()
        while not is_over:
            await asyncio.sleep(0.002)
            now = time.thread_time()
            worst, last = max(worst, now - last), now

    beating = asyncio.create_task(beat())
    yield
    is_over = True
    await beating
    assert worst < limit_s, f"the app stood still for {worst * 1000:.0f} ms"


STALL_S = 1.0
"""Five times what is promised: machines differ. What these texts cost as Markdown is far beyond."""


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_known_by_their_look(name: str) -> None:
    assert is_too_much(BOMBS[name])


@pytest.mark.parametrize(
    "text",
    [
        "# Title\n\nSome *text*.\n\n" * 30,
        "- one\n- two\n  - three\n" * 20,
        "```python\n" + "print('a line of code')\n" * 500 + "```\n",
        "| a | b | c |\n|---|---|---|\n" + "| 1 | 2 | 3 |\n" * 60,
        "A long paragraph of some words. " * 100,
        "中文段落。" * 600,
    ],
    ids=["headings", "list", "code", "table", "paragraph", "chinese"],
)
def test_ordinary_replies_are_markdown(text: str) -> None:
    assert not is_too_much(text)


@pytest.mark.parametrize("name", ["quotes", "deep list", "emphasis", "wide table", "paragraphs"])
async def test_a_bomb_is_shown_as_it_was_written(store: ConversationStore, name: str) -> None:
    conversation_id = tell(store, ["q", BOMBS[name]])
    parts = parts_of(store, EchoEngine(), conversation_id=conversation_id)
    async with running(parts) as app, no_stall(STALL_S):
        await app.until_shown(BOMBS[name].split("\n")[-1][-20:].strip() or "word")
        await app.press("shift+tab", "g")
        await app.until_shown(AS_TYPED, BOMBS[name][:20].split("\n")[0])
        await app.press("G")


@pytest.mark.parametrize("name", ["quotes", "long list", "wide table"])
async def test_a_bomb_that_streams_is_shown_as_it_was_written(store: ConversationStore, name: str) -> None:
    bomb = BOMBS[name]
    engine = HeldEngine([bomb[start : start + 2_000] for start in range(0, len(bomb), 2_000)])
    engine.say(1_000)
    async with running(parts_of(store, engine)) as app, no_stall(STALL_S):
        await app.ask("go")
        await app.until_idle()
        await app.press("shift+tab", "g")
        await app.until_shown(AS_TYPED)
    (summary,) = store.conversations()
    assert store.path(summary.id)[-1].message.content == bomb


@pytest.mark.slow
async def test_a_line_of_5_mb_is_read_from_end_to_end(store: ConversationStore) -> None:
    line = "begin " + "x" * 5_000_000 + " end"
    conversation_id = tell(store, [line, line])
    parts = parts_of(store, EchoEngine(), conversation_id=conversation_id)
    async with running(parts) as app, no_stall(STALL_S):
        await app.until_shown("x end")
        await app.press("shift+tab", "g")
        await app.until_shown("begin xx")
        await app.press("j")
        await app.until_shown("begin xx", AS_TYPED)
        await app.resize(60, 20)
        await app.press("G")
        await app.until_shown("x end")


async def test_what_is_long_and_foreign_is_inert(store: ConversationStore) -> None:
    text = "\n".join([*FOREIGN, "y" * 30_000])
    conversation_id = tell(store, [text, text])
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id), size=(160, 40)) as app:
        await app.until_shown("yyyy")
        await app.press("shift+tab", "g")
        await app.until_shown("red ␛[31m title ␛]0;owned␇", "<U+202E>gpj.exe", "[@click=app.bell()]press[/]")
        assert_clean(app.screen)
        await app.press("j")
        await app.until_shown(AS_TYPED, "red ␛[31m title")
        assert_clean(app.screen)


async def test_an_error_as_long_as_a_book_is_told_in_short(store: ConversationStore) -> None:
    engine = HeldEngine([RuntimeError("x" * 1_000_000)])
    engine.say()
    async with running(parts_of(store, engine)) as app, no_stall(STALL_S):
        await app.ask("go")
        await app.until_idle()
        await app.press("shift+tab", "G")
        await app.until_shown("characters more)")


@pytest.mark.slow
async def test_a_conversation_of_2_000_messages_opens_and_is_scrolled(store: ConversationStore) -> None:
    conversation_id = tell_at_once(store, [f"*message* {number}\n\n- one\n- two" for number in range(2_000)])
    parts = parts_of(store, EchoEngine(), conversation_id=conversation_id)
    async with running(parts) as app, no_stall(STALL_S):
        await app.until_shown("message 1999")
        await app.press("shift+tab", *["pageup"] * 6, "g")
        await app.until_shown("*message* 0")
        await app.press(*["pagedown"] * 4, "G")
        await app.until_shown("message 1999")


def tell_at_once(store: ConversationStore, said: Sequence[str]) -> str:
    """Store a long conversation in one transaction; return its id."""
    conversation_id, instant = rows.new_id(), rows.instant()
    messages: list[WholeMessage] = []
    for number, text in enumerate(said):
        node = MessageNode(
            id=rows.new_id(),
            conversation_id=conversation_id,
            parent_id=messages[-1].node.id if messages else None,
            message=Message("assistant" if number % 2 else "user", text),
            status="complete",
            created=instant,
        )
        messages.append(WholeMessage(node=node))
    whole = WholeConversation(
        id=conversation_id, title="long", has_own_title=True, created=instant, updated=instant,
        active_leaf=messages[-1].node.id, messages=tuple(messages),
    )  # fmt: skip
    store.add_whole([whole])
    return conversation_id


async def test_a_reply_goes_on_while_the_window_changes_its_size(store: ConversationStore) -> None:
    engine = HeldEngine([f"line {number}\n\n" for number in range(40)])
    async with running(parts_of(store, engine)) as app:
        await app.ask("go")
        for size in ((40, 10), (200, 60), (41, 11), (80, 24), (40, 10)):
            engine.say(8)
            await app.resize(*size)
            await app.until(lambda: len(app.screen.split("\n")) in {10, 60, 11, 24})
        await app.until_idle()
        await app.until_shown("line 39")
        await app.resize(110, 34)
        await app.until_shown("line 39", "line 30")


async def test_an_engine_that_says_nothing_says_so(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine([""]))) as app:
        await app.ask("go")
        await app.until_shown("the model said nothing · Ctrl+R asks it again")
        await app.until_idle()
        await app.type("still here")
        assert app.draft == "still here"


@pytest.mark.parametrize("width", [2, 7, 80])
@pytest.mark.parametrize(
    "text", ["", "a", "one two three four\nfive\n\nsix", "x" * 5_000, "宽" * 3_000, "a\tb\n" * 50, "\n" * 9]
)
def test_rows_hold_the_whole_text_and_nothing_wider_than_the_screen(text: str, width: int) -> None:
    whole, pieces = PlainRows(width), PlainRows(width)
    whole.add(text)
    for start in range(0, len(text), 3):
        pieces.add(text[start : start + 3])
    rows = [whole.row(number) for number in range(whole.num_rows)]
    assert rows == [pieces.row(number) for number in range(pieces.num_rows)]
    assert "".join(rows) == text.replace("\n", "").replace("\t", "    ")
    assert all(len(row) * (1 if row.isascii() else 2) <= width for row in rows)
