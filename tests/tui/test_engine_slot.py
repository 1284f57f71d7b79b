import threading
from collections.abc import Callable

import pytest
from textual.message import Message

from chatterm.engine.base import CancelToken, Engine
from chatterm.engine.echo import EchoEngine
from chatterm.errors import ModelError, ModelNotFound
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.events import EngineFailed, EngineReady


def opening(*outcomes: Engine | Exception) -> Callable[[], Engine]:
    """Give the outcomes one after another."""
    left = list(outcomes)

    def open_engine() -> Engine:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return open_engine


def test_the_engine_is_opened_once_and_its_card_told() -> None:
    told: list[Message] = []
    slot = EngineSlot(opening(EchoEngine()), told.append)
    first = slot.wait(CancelToken())
    assert first is slot.wait(CancelToken())
    assert [event.card.name for event in told if isinstance(event, EngineReady)] == ["echo"]
    assert not slot.is_opening


def test_after_a_failure_the_next_wait_tries_again() -> None:
    told: list[Message] = []
    slot = EngineSlot(opening(ModelNotFound("no such file: m.gguf"), EchoEngine()), told.append)
    with pytest.raises(ModelNotFound, match=r"m\.gguf"):
        slot.wait(CancelToken())
    assert isinstance(slot.wait(CancelToken()), EchoEngine)
    assert [type(event) for event in told] == [EngineFailed, EngineReady]


def test_whatever_a_model_file_provokes_becomes_a_model_error() -> None:
    slot = EngineSlot(opening(ZeroDivisionError("block of 0")), lambda _event: None)
    with pytest.raises(ModelError, match="ZeroDivisionError: block of 0"):
        slot.wait(CancelToken())


def test_a_cancelled_wait_ends_while_the_engine_still_opens() -> None:
    go_on = threading.Event()

    def slow() -> Engine:
        go_on.wait(20)
        return EchoEngine()

    slot = EngineSlot(slow, lambda _event: None)
    cancel = CancelToken()
    threading.Timer(0.1, cancel.cancel).start()
    assert slot.wait(cancel) is None
    assert slot.is_opening
    go_on.set()
    assert slot.wait(CancelToken()) is not None


def test_closing_closes_the_engine_that_is_open_and_only_that() -> None:
    closed: list[str] = []

    class Closing(EchoEngine):
        def close(self) -> None:
            closed.append("closed")

    slot = EngineSlot(opening(Closing()), lambda _event: None)
    slot.close()
    assert not closed
    slot.wait(CancelToken())
    slot.close()
    assert closed == ["closed"]
