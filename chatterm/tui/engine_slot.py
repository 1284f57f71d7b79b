"""EngineSlot: the engine, opened in the background while the user already types.

A daemon thread opens it, so that leaving the app never waits for an import or a file that hangs.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from textual.message import Message

from chatterm.engine.base import CancelToken, Engine
from chatterm.errors import ChattermError, ModelError
from chatterm.tui.events import EngineFailed, EngineReady

logger = logging.getLogger(__name__)

Post = Callable[[Message], object]
"""Hands a UI event to the app; may be called from any thread."""

_POLL_S = 0.05


class EngineSlot:
    """Holds the engine once it is open. Its methods may be called from any thread."""

    def __init__(self, open_engine: Callable[[], Engine], post: Post) -> None:
        """Each opening ends in an EngineReady or an EngineFailed."""
        self._open_engine = open_engine
        self._post = post
        self._lock = threading.Lock()
        self._future: Future[Engine] | None = None

    def open(self) -> "Future[Engine]":
        """Return the engine's future; opening begins where it has not, or where it had failed."""
        with self._lock:
            if self._future is None or (self._future.done() and self._future.exception()):
                return self._begin(None)
            return self._future

    def replace(self, open_engine: Callable[[], Engine]) -> None:
        """Open another engine in place of this one, which is closed before. Not while a turn runs."""
        with self._lock:
            self._open_engine = open_engine
            self._begin(self._future)

    def wait(self, cancel: CancelToken) -> Engine | None:
        """Return the open engine, None where `cancel` was set first. Raises ChattermError."""
        future = self.open()
        while not cancel.is_cancelled:
            try:
                return future.result(_POLL_S)
            except TimeoutError:
                continue
        return None

    @property
    def is_opening(self) -> bool:
        return self._future is not None and not self._future.done()

    def close(self) -> None:
        """Close the engine where it is open."""
        future = self._future
        if future is not None and future.done() and not future.exception():
            future.result().close()

    def _begin(self, before: "Future[Engine] | None") -> "Future[Engine]":
        """Begin an opening, after closing what was open; the lock is held."""
        self._future = future = Future[Engine]()
        threading.Thread(target=self._run, args=(self._open_engine, future, before), daemon=True).start()
        return future

    def _run(
        self, open_engine: Callable[[], Engine], future: "Future[Engine]", before: "Future[Engine] | None"
    ) -> None:
        try:
            if before is not None and not before.exception():
                before.result().close()
            engine = open_engine()
            card = engine.describe()
        except ChattermError as error:
            self._fail(future, error)
        except Exception as error:  # noqa: BLE001  # whatever a model's file provokes, the app lives on
            logger.error("the engine could not be opened: %s", type(error).__name__)
            told = ModelError(f"the engine could not be opened: {type(error).__name__}: {error}")
            told.__cause__ = error
            self._fail(future, told)
        else:
            self._tell(future, EngineReady(card))
            future.set_result(engine)

    def _fail(self, future: "Future[Engine]", error: ChattermError) -> None:
        self._tell(future, EngineFailed(str(error)))
        future.set_exception(error)

    def _tell(self, future: "Future[Engine]", event: Message) -> None:
        """Post how an opening ended, unless another one took its place."""
        if self._future is future:
            self._post(event)
