"""The screen-reader mode: the same conversations as plain labelled lines.

Nothing is drawn twice and nothing moves: each line says who speaks, and a reply is told in whole lines
or sentences.
"""

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from textual.message import Message

from chatterm.engine.base import CancelToken
from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize, sanitize_line
from chatterm.tui import events
from chatterm.tui.context_gate import ContextExceeded
from chatterm.tui.drafts import Draft
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.foreign import one_line
from chatterm.tui.leaving import GRACE_S
from chatterm.tui.parts import AppParts
from chatterm.tui.parts_offer import offer_text
from chatterm.tui.parts_state import not_read_lines
from chatterm.tui.plain_reply import PlainReply
from chatterm.tui.screens.context_dialog import told as overflow_text
from chatterm.tui.sources import basis_of, cited_of, claims_of
from chatterm.tui.turns import Place, TurnPlan, TurnRunner

if TYPE_CHECKING:
    from chatterm.tasks import Checked

HELP = (
    "Write a question and press Enter.",
    "/new begins a conversation. /list tells the last ones. /open ID goes on with one.",
    "/search WORDS finds them in all conversations. /help says this. /quit leaves.",
    "/sources tells the lines that the last reply rests on. /again asks the last question again, or goes on.",
    "Ctrl+C stops a reply; while nothing is written, Ctrl+C leaves. Control+D leaves too.",
)
GO_ON = "/again goes on."
_LISTED = 10
_POLL_S = 0.2
ReadLine = Callable[[str], str]
"""Asks for a line with a prompt. Raises EOFError at the end, KeyboardInterrupt for Ctrl+C."""


class _Over(Message):
    """No more events of this turn come."""


