"""EventPump: a turn's events, iterated in a thread of their own."""

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING

from chatterm.tui.pacing import Sign

if TYPE_CHECKING:
    from chatterm.tasks import TaskEvent


class EventPump:
    """Lets a receiver notice that no event comes, which who iterates a generator cannot.

    The events are iterated to their end, whoever receives them; a CancelToken ends them. The thread is a
    daemon: a stuck engine must not keep the process from ending.
    """

    def __init__(self, events: "Generator[TaskEvent]") -> None:
        self._events = events
        self._queue: queue.SimpleQueue[TaskEvent | Sign | Exception] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def receive(self, timeout_s: float | None) -> "TaskEvent | Sign":
        """Return the next event, or a sign. Raises what the events raised."""
        try:
            received = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return Sign.SILENCE
        if isinstance(received, Exception):
            raise received
        return received

    def _run(self) -> None:
        last: Sign | Exception = Sign.OVER
        try:
            with closing(self._events):
                for event in self._events:
                    self._queue.put(event)
        except Exception as error:  # noqa: BLE001  # raised again where it is received
            last = error
        self._queue.put(last)
