"""The screen-reader mode: the same conversations as plain labelled lines.

Nothing is drawn twice and nothing moves: each line says who speaks, and a reply is told in whole lines
or sentences.
"""

import queue
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import TextIO

from textual.message import Message

from chatterm.engine.base import CancelToken
from chatterm.errors import ChattermError
from chatterm.sanitize import Sanitizer, sanitize, sanitize_line
from chatterm.tui import events
from chatterm.tui.drafts import Draft
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.leaving import GRACE_S
from chatterm.tui.parts import AppParts
from chatterm.tui.turns import Place, TurnPlan, TurnRunner

HELP = (
    "Write a question and press Enter.",
    "/new begins a conversation. /list tells the last ones. /open ID goes on with one.",
    "/search WORDS finds them in all conversations. /help says this. /quit leaves.",
    "Ctrl+C stops a reply; while nothing is written, Ctrl+C leaves. Control+D leaves too.",
)
_LISTED = 10
_POLL_S = 0.2
_TOLD_EVERY = 2_048
"""So many tokens of a prompt are read between two words about it."""

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
            case _ if text.startswith("/") and not text.startswith("//"):
                self._say("Notice", f"there is no command {name}; /help tells those there are")
            case _ if text or self._pending.documents:
                self._ask(text[1:] if text.startswith("//") else text)
        return True

    def _ask(self, text: str) -> None:
        """Run a turn and tell it. Ctrl+C stops it."""
        draft, self._pending = replace(self._pending, text=text), Draft(text="")
        place = self._place
        plan = TurnPlan(draft=draft, conversation_id=place.conversation_id, parent_id=place.leaf_id)
        threading.Thread(target=self._run_turn, args=(plan,), daemon=True).start()
        told = _Reply(self._out)
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

    def _wait_for_end(self, told: "_Reply") -> None:
        try:
            while self._tell(self._events.get(timeout=GRACE_S), told):
                pass
        except queue.Empty:
            return

    def _tell(self, event: Message, told: "_Reply") -> bool:
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
                for text in (*found.notices, *found.footers):
                    self._say("Notice", text)
            case events.ReplyFailed(error=error):
                told.end()
                self._say("Notice", error or "stopped")
            case events.TurnNoticed(text=text):
                self._say("Notice", text)
            case events.EngineReady(card=card):
                for text in (f"{card.name} is ready", *card.notices):
                    self._say("Notice", text)
        return not isinstance(event, _Over)

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


class _Reply:
    """Tells a reply that grows, in whole lines, or sentences where a line is long."""

    _SENTENCE = re.compile(r".{40,}?[.!?](?= )|.*?[。！？]", re.S)

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._sanitizer = Sanitizer()
        self._waiting = ""
        self._has_begun = False
        self._told_tokens = 0

    def progress(self, done: int, total: int) -> None:
        if done - self._told_tokens >= _TOLD_EVERY and done < total:
            self._told_tokens = done
            self._out.write(f"Notice: {done:,} of {total:,} tokens are read\n")
            self._out.flush()

    def grow(self, text: str) -> None:
        self._waiting += self._sanitizer.feed(text)
        *lines, self._waiting = self._waiting.split("\n")
        for line in lines:
            self._line(line)
        while found := self._SENTENCE.match(self._waiting):
            self._line(found[0])
            self._waiting = self._waiting[found.end() :].lstrip(" ")

    def end(self) -> None:
        if self._waiting or not self._has_begun:
            self._line(self._waiting)
        self._waiting = ""

    def _line(self, line: str) -> None:
        label = "" if self._has_begun else "Assistant: "
        self._has_begun = True
        self._out.write(f"{label}{line}\n")
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