class _Leave(BaseException):
    """The process was told to end. Not an error: nothing may catch it but `run_plain`."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code


class PlainChat:
    """One session. The main thread reads and writes lines; turns run in threads of their own."""

    def __init__(self, parts: AppParts, read_line: ReadLine, out: TextIO) -> None:
        self._parts = parts
        self._read_line = read_line
        self._out = out
        self._events: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._slot = EngineSlot(parts.open_engine, self._events.put)
        self._runner = TurnRunner(parts, self._slot)
        self._place = Place()
        self._pending = parts.draft or Draft(text="")
        """What goes along with the next question."""
        self._checked: Checked | None = None
        """What the checks found in the last reply."""

    def run(self) -> None:
        """Go on until the user leaves."""
        self._say("Notice", "chatterm, plain lines. /help says what can be done.")
        self._slot.open()
        if self._parts.conversation_id:
            self._told(self._open, self._parts.conversation_id)
        for document in self._pending.documents:
            self._say("Notice", f"{document.name} goes along with the next question")
        try:
            while (line := self._next_line()) is not None:
                if not self._obey(line):
                    break
        finally:
            self._slot.close()

    def _next_line(self) -> str | None:
        """None where the user leaves."""
        try:
            return self._read_line("You: ")
        except (EOFError, KeyboardInterrupt):
            self._out.write("\n")
            return None

    def _obey(self, line: str) -> bool:
        """Do what a line says; False to leave."""
        text = line.strip()
        name, _, rest = text.partition(" ")
        match name:
            case "/quit" | "/exit":
                return False
            case "/help":
                for told in HELP:
                    self._say("Notice", told)
            case "/new":
                self._place = Place()
                self._say("Notice", "a new conversation")
            case "/list":
                self._told(self._list)
            case "/open":
                self._told(self._open, self._found(rest))
            case "/search":
                self._told(self._search, rest)
            case "/sources":
                self._told(self._tell_sources)
            case "/again":
                self._told(self._ask_again)
            case _ if text.startswith("/") and not text.startswith("//"):
                self._say("Notice", f"there is no command {name}; /help tells those there are")
            case _ if text or self._pending.documents:
                self._ask(text[1:] if text.startswith("//") else text)
        return True

    def _ask(self, text: str) -> None:
        draft, self._pending = replace(self._pending, text=text), Draft(text="")
        place = self._place
        self._run_plan(TurnPlan(draft=draft, conversation_id=place.conversation_id, parent_id=place.leaf_id))

    def _ask_again(self) -> None:
        """Go on with a question that has no reply, or ask the last one again."""
        store, leaf_id = self._parts.store, self._place.leaf_id
        path = store.path_to(leaf_id) if leaf_id else ()
        question = next((node for node in reversed(path) if node.message.role == "user"), None)
        if question is None:
            self._say("Notice", "there is no question to ask again")
            return
        self._run_plan(
            TurnPlan(
                draft=Draft(text=question.message.content),
                conversation_id=question.conversation_id,
                parent_id=question.parent_id,
                kind="regenerate",
                target_id=question.id,
            )
        )

    def _tell_sources(self) -> None:
        """Tell each statement of the last reply with its lines."""
        reply_id = self._place.leaf_id or ""
        checked = self._checked if self._checked and self._checked.reply_id == reply_id else None
        cited = cited_of(self._parts.store, reply_id, checked, self._parts.prompts)
        basis, has_any = basis_of(cited), False
        for claim in claims_of(cited):
            has_any = True
            places = "; ".join(basis.where(one, self._parts.lang) for one in claim.places[:3])
            self._say("Source", f"{places or 'no source'}: {one_line(claim.text)}")
        if not has_any:
            self._say("Notice", "no document goes with this reply, so it has no sources")

    def _run_plan(self, plan: TurnPlan) -> None:
        """Run a turn and tell it. Ctrl+C stops it."""
        threading.Thread(target=self._run_turn, args=(plan,), daemon=True).start()
        told = PlainReply(self._out)
        try:
            with _stopping_on_ctrl_c(plan.cancel):
                while self._tell(self._next_event(), told):
                    pass
        except _Leave:
            plan.cancel.cancel()
            self._wait_for_end(told)
            raise

    def _run_turn(self, plan: TurnPlan) -> None:
        self._runner.run(plan, self._events.put)
        self._events.put(_Over())

    def _next_event(self) -> Message:
        while True:
            try:
                # With a limit: a signal that another thread gets does not wake this one.
                return self._events.get(timeout=_POLL_S)
            except queue.Empty:
                continue

    def _wait_for_end(self, told: PlainReply) -> None:
        try:
            while self._tell(self._events.get(timeout=GRACE_S), told):
                pass
        except queue.Empty:
            return

    def _tell(self, event: Message, told: PlainReply) -> bool:
        """Tell what happened; False when the turn is over."""
        match event:
            case events.ReplyStarted(started=started):
                self._place = Place(started.reply.conversation_id or None, started.reply.id or None)
            case events.PrefillAdvanced(done=done, total=total):
                told.progress(done, total)
            case events.ReplyGrew(growth=growth):
                told.grow(growth.text)
            case events.ReplyFinished():
                told.end()
                self._finished(event)
            case events.ReplyChecked(checked=found):
                self._checked = found
                for text in (*found.notices, *found.footers):
                    self._say("Notice", text)
                if found.cited.grounds:
                    self._say("Notice", "/sources tells the lines that this rests on")
            case events.ReplyFailed(error=error):
                told.end()
                self._say("Notice", error or "stopped")
            case events.TurnNoticed(text=text):
                self._say("Notice", text)
            case events.EngineReady(card=card):
                for text in (f"{card.name} is ready", *card.notices):
                    self._say("Notice", text)
            case _:
                self._tell_of_reading(event, told)
        return not isinstance(event, _Over)

    def _tell_of_reading(self, event: Message, told: PlainReply) -> None:
        match event:
            case events.QuestionStored(question=question):
                self._place = Place(question.conversation_id or None, question.id or None)
            case events.PartsGrew(growth=growth):
                told.parts(growth)
            case events.ReadingHalted(num_kept=num_kept, total=total):
                told.drop()
                self._say("Notice", f"stopped; {num_kept:,} of {total:,} parts are read. {GO_ON}")
            case events.LinesLeftOut(not_read=not_read):
                for text in not_read_lines([not_read]):
                    self._say("Notice", text.strip())
            case ContextExceeded():
                self._choose(event)

    def _choose(self, event: ContextExceeded) -> None:
        """Do what takes least away, and say so: there is no dialog here."""
        self._say("Notice", overflow_text(event.overflow))
        if event.offer:
            self._say("Notice", f"it is read in parts: {offer_text(event.offer)}. Ctrl+C stops it.")
        event.choose("parts" if event.offer else "drop" if event.overflow.dropped else "back")

    def _finished(self, event: events.ReplyFinished) -> None:
        reply = event.turn.reply
        if reply.id:
            self._place = Place(reply.conversation_id, reply.id)
        if event.not_saved:
            self._say("Notice", f"not saved: {event.not_saved}")
        if event.turn.finish_reason in {"cancelled", "length", "loop"}:
            ending = {
                "cancelled": "stopped",
                "length": "cut at the limit",
                "loop": "stopped: it went in circles",
            }
            self._say("Notice", ending[event.turn.finish_reason])

    def _told(self, function: Callable[..., None], *args: str) -> None:
        try:
            function(*args)
        except ChattermError as error:
            self._say("Notice", str(error))

    def _found(self, prefix: str) -> str:
        """Return the id that `prefix` stands for, itself where none does: opening it tells why."""
        try:
            return self._parts.store.resolve(prefix)
        except ChattermError:
            return prefix

    def _open(self, conversation_id: str) -> None:
        nodes = self._parts.store.path(conversation_id)
        self._place = Place(conversation_id, nodes[-1].id if nodes else None)
        self._say("Notice", f"conversation: {self._parts.store.summary(conversation_id).title}")
        for node in nodes:
            if node.message.role != "system":
                speaker = "You" if node.message.role == "user" else "Assistant"
                self._say(speaker, node.message.content)

    def _list(self) -> None:
        for one in self._parts.store.conversations(limit=_LISTED):
            self._say("Conversation", f"{one.id[:8]} {sanitize_line(one.title[:200])}")

    def _search(self, words: str) -> None:
        hits = self._parts.store.search(words, limit=_LISTED)
        for hit in hits:
            snippet = "".join(part.text for part in hit.snippet)
            self._say("Found", f"{hit.conversation_id[:8]} {sanitize_line(f'{hit.title[:80]}: {snippet}')}")
        if not hits:
            self._say("Notice", "nothing found")

    def _say(self, speaker: str, text: str) -> None:
        self._out.write(f"{speaker}: {sanitize(text)}\n")
        self._out.flush()


def run_plain(parts: AppParts, out: TextIO, read_line: ReadLine = input) -> int:
    """Chat in plain lines until the user leaves, and return the exit code. Only for the main thread."""
    try:
        with _leaving_on_signals():
            PlainChat(parts, read_line, out).run()
    except _Leave as leaving:
        return leaving.exit_code
    return 0


@contextmanager
def _stopping_on_ctrl_c(cancel: CancelToken) -> Iterator[None]:
    """Stop the reply where Ctrl+C is pressed; leave where it is pressed again and the reply did not stop."""

    def stop(number: int, _frame: FrameType | None) -> None:
        if cancel.is_cancelled:
            raise _Leave(128 + number)
        cancel.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _leaving_on_signals() -> Iterator[None]:
    """Raise _Leave where the process is told to end; only lines are read and written in this thread."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise _Leave(128 + number)

    wanted = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, leave) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
