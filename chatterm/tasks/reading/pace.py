"""Pace: how far reading in parts is, how fast it goes, and how long the rest will take."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from chatterm.tasks.reading.events import PartsProgress, Step

_INTERVAL_S = 0.25
"""Progress that is only a rate is told no more often."""


@dataclass(slots=True)
class Pace:
    """Counts one step's work. Parts that were kept from an earlier run cost no time."""

    step: Step
    total: int
    num_kept: int = 0
    clock: Callable[[], float] = time.monotonic
    _done: int = 0
    _num_tokens: int = 0
    _started: float = field(init=False)
    _told: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self._told = self.clock()

    def worked(self, num_tokens: int) -> PartsProgress | None:
        """Count tokens; None where the last progress is too fresh."""
        self._num_tokens += num_tokens
        if self.clock() - self._told < _INTERVAL_S:
            return None
        return self.progress()

    def done(self) -> PartsProgress:
        """Count a part."""
        self._done += 1
        return self.progress()

    def progress(self) -> PartsProgress:
        self._told = self.clock()
        elapsed = self._told - self._started
        num_left = self.total - self.num_kept - self._done
        return PartsProgress(
            step=self.step,
            done=self.num_kept + self._done,
            total=self.total,
            num_kept=self.num_kept,
            tokens_per_s=self._num_tokens / elapsed if elapsed > 0 and self._num_tokens else None,
            seconds_left=elapsed / self._done * num_left if self._done else None,
        )
