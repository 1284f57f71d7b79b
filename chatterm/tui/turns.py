"""Runs a turn in the background and posts what happens as UI events. It touches no widget.

Its threads are daemons: a stuck engine must not keep the app from leaving, which waits for a turn's end only
so long (leaving.py).
"""

import logging
import threading
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from textual.message import Message

from chatterm.conversation import MessageNode
from chatterm.engine.base import CancelToken, Engine, PrefillProgress
from chatterm.errors import ChattermError, UnknownName
from chatterm.session import (
    ChatSession,
    NotSaved,
    Scored,
    SessionEvent,
    TurnFinished,
    TurnRequest,
    TurnStarted,
)
from chatterm.tui import events
from chatterm.tui.asked_again import draft_of
from chatterm.tui.context_gate import ContextGate
from chatterm.tui.drafts import Draft
from chatterm.tui.engine_slot import EngineSlot, Post
from chatterm.tui.pacing import Growth, paced
from chatterm.tui.parts import AppParts
from chatterm.tui.pump import EventPump

if TYPE_CHECKING:
    from chatterm.tasks import Composed, TaskEvent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the store the next question goes."""

    conversation_id: str | None = None
    leaf_id: str | None = None

    def after(self, reply: MessageNode) -> "Place":
        """Return the place below `reply`, this one where the store refused it."""
        return Place(reply.conversation_id, reply.id) if reply.id else self


TurnKind = Literal["ask", "edit", "regenerate", "continue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPlan:
    """A turn that is to run."""

    draft: Draft
    """What is asked; of a question that is stored, only the settings count."""
    conversation_id: str | None
    """None begins a conversation."""
    parent_id: str | None
    """Of the question."""
    kind: TurnKind = "ask"
    target_id: str | None = None
    """The question that is edited or answered again, or the reply that is continued."""
    beginning: str = ""
    """What the reply that is continued says so far."""
    cancel: CancelToken = field(default_factory=CancelToken)


class TurnRunner:
    """Runs turns with the engine of a slot, once it is open."""

    def __init__(self, parts: AppParts, slot: EngineSlot) -> None:
        self._parts = parts
        self._slot = slot
        self._gate = ContextGate(parts.store, slot, parts.lengthen)

    def start(self, plan: TurnPlan, post: Post) -> None:
        """Run `plan` in a thread. It ends by ReplyFinished, then ReplyChecked, or by ReplyFailed."""
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
        from chatterm.tasks import checked, earlier_in  # opening the app does without

        composed = self._composed(plan, engine, post)
        admitted = self._gate.admit(engine, composed.request, plan.parent_id, plan.cancel, post)
        if admitted is None:
            post(events.ReplyFailed(None))
            return
        engine = admitted
        for notice in composed.notices:
            post(events.TurnNoticed(notice))
        session_events = begun(
            ChatSession(engine, self._parts.store, self._parts.calibrations), composed.request, plan
        )
        earlier = earlier_in(self._parts.store, plan.parent_id)
        for event in paced(EventPump(checked(session_events, composed, earlier)).receive):
            if ui_event := as_ui_event(event):
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


def begun(session: ChatSession, request: TurnRequest, plan: TurnPlan) -> Generator[SessionEvent]:
    """Return the events of the turn that is planned."""
    target = plan.target_id or ""
    match plan.kind:
        case "edit":
            return session.edit(request, plan.cancel, question_id=target)
        case "regenerate":
            return session.regenerate(request, plan.cancel, question_id=target)
        case "continue":
            return session.continue_reply(request, plan.cancel, reply_id=target)
        case "ask":
            return session.send(
                request, plan.cancel, conversation_id=plan.conversation_id, parent_id=plan.parent_id
            )


def as_ui_event(event: "TaskEvent | Growth") -> Message | None:
    """Return what the screen is told of `event`; Finished says nothing that TurnFinished does not."""
    from chatterm.tasks import Checked

    ui_event: Message | None = None
    match event:
        case TurnStarted():
            ui_event = events.ReplyStarted(event)
        case PrefillProgress(done=done, total=total):
            ui_event = events.PrefillAdvanced(done, total)
        case Growth():
            ui_event = events.ReplyGrew(event)
        case NotSaved(error=error):
            ui_event = events.TurnNoticed(f"not saved: {error}")
        case TurnFinished(turn=turn, not_saved=not_saved):
            ui_event = events.ReplyFinished(turn, not_saved)
        case Scored():
            ui_event = events.ReplyScored(event)
        case Checked():
            ui_event = events.ReplyChecked(event)
    return ui_event
