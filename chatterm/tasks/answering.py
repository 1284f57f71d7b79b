"""Answers a composed question, whole or in parts: the one way both front ends take."""

from collections.abc import Generator
from dataclasses import replace

from chatterm.engine.base import CancelToken
from chatterm.session import SessionEvent
from chatterm.tasks.checking import TaskEvent, checked
from chatterm.tasks.earlier import earlier_in
from chatterm.tasks.means import Means, Target, TurnKind
from chatterm.tasks.question import Composed
from chatterm.tasks.reading.following import is_kept_whole, meant
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
    target = meant(composed, means, target)
    earlier = earlier_in(means.store, target.parent_id)
    if reading is None:
        return checked(_whole_turn(composed, means, target, cancel), composed, earlier)
    from chatterm.tasks.reading.driver import read_in_parts

    return checked(read_in_parts(composed, reading, means, target, cancel), composed, earlier)


def _whole_turn(
    composed: Composed, means: Means, target: Target, cancel: CancelToken
) -> Generator[SessionEvent]:
    """Return the events of a turn whose documents fit, also where they did not when it was asked."""
    request, session = composed.request, means.session
    if target.kind == "regenerate" and not is_kept_whole(composed, means, target):
        said = tuple(message for message in request.messages if message.role != "system")
        return session.reply_to(replace(request, messages=said), cancel, question_id=target.message_id)
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
