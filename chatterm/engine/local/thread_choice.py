"""How many threads the next step gets: all there are, or one while other programs keep the machine busy.

Threads that share a step wait for each other some two hundred times in it. On an idle machine that costs
microseconds; where another program holds one of the processors, each time may cost a scheduler's turn:
two threads took 84 ms a step where one took 24, and 8 where nothing else ran. Only trying tells. Knows no
torch: it is given the way to set the number.
"""

import time
from collections import deque
from collections.abc import Callable
from statistics import fmean, median
from typing import TypeVar

_T = TypeVar("_T")

FIRST_TRIAL_S = 0.5
LONGEST_PAUSE_S = 8.0
"""Trials that change nothing come ever more seldom, to this: they then cost some 0.2% of the time."""
TRIAL_STEPS = 2
CALIBRATION_RUNS = 5
MIN_GAIN = 0.8
"""A trial wins when its steps take less than this share of the time."""


class ThreadChoice:
    """Times steps, and now and then tries the other number. For one thread."""

    def __init__(
        self,
        most: int,
        set_threads: Callable[[int], None],
        *,
        is_fixed: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Start with `most`; `is_fixed` leaves it at that."""
        self._set_threads = set_threads
        self._clock = clock
        self._current, self._other = most, 1
        self._is_fixed = is_fixed or most == 1
        self._recent: deque[float] = deque(maxlen=4 * TRIAL_STEPS)
        self._trial: list[float] | None = None
        self._pause_s = FIRST_TRIAL_S
        self._next_trial = clock() + FIRST_TRIAL_S
        set_threads(most)

    def calibrate(self, work: Callable[[], object]) -> None:
        """Choose the first number by a short piece of shared `work`: a prompt comes before any step."""
        if self._is_fixed:
            return
        together = self._median_time(work)
        self._set_threads(self._other)
        if together > self._median_time(work):
            self._current, self._other = self._other, self._current
        self._set_threads(self._current)

    def _median_time(self, work: Callable[[], object]) -> float:
        times = []
        for _ in range(CALIBRATION_RUNS):
            begun = self._clock()
            work()
            times.append(self._clock() - begun)
        return median(times)

    def run(self, step: Callable[[], _T]) -> _T:
        """Return what `step` returns. Its length should be that of the steps before it."""
        if self._is_fixed:
            return step()
        begun = self._clock()
        result = step()
        now = self._clock()
        self._note(now - begun, now)
        return result

    def _note(self, took_s: float, now: float) -> None:
        if self._trial is not None:
            self._trial.append(took_s)
            if len(self._trial) == TRIAL_STEPS:
                self._judge(self._trial, now)
            return
        self._recent.append(took_s)
        if now >= self._next_trial and len(self._recent) >= TRIAL_STEPS:
            self._trial = []
            self._set_threads(self._other)

    def _judge(self, trial: list[float], now: float) -> None:
        if fmean(trial) < MIN_GAIN * fmean(self._recent):
            self._current, self._other = self._other, self._current
            self._recent.clear()
            self._pause_s = FIRST_TRIAL_S
        else:
            self._set_threads(self._current)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._trial = None
        self._next_trial = now + self._pause_s
