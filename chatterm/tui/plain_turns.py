"""PlainTurns: runs turns of the screen-reader mode one at a time, and tells them in lines."""

import queue
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.message import Message

from chatterm.conversation import FinishReason
from chatterm.tui import events
from chatterm.tui.context_gate import ContextExceeded
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.leaving import GRACE_S
from chatterm.tui.parts import AppParts
from chatterm.tui.parts_offer import offer_text
from chatterm.tui.parts_state import not_read_lines
from chatterm.tui.plain_reply import PlainReply, PlainVoice
from chatterm.tui.plain_signals import Leave, stopping_on_ctrl_c
from chatterm.tui.screens.context_dialog import told as overflow_text
from chatterm.tui.turns import Place, TurnPlan, TurnRunner

if TYPE_CHECKING:
    from chatterm.tasks import Checked

GO_ON = "/again goes on."
_POLL_S = 0.2
_ENDINGS: Mapping[FinishReason, str] = {
    "cancelled": "stopped",
    "length": "cut at the limit",
    "loop": "stopped: it went in circles",
}


class _Over(Message):
    """No more events of this turn come."""


class PlainTurns:
    """Turns run in threads of their own; their events are told in the main thread."""

    def __init__(self, parts: AppParts, voice: PlainVoice) -> None:
        self._voice = voice
        self._events: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.slot = EngineSlot(parts.open_engine, self._events.put)
        self._runner = TurnRunner(parts, self.slot)
        self.place = Place()
        """Where the next question goes."""
        self.checked: Checked | None = None
        """What the checks found in the last reply."""

    def run(self, plan: TurnPlan) -> None:
        """Run a turn and tell it. Ctrl+C stops it."""
        threading.Thread(target=self._run, args=(plan,), daemon=True).start()
        reply = PlainReply(self._voice)
        try:
            with stopping_on_ctrl_c(plan.cancel):
                while self._tell(self._next_event(), reply):
                    pass
        except Leave:
            plan.cancel.cancel()
            self._wait_for_end(reply)
            raise

    def _run(self, plan: TurnPlan) -> None:
        self._runner.run(plan, self._events.put)
        self._events.put(_Over())

    def _next_event(self) -> Message:
        while True:
            try:
                # With a limit: a signal that another thread gets does not wake this one.
                return self._events.get(timeout=_POLL_S)
            except queue.Empty:
                continue

    def _wait_for_end(self, reply: PlainReply) -> None:
        try:
            while self._tell(self._events.get(timeout=GRACE_S), reply):
                pass
        except queue.Empty:
            return

    def _tell(self, event: Message, reply: PlainReply) -> bool:
        """Tell what happened; False when the turn is over."""
        match event:
            case events.ReplyStarted(started=started):
                self.place = Place(started.reply.conversation_id or None, started.reply.id or None)
            case events.PrefillAdvanced(done=done, total=total):
                reply.progress(done, total)
            case events.ReplyGrew(growth=growth):
                reply.grow(growth.text)
            case events.ReplyFinished():
                reply.end()
                self._finished(event)
            case events.ReplyChecked(checked=found):
                self.checked = found
                self._voice.notice(*found.notices, *found.footers)
                if found.cited.grounds:
                    self._voice.notice("/sources tells the lines that this rests on")
            case events.ReplyFailed(error=error):
                reply.end()
                self._voice.notice(error or "stopped")
            case events.TurnNoticed(text=text):
                self._voice.notice(text)
            case events.EngineReady(card=card):
                self._voice.notice(f"{card.name} is ready", *card.notices)
            case _:
                self._tell_of_reading(event, reply)
        return not isinstance(event, _Over)

    def _tell_of_reading(self, event: Message, reply: PlainReply) -> None:
        match event:
            case events.QuestionStored(question=question):
                self.place = Place(question.conversation_id or None, question.id or None)
            case events.PartsGrew(growth=growth):
                reply.parts(growth)
            case events.ReadingHalted(num_kept=num_kept, total=total):
                reply.drop()
                self._voice.notice(f"stopped; {num_kept:,} of {total:,} parts are read. {GO_ON}")
            case events.LinesLeftOut(not_read=not_read):
                self._voice.notice(*map(str.strip, not_read_lines([not_read])))
            case ContextExceeded():
                self._choose(event)

    def _choose(self, event: ContextExceeded) -> None:
        """Do what takes least away, and say so: there is no dialog here."""
        self._voice.notice(overflow_text(event.overflow))
        if event.offer:
            self._voice.notice(f"it is read in parts: {offer_text(event.offer)}. Ctrl+C stops it.")
        event.choose("parts" if event.offer else "drop" if event.overflow.dropped else "back")

    def _finished(self, event: events.ReplyFinished) -> None:
        self.place = self.place.after(event.turn.reply)
        if event.not_saved:
            self._voice.notice(f"not saved: {event.not_saved}")
        if ending := _ENDINGS.get(event.turn.finish_reason):
            self._voice.notice(ending)
