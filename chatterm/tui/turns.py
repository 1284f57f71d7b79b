"""Runs a turn in the background and posts what happens as UI events. It touches no widget.

Its threads are daemons: a stuck engine must not keep the app from leaving, which waits for a turn's end only
so long (leaving.py).
"""

import logging
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from textual.message import Message

from chatterm.conversation import MessageNode
from chatterm.engine.base import CancelToken, Engine, PrefillProgress
from chatterm.errors import ChattermError, UnknownName
from chatterm.session import NotSaved, Scored, TurnFinished, TurnStarted
from chatterm.tui import events
from chatterm.tui.asked_again import draft_of
from chatterm.tui.context_gate import ContextGate
from chatterm.tui.drafts import Draft
from chatterm.tui.engine_slot import EngineSlot, Post
from chatterm.tui.pacing import Growth, PartsGrowth, paced
from chatterm.tui.parts import AppParts
from chatterm.tui.pump import EventPump

if TYPE_CHECKING:
    from chatterm.tasks import Composed
    from chatterm.tasks.answering import Target, TaskEvent, TurnKind

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the store the next question goes."""

    conversation_id: str | None = None
    leaf_id: str | None = None

    def after(self, reply: MessageNode) -> "Place":
        """Return the place below `reply`, this one where the store refused it."""
        return Place(reply.conversation_id, reply.id) if reply.id else self


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPlan:
    """A turn that is to run."""

    draft: Draft
    """What is asked; of a question that is stored, only the settings count."""
    conversation_id: str | None
    """None begins a conversation."""
    parent_id: str | None
    """Of the question."""
    kind: "TurnKind" = "ask"
    target_id: str | None = None
    """The question that is edited or answered again, or the reply that is continued."""
    beginning: str = ""
    """What the reply that is continued says so far."""
    cancel: CancelToken = field(default_factory=CancelToken)

    @property
    def target(self) -> "Target":
        """Where it goes in the store."""
        from chatterm.tasks.answering import Target  # opening the app does without

        return Target(
            kind=self.kind,
            conversation_id=self.conversation_id,
            parent_id=self.parent_id,
            message_id=self.target_id or "",
        )


class TurnRunner:
    """Runs turns with the engine of a slot, once it is open."""

    def __init__(self, parts: AppParts, slot: EngineSlot) -> None:
        self._parts = parts
        self._slot = slot
        self._gate = ContextGate(parts, slot)

    def start(self, plan: TurnPlan, post: Post) -> None:
        """Run `plan` in a thread. It ends by ReplyChecked, ReplyFailed or ReadingHalted."""
        threading.Thread(target=self.run, args=(plan, post), daemon=True).start()

    def run(self, plan: TurnPlan, post: Post) -> None:
        """Run `plan` in this thread."""
        try:
            engine = self._slot.wait(plan.cancel)
            if engine is None:
                post(events.ReplyFailed(None))
            else:
                self._run(engine, plan, post)
        except ChattermError as error:
            post(events.ReplyFailed(str(error)))
        except Exception as error:  # noqa: BLE001  # a fault of an engine becomes a message; the app lives on
            logger.error("a turn failed: %s", type(error).__name__)
            post(events.ReplyFailed(f"the reply failed unexpectedly: {type(error).__name__}: {error}"))

    def _run(self, engine: Engine, plan: TurnPlan, post: Post) -> None:
        from chatterm.tasks.answering import answer  # opening the app does without

        composed = self._composed(plan, engine, post)
        admitted = self._gate.admit(engine, composed, plan.target, plan.cancel, post)
        if admitted is None:
            post(events.ReplyFailed(None))
            return
        for notice in (*composed.notices, *admitted.notices):
            post(events.TurnNoticed(notice))
        told = answer(composed, admitted.reading, admitted.means, plan.target, plan.cancel)
        has_reply = False
        for event in paced(EventPump(told).receive):
            ui_event = as_ui_event(event)
            has_reply = has_reply or isinstance(ui_event, events.ReplyStarted)
            # A reply that has begun ends by itself, also where not all parts are read.
            if ui_event and not (has_reply and isinstance(ui_event, events.ReadingHalted)):
                post(ui_event)

    def _composed(self, plan: TurnPlan, engine: Engine, post: Post) -> "Composed":
        """Shape what is asked, or was asked: then by its own prompt, as long as there is one."""
        store, card = self._parts.store, engine.describe()
        path = store.path_to(plan.parent_id) if plan.parent_id else ()
        goes_on = any(node.message.role != "system" for node in path)
        if plan.kind in {"ask", "edit"} or plan.target_id is None:
            return self._parts.compose(plan.draft, card, goes_on)
        target = store.node(plan.target_id)
        question_id = target.id if plan.kind == "regenerate" else target.parent_id or ""
        draft = replace(draft_of(store, question_id), settings=plan.draft.settings)
        try:
            return self._parts.compose(draft, card, goes_on)
        except UnknownName:
            if draft.prompt_id is None:
                raise
            post(events.TurnNoticed(f"the prompt {draft.prompt_id} is gone: answered without its settings"))
            plain = Draft(text=target.message.content, settings=draft.settings)
            return self._parts.compose(plain, card, goes_on)


def as_ui_event(event: "TaskEvent | Growth | PartsGrowth") -> Message | None:  # noqa: PLR0911  # a table
    """Return what the screen is told of `event`; Finished says nothing that TurnFinished does not."""
    match event:
        case TurnStarted():
            return events.ReplyStarted(event)
        case PrefillProgress(done=done, total=total):
            return events.PrefillAdvanced(done, total)
        case Growth():
            return events.ReplyGrew(event)
        case PartsGrowth():
            return events.PartsGrew(event)
        case NotSaved(error=error):
            return events.TurnNoticed(f"not saved: {error}")
        case TurnFinished(turn=turn, not_saved=not_saved):
            return events.ReplyFinished(turn, not_saved)
        case Scored():
            return events.ReplyScored(event)
    return _told_of_reading(event)


def _told_of_reading(event: object) -> Message | None:
    from chatterm.tasks import Checked
    from chatterm.tasks.reading.events import NotRead, QuestionKept, ReadingNotice, ReadingStopped

    match event:
        case Checked():
            return events.ReplyChecked(event)
        case QuestionKept(question=question):
            return events.QuestionStored(question)
        case NotRead():
            return events.LinesLeftOut(event)
        case ReadingNotice(text=text):
            return events.TurnNoticed(text)
        case ReadingStopped(num_kept=num_kept, total=total):
            return events.ReadingHalted(num_kept, total)
    return None
