"""ContextGate: asks what is to become of a question that does not fit, before any of it is kept or sent."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from textual.message import Message

from chatterm.engine.base import CancelToken, Engine
from chatterm.errors import ChattermError
from chatterm.session import TurnRequest
from chatterm.store import ConversationStore
from chatterm.tui.context import Overflow, overflow_of
from chatterm.tui.engine_slot import EngineSlot, Post

Choice = Literal["drop", "longer", "back"]
"""`drop` leaves the oldest turns out, in this conversation from here on."""

_POLL_S = 0.05


@dataclass
class ContextExceeded(Message):
    """A question waits for the user's choice."""

    overflow: Overflow
    can_lengthen: bool
    cancel: CancelToken
    """Once it is cancelled the choice is of no use."""
    answer: "Future[Choice]" = field(default_factory=Future)

    def choose(self, choice: Choice | None) -> None:
        self.answer.set_result(choice or "back")


class ContextGate:
    """Called from turns' threads."""

    def __init__(
        self, store: ConversationStore, slot: EngineSlot, lengthen: Callable[[int], None] | None
    ) -> None:
        """`lengthen` is that of AppParts."""
        self._store = store
        self._slot = slot
        self._lengthen = lengthen
        self._dropping: set[str] = set()
        """The conversations whose oldest turns may be left out."""
        self._lock = threading.Lock()

    def admit(
        self, engine: Engine, request: TurnRequest, parent_id: str | None, cancel: CancelToken, post: Post
    ) -> Engine | None:
        """Return the engine that is to be asked; None: the question goes back to be edited.

        Raises ChattermError, also where a longer context cannot be had: the engine is as it was then.
        """
        while overflow := overflow_of(engine, self._store, request, parent_id):
            conversation_id = self._store.node(parent_id).conversation_id if parent_id else ""
            with self._lock:
                is_dropping = overflow.dropped and conversation_id in self._dropping
            if is_dropping:
                return engine  # the turn tells what it leaves out
            if overflow.error and not (overflow.longer and self._lengthen):
                raise overflow.error
            match self._ask(overflow, cancel, post):
                case "drop":
                    with self._lock:
                        self._dropping.add(conversation_id)
                case "longer" if overflow.longer:
                    reopened = self._reopen(overflow.longer, overflow.use.context_length, cancel)
                    if reopened is None:
                        return None
                    engine = reopened
                case _:
                    return None
        return engine

    def _ask(self, overflow: Overflow, cancel: CancelToken, post: Post) -> Choice:
        event = ContextExceeded(overflow, self._lengthen is not None, cancel)
        post(event)
        while not cancel.is_cancelled:
            try:
                return event.answer.result(_POLL_S)
            except TimeoutError:
                continue
        return "back"

    def _reopen(self, length: int, before: int, cancel: CancelToken) -> Engine | None:
        assert self._lengthen, "a longer context is offered only where it can be had"
        self._lengthen(length)
        self._slot.reopen()
        try:
            return self._slot.wait(cancel)
        except ChattermError:
            self._lengthen(before)
            self._slot.reopen()
            raise
