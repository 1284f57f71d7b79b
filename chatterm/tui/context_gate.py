"""ContextGate: asks what is to become of a question that does not fit, before any of it is kept or sent."""

import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from textual.message import Message

from chatterm.engine.base import CancelToken, Engine
from chatterm.errors import ChattermError, DoesNotFit, UsageError
from chatterm.session import ChatSession
from chatterm.tui.context import Overflow, longer_for, overflow_of
from chatterm.tui.engine_slot import EngineSlot, Post
from chatterm.tui.parts import AppParts
from chatterm.tui.parts_offer import PartsOffer, offer_of, offer_text

if TYPE_CHECKING:
    from chatterm.tasks import Composed
    from chatterm.tasks.answering import Means, Target
    from chatterm.tasks.reading.plan import Reading

Choice = Literal["parts", "drop", "longer", "back"]
"""`parts`: read the documents in parts. `drop`: leave the oldest turns out, in this conversation for good."""

_POLL_S = 0.05


@dataclass
class ContextExceeded(Message):
    """A question waits for the user's choice."""

    overflow: Overflow
    can_lengthen: bool
    cancel: CancelToken
    """Once it is cancelled the choice is of no use."""
    offer: PartsOffer | None = None
    """What reading in parts would mean; None: it cannot be."""
    answer: "Future[Choice]" = field(default_factory=Future)

    def choose(self, choice: Choice | None) -> None:
        self.answer.set_result(choice or "back")


@dataclass(frozen=True, slots=True)
class Admitted:
    """How a question is going to be answered."""

    means: "Means"
    reading: "Reading | None" = None
    """How its documents are read in parts; None: it is sent whole."""
    notices: tuple[str, ...] = ()
    """What the user is to know of that, where nothing was asked."""


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What can become of a question."""

    overflow: Overflow | None = None
    """None: nothing has to be asked."""
    reading: "Reading | None" = None
    """How its documents can be read in parts, or are, where nothing has to be asked."""


class ContextGate:
    """Called from turns' threads."""

    def __init__(self, parts: AppParts, slot: EngineSlot) -> None:
        self._parts = parts
        self._slot = slot
        self._dropping: set[str] = set()
        """The conversations whose oldest turns may be left out."""
        self._lock = threading.Lock()

    def admit(
        self, engine: Engine, composed: "Composed", target: "Target", cancel: CancelToken, post: Post
    ) -> Admitted | None:
        """Return how the question is to be answered; None: it goes back to be edited.

        Raises ChattermError, also where a longer context cannot be had: the engine is as it was then.
        """
        while True:
            means = self._means(engine)
            outlook = self._outlook(means, composed, target)
            overflow = outlook.overflow
            if overflow is None:
                return self._in_parts(means, outlook.reading)
            conversation_id = target.conversation_id or ""
            with self._lock:
                is_dropping = overflow.dropped and conversation_id in self._dropping
            if is_dropping:
                return Admitted(means)  # the turn tells what it leaves out
            if overflow.error and not outlook.reading and not (overflow.longer and self._parts.lengthen):
                raise overflow.error
            match self._ask(overflow, outlook.reading, engine, cancel, post):
                case "parts":
                    return Admitted(means, outlook.reading)
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

    def _means(self, engine: Engine) -> "Means":
        from chatterm.tasks.answering import Means  # opening the app does without

        parts = self._parts
        session = ChatSession(engine, parts.store, parts.calibrations)
        return Means(engine, parts.store, session, parts.sampling_defaults(), parts.prompts)

    def _outlook(self, means: "Means", composed: "Composed", target: "Target") -> _Outlook:
        """Choose between whole and in parts, as far as there is nothing to ask. Raises ChattermError."""
        from chatterm.tasks.reading.plan import ReadingWish, choose_reading

        engine, request, question = means.engine, composed.request, composed.question
        reading = None
        with suppress(DoesNotFit):  # then it is told below, with what helps
            reading = choose_reading(composed, means, target)
        if reading:
            by_prompt = question.prompt.header.long.strategy != "fits"
            longer = longer_for(engine, request, [one.text for one in question.documents])
            if by_prompt or not (longer and self._parts.lengthen):
                return _Outlook(None, reading)
        overflow = overflow_of(engine, means.store, request, target.parent_id)
        if overflow and not reading:
            with suppress(DoesNotFit, UsageError):  # then parts are not offered
                reading = choose_reading(composed, means, target, ReadingWish(in_parts=True))
        return _Outlook(overflow, reading)

    def _in_parts(self, means: "Means", reading: "Reading | None") -> Admitted:
        if reading is None:
            return Admitted(means)
        told = offer_text(offer_of(reading, means.engine, means.store))
        return Admitted(means, reading, (f"too long for the context: the model reads {told}",))

    def _ask(
        self,
        overflow: Overflow,
        reading: "Reading | None",
        engine: Engine,
        cancel: CancelToken,
        post: Post,
    ) -> Choice:
        offer = offer_of(reading, engine, self._parts.store) if reading else None
        event = ContextExceeded(overflow, self._parts.lengthen is not None, cancel, offer)
        post(event)
        while not cancel.is_cancelled:
            try:
                return event.answer.result(_POLL_S)
            except TimeoutError:
                continue
        return "back"

    def _reopen(self, length: int, before: int, cancel: CancelToken) -> Engine | None:
        lengthen = self._parts.lengthen
        assert lengthen, "a longer context is offered only where it can be had"
        lengthen(length)
        self._slot.reopen()
        try:
            return self._slot.wait(cancel)
        except ChattermError:
            lengthen(before)
            self._slot.reopen()
            raise
