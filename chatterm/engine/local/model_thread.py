"""One thread that does all of a model's work, and hands values to whichever thread asked.

Owns the thread and the queue before it. Knows nothing of models. Work is done in the order it came.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from chatterm.engine.base import CancelToken

_T = TypeVar("_T")

_POLL_S = 0.05
"""How often a stream that waits for its turn looks whether it is cancelled."""


class ModelThread:
    """Runs calls and generators, one after the other; any thread may ask."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._pumps: set[_Pump[Any]] = set()  # Any: of whatever each stream yields

    def submit(self, function: Callable[[], _T]) -> "Future[_T]":
        """Start `function` after all that was asked before."""
        return self._executor.submit(function)

    def stream(
        self, make: Callable[[], Generator[_T]], cancel: CancelToken, otherwise: Callable[[], Generator[_T]]
    ) -> Generator[_T]:
        """Run a generator on the thread and yield its values here; its exception is raised here.

        Cancelled before its turn has come, the values are those of `otherwise`. Closing this generator
        closes the other one before its next value. Where the thread is closed, a stream that waits gives
        the values of `otherwise`, and one under way just ends.
        """
        pump = _Pump(make)
        turn = self._executor.submit(pump.run)
        self._pumps.add(pump)
        try:
            while not pump.has_started.wait(_POLL_S):
                if turn.cancelled() or (cancel.is_cancelled and turn.cancel()):
                    yield from otherwise()
                    return
            yield from pump.values()
        finally:
            pump.is_abandoned = True
            self._pumps.discard(pump)

    def close(self) -> None:
        """End the work under way at its next value, drop what waits, and end the thread.

        Harmless when repeated; not to be called on the thread itself.
        """
        for pump in tuple(self._pumps):
            pump.is_abandoned = True
        self._executor.shutdown(wait=True, cancel_futures=True)


class _End:
    """Follows the last value; `error` is what ended the generator."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Pump(Generic[_T]):
    """Moves the values of a generator from the thread that runs it to the one that reads them."""

    def __init__(self, make: Callable[[], Generator[_T]]) -> None:
        self.has_started = threading.Event()
        self.is_abandoned = False
        self._make = make
        self._queue: SimpleQueue[_T | _End] = SimpleQueue()

    def run(self) -> None:
        """On the working thread: pass every value on, until the end or until nobody reads."""
        self.has_started.set()
        error: BaseException | None = None
        try:
            if not self.is_abandoned:
                self._pass_on(self._make())
        except BaseException as caught:  # noqa: BLE001  # raised again in the reader's thread
            error = caught
        self._queue.put(_End(error))

    def values(self) -> Iterator[_T]:
        """On the reading thread: what was passed on, then the exception that ended it, if any."""
        while not isinstance(value := self._queue.get(), _End):
            yield value
        if value.error is not None:
            raise value.error

    def _pass_on(self, values: Generator[_T]) -> None:
        with closing(values):
            for value in values:
                self._queue.put(value)
                if self.is_abandoned:
                    break
