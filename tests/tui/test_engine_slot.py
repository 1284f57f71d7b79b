import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.message import Message

from chatterm.engine.base import CancelToken, Engine
from chatterm.engine.echo import EchoEngine
from chatterm.engine.hosted import HostedEngine, open_hosted
from chatterm.engine.registry import EchoModel, EngineOptions
from chatterm.errors import ModelError, ModelNotFound
from chatterm.models.discovery import ModelFile
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.events import EngineFailed, EngineOpening, EngineReady


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
    assert slot.engine is first


def test_after_a_failure_the_next_wait_tries_again() -> None:
    told: list[Message] = []
    slot = EngineSlot(opening(ModelNotFound("no such file: m.gguf"), EchoEngine()), told.append)
    with pytest.raises(ModelNotFound, match=r"m\.gguf"):
        slot.wait(CancelToken())
    assert isinstance(slot.wait(CancelToken()), EchoEngine)
    assert [type(event) for event in told] == [EngineOpening, EngineFailed, EngineOpening, EngineReady]


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
    assert slot.engine is None
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


class ClosedEngine(EchoEngine):
    """Remembers that it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def test_replaced_the_old_engine_is_closed_and_the_other_opened() -> None:
    told: list[Message] = []
    old, new = ClosedEngine(), EchoEngine(context_length=5)
    slot = EngineSlot(opening(old), told.append)
    assert slot.wait(CancelToken()) is old
    slot.replace(lambda: new)
    assert slot.wait(CancelToken()) is new
    assert old.closed.wait(20)
    cards = [event.card.context_length for event in told if isinstance(event, EngineReady)]
    assert cards == [8192, 5]


def test_replaced_while_it_opens_who_waits_gets_the_other() -> None:
    told: list[Message] = []
    old, new = ClosedEngine(), EchoEngine(context_length=5)
    go_on = threading.Event()

    def slow() -> Engine:
        go_on.wait(20)
        return old

    slot = EngineSlot(slow, told.append)
    threading.Timer(0.1, slot.replace, [lambda: new]).start()
    assert slot.wait(CancelToken()) is new
    go_on.set()
    assert old.closed.wait(20)
    assert [event.card.context_length for event in told if isinstance(event, EngineReady)] == [5]


def hosted(home: Path) -> Callable[[], HostedEngine]:
    return lambda: open_hosted(EchoModel(), EngineOptions(cache=home))


def test_an_engine_that_is_lost_is_told_once_and_opened_again_for_the_next_question(home: Path) -> None:
    told: queue.Queue[Message] = queue.Queue()
    slot = EngineSlot(hosted(home), told.put)
    first = slot.wait(CancelToken())
    assert isinstance(first, HostedEngine)
    assert [type(told.get(timeout=20)) for _ in range(2)] == [EngineOpening, EngineReady]
    os.kill(first.host_pid, signal.SIGKILL)
    failed = told.get(timeout=20)
    assert isinstance(failed, EngineFailed)
    assert "SIGKILL" in failed.error
    assert not failed.is_told
    second = slot.wait(CancelToken())
    assert isinstance(second, HostedEngine)
    assert second.host_pid != first.host_pid
    slot.close()
    assert not has_process(second.host_pid)
    assert [type(told.get(timeout=20)) for _ in range(2)] == [EngineOpening, EngineReady]
    assert told.empty(), "closing it is no loss"


def test_closed_while_the_model_loads_no_process_stays(home: Path, default_model: Path) -> None:
    engines: list[HostedEngine] = []

    def loading() -> Engine:
        engines.append(open_hosted(ModelFile(default_model, "default"), EngineOptions(cache=home)))
        return engines[0]

    slot = EngineSlot(loading, lambda _event: None)
    slot.open()
    while not engines:
        time.sleep(0.01)
    assert slot.engine is None
    slot.close()
    assert not has_process(engines[0].host_pid)


def has_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
