"""EngineSlot: the engine, opened in the background while the user already types, and again when it is lost.

A daemon thread opens it and then watches it, so that leaving the app never waits for an import or a file
that hangs.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy

from textual.message import Message

from chatterm.engine.base import CancelToken, Engine
from chatterm.engine.hosted import HostedEngine
from chatterm.errors import ChattermError, ModelError
from chatterm.tui.events import EngineFailed, EngineOpening, EngineReady

logger = logging.getLogger(__name__)

Post = Callable[[Message], object]
"""Hands a UI event to the app; may be called from any thread."""

_POLL_S = 0.05


class EngineSlot:
    """Holds the engine once it is open. Its methods may be called from any thread."""

    def __init__(self, open_engine: Callable[[], Engine], post: Post) -> None:
        """Each opening begins with an EngineOpening and ends in an EngineReady or an EngineFailed.

        An EngineFailed also tells of an engine that is lost later.
        """
        self._open_engine = open_engine
        self._posts = [post]
        self._lock = threading.Lock()
        self._opening: Opening | None = None

    def listen(self, post: Post) -> None:
        """Tell `post` too what becomes of the engine, and of one that is open at once."""
        self._posts.append(post)
        if engine := self.engine:
            post(EngineReady(engine.describe()))

    def open(self) -> "Future[Engine]":
        """Return the engine's future; opening begins where it has not, failed, or the engine is lost."""
        return self._current().future

    def wait(self, cancel: CancelToken) -> Engine | None:
        """Return the open engine, None where `cancel` was set first. Raises ChattermError."""
        opening = self._current()
        while not cancel.is_cancelled:
            if opening.is_given_up:
                opening = self._current()
            try:
                return opening.future.result(_POLL_S)
            except TimeoutError:
                continue
            except ChattermError:
                if not opening.is_given_up:
                    raise
        return None

    def replace(self, open_engine: Callable[[], Engine]) -> "Future[Engine]":
        """Close the engine, whatever it is doing, and open another; does not wait for either.

        A reply under way ends as cancelled. Who waits gets the other engine. Lost, that one is opened again.
        """
        with self._lock:
            before, self._opening = self._opening, None
            self._open_engine = open_engine
        if before:
            before.is_given_up = True  # before anything is told of the next
            threading.Thread(target=before.give_up, daemon=True).start()
        return self.open()

    def reopen(self) -> "Future[Engine]":
        """Replace the engine by another that is opened in the same way."""
        return self.replace(self._open_engine)

    @property
    def engine(self) -> Engine | None:
        """The engine, if it is open; opens none."""
        opening = self._opening
        is_open = opening and opening.future.done() and not opening.is_over
        return opening.future.result() if opening and is_open else None

    def close(self) -> None:
        """Close the engine, also one that is only being opened. Nothing is told of it any more."""
        with self._lock:
            opening = self._opening
        if opening:
            opening.give_up()

    def _current(self) -> "Opening":
        with self._lock:
            if self._opening is None or self._opening.is_over:
                self._opening = Opening(self._open_engine, self._post_to_all)
                threading.Thread(target=self._opening.run, daemon=True).start()
            return self._opening

    def _post_to_all(self, event: Message) -> None:
        for post in self._posts:
            post(copy(event))  # a message remembers where it has been


class Opening:
    """One engine, from the wish to have it until it is lost or given up."""

    def __init__(self, open_engine: Callable[[], Engine], post: Post) -> None:
        self.future: Future[Engine] = Future()
        self.is_given_up = False
        self._open_engine = open_engine
        self._post = post
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    @property
    def is_over(self) -> bool:
        """Whether it failed, or the engine it gave cannot be asked any more."""
        if not self.future.done():
            return False
        if self.future.exception():
            return True
        return isinstance(self._engine, HostedEngine) and not self._engine.is_alive

    def give_up(self) -> None:
        """Close the engine as soon as there is one to close."""
        with self._lock:
            self.is_given_up = True
            engine = self._engine
        if engine:
            engine.close()

    def run(self) -> None:
        """In a thread: open the engine, and stay as long as there is something to tell of it."""
        self._tell(EngineOpening())
        try:
            engine = self._opened()
            card = engine.describe()
        except ChattermError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  # whatever a model's file provokes, the app lives on
            logger.error("the engine could not be opened: %s", type(error).__name__)
            told = ModelError(f"the engine could not be opened: {type(error).__name__}: {error}")
            told.__cause__ = error
            self._fail(told)
        else:
            self._tell(EngineReady(card))
            self.future.set_result(engine)
            self._watch(engine)

    def _opened(self) -> Engine:
        """Return the engine, which may still be loading; closed at once where it was given up meanwhile."""
        engine = self._open_engine()
        with self._lock:
            self._engine = engine
        if self.is_given_up:
            engine.close()
        return engine

    def _watch(self, engine: Engine) -> None:
        """Tell of the loss of an engine that can be lost."""
        if isinstance(engine, HostedEngine) and (loss := engine.wait_lost()):
            self._tell(EngineFailed(str(loss), is_told=engine.was_in_use))

    def _fail(self, error: ChattermError) -> None:
        if self._engine:
            self._engine.close()
        self._tell(EngineFailed(str(error)))
        self.future.set_exception(error)

    def _tell(self, event: Message) -> None:
        if not self.is_given_up:
            self._post(event)
