"""One thread, many askers: order, errors, cancelling and closing."""

import threading
from collections.abc import Generator

import pytest

from chatterm.engine.base import CancelToken
from chatterm.engine.local.model_thread import ModelThread

DEADLINE_S = 30.0


@pytest.fixture
def thread() -> Generator[ModelThread]:
    thread = ModelThread()
    yield thread
    thread.close()


def none() -> Generator[int]:
    yield from ()


def test_values_come_in_order_from_the_one_thread(thread: ModelThread) -> None:
    names: set[str] = set()

    def work() -> Generator[int]:
        names.add(threading.current_thread().name)
        yield from range(100)

    for _ in range(3):
        assert list(thread.stream(work, CancelToken(), none)) == list(range(100))
    assert len(names) == 1
    assert threading.current_thread().name not in names


def test_an_error_comes_after_the_values_before_it(thread: ModelThread) -> None:
    def work() -> Generator[int]:
        yield 1
        raise LookupError("gone")

    stream = thread.stream(work, CancelToken(), none)
    assert next(stream) == 1
    with pytest.raises(LookupError, match="gone"):
        next(stream)
    assert thread.submit(lambda: 5).result(DEADLINE_S) == 5


def test_closing_ends_the_work_and_runs_its_clean_up(thread: ModelThread) -> None:
    was_closed = threading.Event()
    goes_on = threading.Event()

    def work() -> Generator[int]:
        try:
            for number in range(1_000_000):
                yield number
                goes_on.wait(DEADLINE_S)
        finally:
            was_closed.set()

    stream = thread.stream(work, CancelToken(), none)
    next(stream)
    stream.close()
    goes_on.set()
    assert was_closed.wait(DEADLINE_S)


def test_cancelled_while_it_waits_for_its_turn(thread: ModelThread) -> None:
    goes_on = threading.Event()
    busy = thread.submit(lambda: goes_on.wait(DEADLINE_S))
    cancel = CancelToken()

    def otherwise() -> Generator[int]:
        yield -1

    def work() -> Generator[int]:
        yield 1

    stream = thread.stream(work, cancel, otherwise)
    threading.Timer(0.05, cancel.cancel).start()
    assert list(stream) == [-1]
    assert not busy.done()
    goes_on.set()


def test_a_second_stream_waits_for_the_first(thread: ModelThread) -> None:
    first = thread.stream(lambda: (n for n in range(3)), CancelToken(), none)
    second = thread.stream(lambda: (n for n in range(10, 13)), CancelToken(), none)
    assert next(first) == 0
    assert list(second) == [10, 11, 12]
    assert list(first) == [1, 2]


def test_closing_the_thread_ends_every_stream() -> None:
    thread = ModelThread()
    found: list[list[int]] = [[], []]

    def endless() -> Generator[int]:
        while True:
            yield 1

    def otherwise() -> Generator[int]:
        yield -1

    def read(number: int) -> None:
        found[number].extend(thread.stream(endless, CancelToken(), otherwise))

    under_way = thread.stream(endless, CancelToken(), otherwise)
    next(under_way)
    readers = [threading.Thread(target=read, args=(number,)) for number in range(2)]
    for reader in readers:
        reader.start()
        reader.join(0.1)  # it waits for its turn, which does not come
        assert reader.is_alive()
    thread.close()
    for reader in readers:
        reader.join(DEADLINE_S)
    assert found == [[-1], [-1]]
    assert set(under_way) == {1}


def test_closed_twice_it_stays_closed() -> None:
    thread = ModelThread()
    thread.close()
    thread.close()
    with pytest.raises(RuntimeError):
        thread.submit(lambda: None)
