"""Answers a composed question, whole or in parts: the one way both front ends take."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal

from chatterm.engine.base import CancelToken, Engine
from chatterm.session import ChatSession, SessionEvent
from chatterm.store import ConversationStore
from chatterm.tasks.question import Composed

TurnKind = Literal["ask", "edit", "regenerate", "continue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where in the store a turn goes, and what becomes of what is there."""

    kind: TurnKind = "ask"
    conversation_id: str | None = None
    """None begins a conversation."""
    parent_id: str | None = None
    """Of the question."""
    message_id: str = ""
    """The question that is edited or answered again, or the reply that is continued."""


@dataclass(frozen=True, slots=True)
class Means:
    """What answering takes."""

    engine: Engine
    store: ConversationStore
    session: ChatSession
    defaults: dict[str, object] = field(default_factory=dict)
    """The sampling settings of the configuration."""


def whole_turn(
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
