import threading
from collections.abc import Generator

import pytest

from chatterm.conversation import Usage
from chatterm.engine.base import Finished, TextDelta
from chatterm.session import SessionEvent
from chatterm.tui.pacing import Sign
from chatterm.tui.pump import EventPump

DELTA = TextDelta(0, 0, "a", (0,))
END = Finished(0, 0, "end", Usage(1, 0, 1, 0.1, 0.1))


def test_events_come_in_order_and_then_it_is_over() -> None:
    def events() -> Generator[SessionEvent]:
        yield DELTA
        yield END

    pump = EventPump(events())
    assert [pump.receive(None) for _ in range(3)] == [DELTA, END, Sign.OVER]


def test_silence_is_noticed_while_the_next_event_is_awaited() -> None:
    go_on = threading.Event()

    def events() -> Generator[SessionEvent]:
        yield DELTA
        go_on.wait(60)
        yield END

    pump = EventPump(events())
    assert pump.receive(None) == DELTA
    assert pump.receive(0.01) is Sign.SILENCE
    go_on.set()
    assert pump.receive(None) == END


def test_an_error_is_raised_where_events_are_received() -> None:
    def events() -> Generator[SessionEvent]:
        yield DELTA
        raise ValueError("in the engine")

    pump = EventPump(events())
    assert pump.receive(None) == DELTA
    with pytest.raises(ValueError, match="in the engine"):
        pump.receive(None)
