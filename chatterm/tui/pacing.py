"""Merges a turn's events to what a screen can use: about 20 updates a second. Pure; the clock is handed in.

Painting every token of a fast model costs several times the processor time of the same text merged.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chatterm.engine.base import PrefillProgress, TextDelta
from chatterm.session import SessionEvent

INTERVAL_S = 0.05

Clock = Callable[[], float]
"""Seconds that only grow."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The text deltas of an interval, as one."""

    text: str
    num_tokens: int
    """Of the whole reply so far."""
    tokens_per_s: float | None
    """Since the first token; None before there are two."""


class _Merger:
    """Collects deltas, and tells the reply's tokens and speed so far."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._texts: list[str] = []
        self._num_tokens = 0
        self._num_first = 0
        self._first_s: float | None = None

    def add(self, delta: TextDelta) -> None:
        self._texts.append(delta.text)
        self._num_tokens += len(delta.token_ids)
        if self._first_s is None:
            self._first_s, self._num_first = self._clock(), self._num_tokens

    def take(self) -> Growth | None:
        """Return what was added since the last take, None where that is no text."""
        text = "".join(self._texts)
        self._texts.clear()
        return Growth(text, self._num_tokens, self._rate()) if text else None

    def _rate(self) -> float | None:
        num_later = self._num_tokens - self._num_first
        if self._first_s is None or not num_later:
            return None
        return num_later / max(self._clock() - self._first_s, 1e-6)


class _Interval:
    """Says whether an update is due. The first always is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_s: float | None = None

    def is_due(self) -> bool:
        now = self._clock()
        if self._last_s is not None and now - self._last_s < INTERVAL_S:
            return False
        self._last_s = now
        return True


def paced(events: Iterator[SessionEvent], clock: Clock = time.monotonic) -> Iterator[SessionEvent | Growth]:
    """Yield `events`, its text deltas merged into Growths and its prefill progress thinned out.

    Joined, the growths are the whole text, and none comes after the event that followed it. The last progress
    of a prompt always comes. A delta is held until a later event finds it due: at most one interval, where
    the engine does not stall. The caller closes `events`.
    """
    merger, text_interval, prefill_interval = _Merger(clock), _Interval(clock), _Interval(clock)
    for event in events:
        if isinstance(event, TextDelta):
            merger.add(event)
            if text_interval.is_due() and (growth := merger.take()):
                yield growth
        elif isinstance(event, PrefillProgress):
            if event.done >= event.total or prefill_interval.is_due():
                yield event
        else:
            if growth := merger.take():
                yield growth
            yield event
    if growth := merger.take():
        yield growth
