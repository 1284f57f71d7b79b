"""The UI events: Textual messages that threads and widgets post. They carry values only.

Textual calls these messages; here a message is always one of a conversation.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual.message import Message

from chatterm.conversation import MessageNode, ModelCard, Turn
from chatterm.errors import StoreError
from chatterm.session import Scored, TurnStarted
from chatterm.tui.drafts import Draft
from chatterm.tui.pacing import Growth, PartsGrowth

if TYPE_CHECKING:
    from chatterm.tasks import Checked
    from chatterm.tasks.reading.events import NotRead

Phase = Literal["idle", "waiting", "reading", "writing", "stopping"]
"""Of the turn: `waiting` for the engine, `reading` the prompt."""


@dataclass
class QuestionAsked(Message):
    """What the composer holds is to be sent."""

    draft: Draft


@dataclass
class ConversationChosen(Message):
    """A conversation was picked from the list."""

    conversation_id: str


@dataclass
class ConversationWanted(Message):
    """A conversation is to be shown, None for a new one."""

    conversation_id: str | None


@dataclass
class EngineReady(Message):
    """The engine is open."""

    card: ModelCard


@dataclass
class EngineOpening(Message):
    """The engine is being opened, in the background."""


@dataclass
class EngineFailed(Message):
    """The engine could not be opened, or is lost; the next question tries again."""

    error: str
    is_told: bool = False
    """Whether the turn that was using it tells the same."""


@dataclass
class QuestionStored(Message):
    """The question is kept, and its documents are read in parts before there is a reply."""

    question: MessageNode


@dataclass
class PartsGrew(Message):
    """More parts of the documents are read, merged to about 20 of these a second."""

    growth: PartsGrowth


@dataclass
class LinesLeftOut(Message):
    """What the reply does not rest on."""

    not_read: "NotRead"


@dataclass
class ReadingHalted(Message):
    """Reading in parts was stopped before there was a reply: the turn is over."""

    num_kept: int
    """Parts that need not be read again."""
    total: int


@dataclass
class ReplyStarted(Message):
    """The question is kept and the engine was asked."""

    started: TurnStarted


@dataclass
class PrefillAdvanced(Message):
    """So many of the prompt's tokens are read."""

    done: int
    total: int


@dataclass
class ReplyGrew(Message):
    """More of the reply, merged to about 20 of these a second."""

    growth: Growth


@dataclass
class TurnNoticed(Message):
    """Something the user should know of the turn that runs."""

    text: str


@dataclass
class ReplyFinished(Message):
    """The reply is over: ended, cut or stopped."""

    turn: Turn
    not_saved: StoreError | None


@dataclass
class ReplyScored(Message):
    """How likely each label of a closed answer is; its text comes after."""

    scored: Scored


@dataclass
class ReplyChecked(Message):
    """What the checks found in the reply that finished just before."""

    checked: "Checked"


@dataclass
class ReplyFailed(Message):
    """The turn ended by an error, before or after its first text."""

    error: str | None
    """None where it was stopped while it still waited for the engine; then nothing was kept."""


@dataclass
class NoticeGiven(Message):
    """Something to be told between the messages."""

    text: str


@dataclass
class TurnMoved(Message):
    """The turn that runs, or the conversation on screen, is at another point."""

    phase: Phase
    used_tokens: int | None
    """Of the context; None where it is not known."""
    tokens_per_s: float | None = None
    reading: str = ""
    """How far documents are read in parts; empty where they are not."""


@dataclass
class ConversationMoved(Message):
    """A conversation was begun, added to or opened: the list is to be read again."""

    current_id: str | None


@dataclass
class ConversationsChanged(Message):
    """Conversations were renamed, sorted, deleted or brought back: the list is to be read again."""

    gone: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()


@dataclass
class MessageWanted(Message):
    """A message is to be shown, in its conversation and on the branch that holds it."""

    conversation_id: str
    message_id: str


@dataclass
class LeavingWanted(Message):
    """The app is to keep what it has and leave, ending the process with this exit code."""

    exit_code: int


Verb = Literal[
    "copy",
    "copy_code",
    "edit",
    "regenerate",
    "continue",
    "previous_branch",
    "next_branch",
    "shape",
    "sources",
    "parts",
]


@dataclass
class MessageActed(Message):
    """A key was pressed that does something to the selected message."""

    verb: Verb


@dataclass
class MessageSelected(Message):
    """Another message is selected."""

    message_id: str
    """Empty: none, or one that the store does not have."""
