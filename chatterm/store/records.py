"""The values that cross the store's API, beside those of chatterm.conversation. Frozen, without I/O."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from chatterm.conversation import FinishReason, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptUse:
    """Which prompt template shaped a reply, and with which values."""

    id: str
    version: int
    sha256: str
    """Of the prompt's text, in hex: a version may have been edited in place."""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        return f"{self.id}@{self.version}+{self.sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRecord:
    """How a reply is made; stored when it begins, so that also an interrupted one says where it came from."""

    model_identity: str
    """Names exactly the weights."""
    model_name: str
    """As shown to people."""
    engine: str
    sampling: Mapping[str, object]
    """Every sampling option by name, as JSON can hold it."""
    seed: int
    """0 <= seed < 2**63."""
    sample: int = 0
    """Which of several replies to one request."""
    prompt: PromptUse | None = None


LogProbabilities = tuple[float, float]
"""Of a token, natural: by the model alone, and in what it was drawn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyDetail:
    """What is known of a stored reply beyond its text."""

    message_id: str
    record: ReplyRecord
    token_ids: tuple[int, ...]
    log_probabilities: tuple[LogProbabilities, ...] | None
    """Of each token, where they were asked for."""
    finish_reason: FinishReason | None
    """None while it streams, and for a reply that failed or was interrupted."""
    usage: Usage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """One line in a list of conversations."""

    id: str
    title: str
    created: str
    """ISO 8601, UTC."""
    updated: str
    """When the last message was added or finished; ISO 8601, UTC."""
    num_messages: int
    """In all branches."""
    pinned: bool
    archived: bool
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that belongs to a message; its bytes are asked for by their hash."""

    name: str
    sha256: str
    """Of the bytes, in hex."""
    num_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file that belongs to a message, with its bytes."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedQuestion:
    """What was typed and attached, where a prompt shaped it into what the question says."""

    text: str
    files: tuple[AttachedFile, ...] = ()
    """In the order in which they were attached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSummary:
    """What is stored of how a question was asked."""

    text: str | None
    """As it was typed; None where that is the question itself."""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyEnding:
    """How a stored reply ended and what it cost: what a list of messages tells of it."""

    finish_reason: FinishReason | None
    """None while it streams, and for a reply that failed or was interrupted."""
    usage: Usage | None
    model_name: str
