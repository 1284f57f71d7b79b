"""Answers a composed question, whole or in parts: the one way both front ends take."""

from collections.abc import Generator

from chatterm.engine.base import CancelToken
from chatterm.session import ChatSession, SessionEvent
from chatterm.tasks.checking import TaskEvent, checked
from chatterm.tasks.earlier import earlier_in
from chatterm.tasks.means import Means, Target, TurnKind
from chatterm.tasks.question import Composed
from chatterm.tasks.reading.forms import with_form
from chatterm.tasks.reading.plan import Reading, ReadingWish, choose_reading

__all__ = [
    "Means",
    "Reading",
    "ReadingWish",
    "Target",
    "TaskEvent",
    "TurnKind",
    "answer",
    "choose_reading",
    "with_form",
]


def answer(
    composed: Composed, reading: Reading | None, means: Means, target: Target, cancel: CancelToken
) -> Generator[TaskEvent]:
    """Yield the events of a turn: those of the session, of reading in parts, and what the checks find.

    `reading` is what `choose_reading` says of the same question, means and target.
    """
    composed = with_form(composed, reading)
    earlier = earlier_in(means.store, target.parent_id)
    if reading is None:
        events = _whole_turn(means.session, composed, target, cancel)
        return checked(events, composed, earlier)
    from chatterm.tasks.reading.driver import read_in_parts

    return checked(read_in_parts(composed, reading, means, target, cancel), composed, earlier)


def _whole_turn(
    session: ChatSession, composed: Composed, target: Target, cancel: CancelToken
) -> Generator[SessionEvent]:
    """Return the events of a turn whose documents fit."""
    request = composed.request
    match target.kind:
        case "edit":
            return session.edit(request, cancel, question_id=target.message_id)
        case "regenerate":
            return session.regenerate(request, cancel, question_id=target.message_id)
        case "continue":
            return session.continue_reply(request, cancel, reply_id=target.message_id)
        case "ask":
            return session.send(
                request, cancel, conversation_id=target.conversation_id, parent_id=target.parent_id
            )
