"""What answering takes and where its turn goes. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chatterm.engine.base import Engine
from chatterm.prompts import PromptLibrary
from chatterm.session import ChatSession
from chatterm.store import ConversationStore

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
    defaults: Mapping[str, object] = field(default_factory=dict)
    """The sampling settings of the configuration."""
    library: PromptLibrary | None = None
    """Where the prompt for summaries is, for questions that ask for one without naming a prompt; None: such
    questions are answered from the parts they are about."""
