"""The values that cross the session's seam: what a turn is asked with, and what it tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatterm.conversation import Message, MessageNode, Turn
from chatterm.engine.base import Constraint, SamplingParams, StreamEvent
from chatterm.errors import StoreError
from chatterm.session.scoring import Scored, Scoring
from chatterm.store import PromptUse, TypedQuestion


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """What is new in a turn; the history comes from the store."""

    messages: tuple[Message, ...]
    """A system message where the conversation gets a new one, example turns, and the question last."""
    sampling: SamplingParams = field(default_factory=SamplingParams)
    prefill: str = ""
    num_alternatives: int | None = None
    """How many alternatives of each token to tell and how likely it was; None: nothing of that."""
    prompt: PromptUse | None = None
    """Which prompt template shaped the messages."""
    title: str = ""
    """Of the conversation, where this turn begins one."""
    num_samples: int = 1
    """So many replies to one question, beside one another, from one prefill. At least 1."""
    asked: TypedQuestion | None = None
    """What was typed and attached; None where the question is what was typed."""
    constraint: Constraint | None = None
    """What the whole reply must be, `prefill` included."""
    scoring: Scoring | None = None
    """The reply is the likeliest of these labels; nothing is generated, one sample."""
    kept: Message | None = None
    """What is kept as the question, and read in later turns, where this turn's messages hold parts of a
    document that is too long for them. None: the question itself."""
    stand_ins: Mapping[str, Message] = field(default_factory=dict)
    """What the model reads in place of stored messages, by their ids: of documents that would fill what it
    can read, their names. They stay stored as they are."""

    @property
    def system(self) -> Message | None:
        return next((message for message in self.messages if message.role == "system"), None)

    @property
    def question(self) -> Message:
        """As it is kept."""
        return self.kept or self.messages[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    """The question is kept and the history fits; the reply comes next."""

    question: MessageNode
    replies: tuple[MessageNode, ...]
    """One for each sample, which TextDelta and Finished name by its index here; starting with the prefill.

    The ids are empty where the store refused them."""
    num_dropped_turns: int
    """Oldest turns of the history left out of what the model reads, because all together did not fit."""

    @property
    def reply(self) -> MessageNode:
        """The first, which is the active leaf."""
        return self.replies[0]


@dataclass(frozen=True, slots=True)
class NotSaved:
    """The store refused to keep something; the turn goes on, and keeping it is tried again."""

    error: StoreError


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """A sample of the turn is over, whatever ended it (but an error, which is raised)."""

    turn: Turn
    not_saved: StoreError | None
    """Set where the reply is not in the store after all."""
    sample: int = 0
    """Which; one of these events comes for each."""


SessionEvent = TurnStarted | StreamEvent | Scored | NotSaved | TurnFinished
"""Scored comes before the text of a reply that is a label."""
