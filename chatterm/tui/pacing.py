"""Merges a turn's events to what a screen can use: about 20 updates a second. Pure; the clock is handed in.

Painting every token of a fast model costs several times the processor time of the same text merged.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from chatterm.engine.base import PrefillProgress, TextDelta

if TYPE_CHECKING:
    from chatterm.tasks.answering import TaskEvent
    from chatterm.tasks.reading.events import PartRead, PartsProgress

INTERVAL_S = 0.05

Clock = Callable[[], float]
"""Seconds that only grow."""


class Sign(Enum):
    """What a receiver gets in place of an event."""

    SILENCE = "nothing came in the time given"
    OVER = "no more events come"


Receive = Callable[[float | None], "TaskEvent | Sign"]
"""Waits so many seconds for the next event, None: for ever."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The text deltas of an interval, as one."""

    text: str
    num_tokens: int
    """Of the whole reply so far."""
    tokens_per_s: float | None
    """Since the first token; None before there are two."""


@dataclass(frozen=True, slots=True)
class PartsGrowth:
    """What reading in parts told in an interval, as one."""

    read: "tuple[PartRead, ...]"
    progress: "PartsProgress | None"
    """The newest; None where none came."""


class _Parts:
    """Collects what reading in parts tells."""

    def __init__(self) -> None:
        from chatterm.tasks.reading.events import PartRead, PartsProgress  # opening the app does without

        self._kinds = (PartRead, PartsProgress)
        self._read: list[PartRead] = []
        self._progress: PartsProgress | None = None

    def add(self, event: object) -> bool:
        """Return whether `event` is one of these."""
        part, progress = self._kinds
        if isinstance(event, part):
            self._read.append(event)
        elif isinstance(event, progress):
            self._progress = event
        return isinstance(event, self._kinds)

    @property
    def is_empty(self) -> bool:
        return not (self._read or self._progress)

    def take(self) -> Iterator[PartsGrowth]:
        if not self.is_empty:
            yield PartsGrowth(tuple(self._read), self._progress)
            self._read, self._progress = [], None


class _Merger:
    """Collects deltas, and tells the reply's tokens and speed so far."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._text = ""
        self._num_tokens = 0
        self._num_first = 0
        self._first_s: float | None = None

    def add(self, delta: TextDelta) -> None:
        self._text += delta.text
        self._num_tokens += len(delta.token_ids)
        if self._first_s is None:
            self._first_s, self._num_first = self._clock(), self._num_tokens

    @property
    def is_empty(self) -> bool:
        return not self._text

    def take(self) -> Iterator[Growth]:
        """Yield what was added since the last take, nothing where that is no text."""
        if self._text:
            yield Growth(self._text, self._num_tokens, self._rate())
            self._text = ""

    def _rate(self) -> float | None:
        num_later = self._num_tokens - self._num_first
        if self._first_s is None or not num_later:
            return None
        return num_later / max(self._clock() - self._first_s, 1e-6)


class _Interval:
    """Says when an update is due. The first always is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_s = float("-inf")

    def remaining_s(self) -> float:
        return max(self._next_s - self._clock(), 0.0)

    def is_due(self) -> bool:
        """Return whether an update is due; if so the next one is an interval later."""
        if self.remaining_s() > 0:
            return False
        self._next_s = self._clock() + INTERVAL_S
        return True


def paced(receive: Receive, clock: Clock = time.monotonic) -> "Iterator[TaskEvent | Growth | PartsGrowth]":
    """Yield the events received: text deltas merged into Growths, what is told of parts into PartsGrowths,
    prefill progress thinned out.

    Joined, the growths are the whole text, and none comes after the event that followed it. No text waits
    longer than an interval, also where the engine stalls. The last progress of a prompt always comes. Raises
    what `receive` raises, after what came before it.
    """
    merger, parts = _Merger(clock), _Parts()
    growing, reading = _Interval(clock), _Interval(clock)

    def is_empty() -> bool:
        return merger.is_empty and parts.is_empty

    def take() -> Iterator[Growth | PartsGrowth]:
        yield from parts.take()
        yield from merger.take()

    try:
        while (event := receive(None if is_empty() else growing.remaining_s())) is not Sign.OVER:
            if isinstance(event, TextDelta):
                merger.add(event)
            elif isinstance(event, PrefillProgress):
                if event.done >= event.total or reading.is_due():
                    yield event
            elif not isinstance(event, Sign) and not parts.add(event):
                yield from take()
                yield event
            if not is_empty() and growing.is_due():
                yield from take()
    except Exception:
        yield from take()
        raise
    yield from take()
