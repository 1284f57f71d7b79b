"""Runs a turn in the background and posts what happens as UI events. It touches no widget.

Its threads are daemons: a stuck engine must not keep the app from leaving, which waits for a turn's end only
so long (leaving.py).
"""

import logging
import threading
from dataclasses import dataclass, field

from textual.message import Message

from chatterm.engine.base import CancelToken, Engine, PrefillProgress
from chatterm.errors import ChattermError
from chatterm.session import ChatSession, NotSaved, TurnFinished, TurnStarted
from chatterm.tasks import Checked, TaskEvent, checked, earlier_in
from chatterm.tui import events
from chatterm.tui.drafts import Draft
from chatterm.tui.engine_slot import EngineSlot, Post
from chatterm.tui.pacing import Growth, paced
from chatterm.tui.parts import AppParts
from chatterm.tui.pump import EventPump

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPlan:
    """A turn that is to run."""

    draft: Draft
    conversation_id: str | None
    """None begins a conversation."""
    parent_id: str | None
    cancel: CancelToken = field(default_factory=CancelToken)


class TurnRunner:
    """Runs turns with the engine of a slot, once it is open."""

    def __init__(self, parts: AppParts, slot: EngineSlot) -> None:
        self._parts = parts
        self._slot = slot

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
        composed = self._parts.compose(plan.draft, engine.describe(), plan.conversation_id is not None)
        for notice in composed.notices:
            post(events.TurnNoticed(notice))
        session_events = ChatSession(engine, self._parts.store).send(
            composed.request, plan.cancel, conversation_id=plan.conversation_id, parent_id=plan.parent_id
        )
        earlier = earlier_in(self._parts.store, plan.parent_id)
        for event in paced(EventPump(checked(session_events, composed, earlier)).receive):
            if ui_event := as_ui_event(event):
                post(ui_event)


def as_ui_event(event: TaskEvent | Growth) -> Message | None:
    """Return what the screen is told of `event`; Finished says nothing that TurnFinished does not."""
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
        case Checked():
            ui_event = events.ReplyChecked(event)
    return ui_event
