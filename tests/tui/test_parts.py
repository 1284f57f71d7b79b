"""Documents that are read in parts: what is told on the way, stopping, going on, the parts, the choice."""

import asyncio
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from chatterm.conversation import Document, Message, ModelCard, Usage
from chatterm.documents.chunks import Chunk
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, StreamEvent
from chatterm.engine.echo import EchoEngine
from chatterm.store import AttachedFile, ConversationStore, TypedQuestion
from chatterm.tasks import Composed, Question, choose_prompt
from chatterm.tasks import compose as shape
from chatterm.tasks.reading.events import Partial, PartRead
from chatterm.tui.drafts import Draft
from chatterm.tui.parts import AppParts
from chatterm.tui.parts_state import PartsState
from chatterm.tui.screens.document import DocumentScreen
from chatterm.tui.screens.parts import PartsScreen
from chatterm.tui.widgets.document_view import DocumentView
from chatterm.tui.widgets.statement_list import StatementList
from tests.tui.driving import SHIPPED, parts_of, running

TEXT = "\n\n".join(f"Point {number}: the harbour had {number} ships in it." for number in range(1, 400))
REPORT = Document("report.txt", TEXT, len(TEXT))
PART = "- The harbour had 7 ships in it."


def composing() -> Callable[[Draft, ModelCard, bool], Composed]:
    def compose_so(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        question = Question(
            text=draft.text,
            documents=draft.documents,
            prompt=choose_prompt(SHIPPED, draft.prompt_id, has_text=bool(draft.text)),
            is_prompt_chosen=draft.prompt_id is not None,
            values=draft.values,
            settings=draft.settings,
            emergency_number="112",
            continues=goes_on,
        )
        return shape(question, card, {})

    return compose_so


def reading_parts(store: ConversationStore, engine: EchoEngine, **others: object) -> AppParts:
    standard: dict[str, object] = {
        "compose": composing(),
        "library": SHIPPED,
        "draft": Draft(text="", documents=(REPORT,)),
    }
    return parts_of(store, engine, **(standard | others))


class Held(EchoEngine):
    """Answers each request as the test allows it."""

    def __init__(self, replies: Sequence[str], *, context_length: int) -> None:
        super().__init__(replies, context_length=context_length)
        self._allowed = threading.Semaphore(0)
        self.num_asked = 0

    def allow(self, number: int) -> None:
        self._allowed.release(number)

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        for index, request in enumerate(requests):
            while not self._allowed.acquire(timeout=0.01):
                if cancel.is_cancelled:
                    yield Finished(index, 0, "cancelled", Usage(1, 0, 0, 0.1, 0.1))
                    return
            self.num_asked += 1
            for event in super().stream([request], cancel):
                yield replace(event, request=index)


class Long(EchoEngine):
    """Can have a longer context than it has."""

    def describe(self) -> ModelCard:
        return replace(super().describe(), longest_context=16_000)


async def test_a_long_document_is_read_in_parts_and_told_so(store: ConversationStore) -> None:
    engine = EchoEngine([PART], context_length=2_000)
    async with running(reading_parts(store, engine)) as app:
        await app.until_shown("report.txt")
        await app.type("summarise")
        await app.press("enter")
        await app.until_shown("too long for the context: the model reads all of it in some", "combines what")
        await app.until_idle()
        await app.until_shown("read in ", "F8 shows them")
        await app.press("f8")
        await app.until_shown("Parts", "report.txt, lines 1-", "The harbour had 7 ships")
        detail = app.app.screen.query_one(".detail-box")
        await app.resize(110, 12)
        await app.until(lambda: not detail.display)
        await app.resize(110, 34)
        await app.press("enter")
        await app.until_shown("Point 1:", "▶")
        await app.press("escape", "escape")
        await app.until_shown("You")


async def test_what_is_stopped_stays_and_goes_on_also_in_another_run(store: ConversationStore) -> None:
    engine = Held([PART], context_length=2_000)
    async with running(reading_parts(store, engine)) as app:
        await app.type("summarise")
        await app.press("enter")
        await app.until_shown("part 1 of 5")
        engine.allow(2)
        await app.until_shown("part 3 of 5", "█")
        await app.press("f8")
        await app.until_shown("Parts", "✓ 2 · report.txt")
        await app.press("escape", "escape")
        await app.until_idle()
        await app.until_shown("[report.txt]", "2 of 5 parts are read · Ctrl+R goes on")
    last = store.last_conversation()
    engine = Held([PART], context_length=2_000)
    async with running(reading_parts(store, engine, conversation_id=last, draft=None)) as app:
        await app.until_shown("2 of 5 parts are read · Ctrl+R goes on")
        await app.press("ctrl+r")
        await app.until_shown("part 3 of 5 · 2 read before")
        engine.allow(100)
        await app.until_idle()
        await app.until_shown("read in 5 parts", "ships in it.")
        assert "goes on" not in app.screen
    async with running(reading_parts(store, engine, conversation_id=last, draft=None)) as app:
        await app.until_shown("read in 5 parts · F5 shows the lines it rests on")
    assert engine.num_asked == 4, "three parts were left, and the reply"


async def test_an_answer_that_is_made_of_the_parts_is_stopped_with_what_it_has(
    store: ConversationStore,
) -> None:
    engine = Held([PART], context_length=2_000)
    draft = Draft(text="", documents=(REPORT,), prompt_id="general/translate", values={"to": "English"})
    async with running(reading_parts(store, engine, draft=draft)) as app:
        await app.press("enter")
        await app.until_shown("part 1 of ")
        engine.allow(2)
        await app.until_shown("part 3 of ", "ships in it.")
        await app.press("escape")
        await app.until_idle()
        await app.until_shown("2 of ", " parts are read, Ctrl+R goes on · F8 shows them", "stopped")
        await app.press("ctrl+r")
        engine.allow(100)
        await app.until_shown("< 2/2 >", "read in ")
        await app.until_idle()


async def test_parts_are_a_choice_where_a_longer_context_would_do(store: ConversationStore) -> None:
    engine = Long([PART], context_length=2_000)
    async with running(reading_parts(store, engine, lengthen=lambda length: None)) as app:
        await app.type("summarise")
        await app.press("enter")
        await app.until_shown("Too long for the context", "Read it in parts: all of it", "8,000 tokens")
        assert not store.conversations()
        await app.press("enter")
        await app.until_idle()
        await app.until_shown("read in 5 parts")


async def test_sources_lead_to_the_lines_also_of_a_stored_reply(store: ConversationStore) -> None:
    reply = "- The harbour had 7 ships in it.\n- Whales sang in the mountains of Mars."
    note = "Point 5\n" * 6 + "The harbour had 7 ships in it.\n"
    document = Document("note.txt", f"{note}\f{note}Again the quay was empty.\n", 10)
    parts = reading_parts(store, EchoEngine([reply]), draft=Draft(text="", documents=(document,)))
    async with running(parts) as app:
        await app.type("what?")
        await app.press("enter")
        await app.until_shown("mountains")
        await app.until_idle()
    last = store.last_conversation()
    async with running(reading_parts(store, EchoEngine(), conversation_id=last, draft=None)) as app:
        await app.until_shown("mountains", "F5 shows the lines it rests on")
        await app.press("f5")
        await app.until_shown("✓ The harbour had 7 ships", "page 1, line 7", "⚠ Whales sang")
        await app.until_shown("rests on nothing", "2 statements · 1 without a source")
        await app.press("enter")
        await app.until_shown("1:7▶ The harbour had 7 ships", "page 1")
        await app.press("escape", "n", "enter")
        await app.until_shown("Nothing in the documents says this.")


async def test_the_lines_stand_behind_each_statement_and_are_not_copied(store: ConversationStore) -> None:
    document = Document("note.txt", "one\nThe harbour had 7 ships in it.\n", 10)
    engine = EchoEngine(["The harbour had 7 ships in it. Whales sang in the mountains of Mars."])
    async with running(reading_parts(store, engine, draft=Draft(text="", documents=(document,)))) as app:
        await app.until_shown("note.txt · 2 lines, 10 bytes, ", " tokens")
        await app.type("what?")
        await app.press("enter")
        await app.until_shown("7 ships in it. [2] Whales", "[no source]")
        await app.until_shown("in brackets: the lines it rests on · F5 shows them")
        (_, reply) = store.path(store.last_conversation() or "")[-2:]
        assert "[2]" not in reply.message.content


async def test_a_window_that_changes_while_a_document_is_opened_shows_the_marked_lines(
    store: ConversationStore,
) -> None:
    text = "".join(f"line {number} {'x' * 5_000}\n" for number in range(1, 1_001))
    async with running(parts_of(store, EchoEngine())) as app:
        app.app.push_screen(DocumentScreen(Document("book.txt", text, len(text)), [(900, 901)]))
        while not (
            app.app.screen.query(DocumentView) and app.app.screen.query_one(DocumentView).max_scroll_y
        ):
            await asyncio.sleep(0)
        await app.resize(60, 20)
        await app.until_shown("900▶ line 900")


async def test_a_click_means_the_part_it_is_on_and_enter_its_own_document_of_two_of_a_name(
    store: ConversationStore,
) -> None:
    texts = ("first one\nof two\n", "second\none\n")
    files = tuple(AttachedFile(name="a.txt", data=one.encode()) for one in texts)
    asked = TypedQuestion(text="", files=files)
    question, _ = store.begin_turn([Message("user", "q")], [], asked=asked)
    parts = PartsState()
    for number, text in enumerate(texts, 1):
        chunk = Chunk(document=number - 1, name="a.txt", text=text, first_line=1, last_line=2)
        parts.read[number] = PartRead(Partial(chunk=chunk, text=f"what {number} gave"), number)
    async with running(parts_of(store, EchoEngine())) as app:
        app.app.push_screen(PartsScreen(store, parts, question.id))
        await app.until_shown("✓ 2 · a.txt")
        await app.press("end")
        await app.click(StatementList, (5, 2))
        await app.until(lambda: app.app.screen.query_one(StatementList).highlighted == 0)
        await app.press("end", "enter")
        await app.until_shown("1▶ second", "2▶ one")
