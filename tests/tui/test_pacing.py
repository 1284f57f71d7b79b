from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.conversation import Usage
from chatterm.engine.base import Finished, PrefillProgress, TextDelta
from chatterm.tasks import TaskEvent
from chatterm.tui.pacing import INTERVAL_S, Growth, Sign, paced

END = Finished(0, 0, "end", Usage(1, 0, 1, 0.1, 0.1))


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Script:
    """Receives events that come so many seconds after one another; waiting moves the clock."""

    def __init__(self, timed: Sequence[tuple[float, TaskEvent | Exception]], clock: Clock) -> None:
        self._left = list(timed)
        self._clock = clock

    def __call__(self, timeout_s: float | None) -> TaskEvent | Sign:
        if not self._left:
            return Sign.OVER
        delay, event = self._left[0]
        if timeout_s is not None and delay > timeout_s:
            self._clock.now += timeout_s
            self._left[0] = (delay - timeout_s, event)
            return Sign.SILENCE
        self._clock.now += delay
        del self._left[0]
        if isinstance(event, Exception):
            raise event
        return event


def played(timed: Sequence[tuple[float, TaskEvent | Exception]]) -> list[object]:
    clock = Clock()
    return list(paced(Script(timed, clock), clock))


def delta(text: str, num_tokens: int = 1) -> TextDelta:
    return TextDelta(0, 0, text, tuple(range(num_tokens)))


def growths(shown: Sequence[object]) -> list[Growth]:
    return [event for event in shown if isinstance(event, Growth)]


def test_the_first_text_comes_at_once_and_what_follows_within_the_interval_is_merged() -> None:
    shown = played([(1, delta("a")), (0.01, delta("b")), (0.01, delta("c")), (0.02, delta("d")), (0, END)])
    assert [growth.text for growth in growths(shown)] == ["a", "bcd"]


def test_text_never_waits_longer_than_the_interval_also_where_the_engine_stalls() -> None:
    clock = Clock()
    shown = paced(Script([(1, delta("a")), (0.01, delta("b")), (3600, delta("c"))], clock), clock)
    assert [growth.text for growth in growths([next(shown), next(shown)])] == ["a", "b"]
    assert clock.now == pytest.approx(101 + INTERVAL_S)


def test_an_error_comes_after_the_text_before_it() -> None:
    clock = Clock()
    shown = paced(Script([(1, delta("a")), (0.01, delta("b")), (0.01, ValueError("no"))], clock), clock)
    assert [growth.text for growth in growths([next(shown), next(shown)])] == ["a", "b"]
    with pytest.raises(ValueError, match="no"):
        next(shown)


def test_a_slow_model_is_shown_token_by_token() -> None:
    shown = played([(0.5, delta(text)) for text in "abc"])
    assert [growth.text for growth in growths(shown)] == ["a", "b", "c"]


def test_a_fast_model_makes_about_twenty_updates_a_second() -> None:
    shown = played([(0.001, delta("x")) for _ in range(3000)])
    assert 55 <= len(growths(shown)) <= 61


def test_text_that_waits_comes_before_whatever_event_is_next() -> None:
    shown = played([(1, delta("a")), (0.001, delta("b")), (0.001, END)])
    assert shown[1:] == [Growth("b", 2, growths(shown)[1].tokens_per_s), END]


def test_the_speed_leaves_out_the_wait_for_the_first_token() -> None:
    shown = played([(30, delta("a")), (0.5, delta("b")), (0.5, delta("c"))])
    assert [(one.num_tokens, one.tokens_per_s) for one in growths(shown)] == [(1, None), (2, 2.0), (3, 2.0)]


def test_a_delta_without_whole_characters_makes_no_update_but_its_token_counts() -> None:
    shown = played([(1, delta("")), (1, delta("字", 2)), (0, END)])
    assert [(one.text, one.num_tokens) for one in growths(shown)] == [("字", 3)]


def test_of_prefill_progress_the_first_and_the_last_come_and_the_rest_is_thinned_out() -> None:
    steps = [(0.001, PrefillProgress(0, done, 100)) for done in range(1, 101)]
    shown = [event.done for event in played(steps) if isinstance(event, PrefillProgress)]
    assert shown[0] == 1
    assert shown[-1] == 100
    assert len(shown) <= 4


@given(st.lists(st.tuples(st.floats(0, 3 * INTERVAL_S), st.text(max_size=3))))
def test_joined_the_growths_are_the_whole_text(timed: list[tuple[float, str]]) -> None:
    shown = played([(delay, delta(text)) for delay, text in timed])
    assert "".join(growth.text for growth in growths(shown)) == "".join(text for _, text in timed)
    assert all(growth.text for growth in growths(shown))
