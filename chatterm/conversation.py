"""The nouns of a conversation, as frozen values. No I/O, and no knowledge of engines or storage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]

Status = Literal["complete", "streaming", "stopped", "interrupted", "failed"]
"""Of a message. `streaming`: being written. `stopped`: by the user. `interrupted`: its process died."""

FinishReason = Literal["end", "stop", "length", "loop", "cancelled"]
"""`end`: the model's end token. `stop`: a stop string. `length`: the token limit. `cancelled`: stopped.

`loop`: it said the same again and again.
"""

Tier = Literal["tiny", "small", "medium", "large"]
"""By parameters: tiny < 0.5B <= small < 2B <= medium < 5B <= large."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said. It has no id: it is a value."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one reply cost."""

    input_tokens: int
    """Tokens of the prompt, the cached ones included."""
    cached_tokens: int
    """Tokens of the prompt whose keys and values were already there."""
    output_tokens: int
    prefill_s: float
    """Seconds from the start of the request to the first token's logits."""
    decode_s: float
    """Seconds from there to the last token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageNode:
    """A message in the tree of its conversation."""

    id: str
    conversation_id: str
    parent_id: str | None
    """None for the root. Editing, regenerating and samples add siblings; nothing is overwritten."""
    message: Message
    status: Status
    created: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A user message and the reply it got."""

    question: MessageNode
    reply: MessageNode
    finish_reason: FinishReason
    usage: Usage


@dataclass(frozen=True, slots=True)
class Document:
    """Text with a name, from standard input or a file. Lines are counted from 1."""

    name: str
    text: str
    num_bytes: int
    """As read, before decoding."""
    notices: tuple[str, ...] = ()
    """What reading it had to change, e.g. bytes that could not be decoded."""

    @classmethod
    def of_text(cls, name: str, text: str) -> "Document":
        """Return a text that was not read from anywhere; its bytes are those of UTF-8."""
        return cls(name, text, len(text.encode(errors="replace")))

    @property
    def num_lines(self) -> int:
        return self.text.count("\n") + (not self.text.endswith("\n") and bool(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What the layers above the engine may know of a model."""

    name: str
    """As shown to people: a catalogue name or a file name."""
    identity: str
    """Names exactly these weights; stored with every reply."""
    context_length: int
    """In tokens, as the engine was opened."""
    num_parameters: int | None
    """None where the engine cannot know it."""
    longest_context: int | None = None
    """What the model was trained for, in tokens; None where the engine cannot know it."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes the model is known to cover; empty where nothing is known."""
    has_system_role: bool = True
    """False: the engine folds a system message into the first user message."""
    has_chat_template: bool = True
    """False: a base model, prompted by plain completion."""
    can_constrain: bool = True
    """False: a reply cannot be held to a schema or to choices."""
    can_score: bool = True
    """False: the engine cannot see how likely a label is."""
    engine: str = "local"
    """Which engine runs it, by its name in the registry."""
    device: str = "cpu"
    notes: tuple[str, ...] = ()
    """What people should know of how it runs, e.g. weights that could not stay packed, and their cost."""
    notices: tuple[str, ...] = ()
    """What people must be told before they ask, e.g. that the context is shorter because memory is short."""

    @property
    def tier(self) -> Tier:
        """A model of unknown size counts as large: no warning is better than a wrong one."""
        if self.num_parameters is None or self.num_parameters >= 5e9:
            return "large"
        if self.num_parameters >= 2e9:
            return "medium"
        return "small" if self.num_parameters >= 5e8 else "tiny"


def system_in_force(messages: Sequence[Message]) -> tuple[Message, ...]:
    """`messages` with only the newest system message, standing first (none: as they are)."""
    systems = [message for message in messages if message.role == "system"]
    rest = tuple(message for message in messages if message.role != "system")
    return (systems[-1], *rest) if systems else rest
