"""What is told while documents are read in parts."""

from dataclasses import dataclass
from typing import Literal

from chatterm.conversation import MessageNode
from chatterm.documents.chunks import Chunk

Step = Literal["map", "reduce", "refine"]


@dataclass(frozen=True, slots=True)
class QuestionKept:
    """The question is in the store, before any part is read; TurnStarted comes when its reply begins."""

    question: MessageNode


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsProgress:
    """How far reading in parts is."""

    step: Step
    done: int
    """Parts that are read, those that were kept from an earlier run included."""
    total: int
    num_kept: int = 0
    """Of them, from an earlier run."""
    tokens_per_s: float | None = None
    """Read and written, since reading began; None before there is something to tell it by."""
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """What one part gave."""

    chunk: Chunk
    text: str
    """The model's reply, with its prefill; empty where it failed."""
    failure: str = ""
    """Why there is none."""

    @property
    def is_failed(self) -> bool:
        return bool(self.failure)


@dataclass(frozen=True, slots=True)
class PartRead:
    """A part is done: for `--partials`, and for a screen that shows them."""

    partial: Partial
    number: int
    """From 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRead:
    """Lines that the answer does not rest on, because they failed or were not asked for."""

    places: tuple[str, ...]
    """As people read them: `report.txt, lines 812-840`."""
    num_lines: int
    total_lines: int
    is_failure: bool


@dataclass(frozen=True, slots=True)
class ReadingNotice:
    """What else people should know of how the documents were read."""

    text: str


@dataclass(frozen=True, slots=True)
class ReadingStopped:
    """It was cancelled among the parts: nothing follows, but the end of a reply that had begun already."""

    num_kept: int
    """Parts that the same question finds again."""
    total: int


ReadingEvent = QuestionKept | PartsProgress | PartRead | NotRead | ReadingNotice | ReadingStopped
