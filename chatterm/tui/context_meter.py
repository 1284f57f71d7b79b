"""ContextMeter: counts in the background what the draft on screen would take, once the typing pauses."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from chatterm.conversation import Document
from chatterm.engine.base import Engine
from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize
from chatterm.session import TurnRequest
from chatterm.tui.chips import MAX_DOCUMENTS
from chatterm.tui.commands import is_command
from chatterm.tui.context import ContextUse, use_of
from chatterm.tui.drafts import Draft
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.parts import AppParts
from chatterm.tui.parts_offer import num_tokens_of

PAUSE_S = 0.25
"""Counting begins when nothing was typed for so long."""


@dataclass
class ContextCounted(Message):
    """What the draft on screen would take, with the conversation above it."""

    use: ContextUse | None
    """None: there is no draft, or its counting waits or failed."""
    error: str | None = None
    is_asked_for: bool = False
    """The user wants to be told."""
    num_tokens: tuple[int, ...] = ()
    """Of each document of the draft, about; nothing where that was not counted."""


def told_of(event: ContextCounted) -> str:
    """Say what was counted, or why it was not."""
    use = event.use
    if use is None:
        return sanitize(event.error or "The model is not open yet: nothing counts the tokens.")
    about = "" if use.is_exact else "about "
    taken = f"The conversation takes {about}{use.whole:,} tokens. "
    if use.asked:
        taken = f"The draft takes {about}{use.asked:,} tokens, with the conversation {use.whole:,}. "
    reply = use.context_length - use.limit
    return (
        f"{taken}{use.limit:,} may be sent: {use.context_length:,} of context, less {reply:,} for the reply."
    )


class ContextMeter:
    """Its methods are for the app's thread; one thread counts at a time."""

    def __init__(self, parts: AppParts, slot: EngineSlot, owner: Widget) -> None:
        """`owner` gets a ContextCounted for each count."""
        self._parts = parts
        self._slot = slot
        self._owner = owner
        self._draft = Draft(text="")
        self._conversation_id: str | None = None
        self._timer: Timer | None = None
        self._is_counting = False
        self._is_stale = False
        """The draft is another than the one that is being counted."""
        self._is_asked_for = False
        self._known: dict[tuple[str, Document], int] = {}
        """The tokens of the draft's documents, by model; only for the thread that counts."""

    def follow(self, draft: Draft, conversation_id: str | None) -> None:
        """Count `draft` once it stays as it is for a while; a slash command is not sent."""
        if is_command(draft.text):
            draft = replace(draft, text="")
        if (draft, conversation_id) == (self._draft, self._conversation_id):
            return
        self._draft, self._conversation_id = draft, conversation_id
        self.recount()

    def recount(self) -> None:
        """Count again: the conversation or the model is another."""
        if self._timer:
            self._timer.stop()
            self._timer = None
        self._is_stale = True
        if self._draft.is_empty:
            self._owner.post_message(ContextCounted(None))
        else:
            self._timer = self._owner.set_timer(PAUSE_S, self._count)

    def tell(self, draft: Draft, conversation_id: str | None) -> None:
        """Count `draft` at once, for someone who asked."""
        self._draft, self._conversation_id = draft, conversation_id
        self._is_asked_for = True
        self._count()

    def _count(self) -> None:
        if self._is_counting:
            self._timer = self._owner.set_timer(PAUSE_S, self._count)
            return
        self._is_counting, self._is_stale = True, False
        work = (self._draft, self._conversation_id, self._is_asked_for)
        self._is_asked_for = False
        threading.Thread(target=self._run, args=work, daemon=True).start()

    def _run(self, draft: Draft, conversation_id: str | None, is_asked_for: bool) -> None:
        """In a thread."""
        try:
            engine, documents = self._slot.engine, draft.documents
            use = self._use(engine, draft, conversation_id) if engine else None
            sizes = self._sizes(engine, documents) if engine and len(documents) <= MAX_DOCUMENTS else ()
            event = ContextCounted(use, is_asked_for=is_asked_for, num_tokens=sizes)
        except ChattermError as error:
            event = ContextCounted(None, str(error), is_asked_for)
        except Exception as error:  # noqa: BLE001  # an engine's fault shows when it is asked; here it is no count
            event = ContextCounted(None, f"it cannot be counted: {type(error).__name__}", is_asked_for)
        self._owner.call_later(self._counted, event)

    def _counted(self, event: ContextCounted) -> None:
        self._is_counting = False
        if event.is_asked_for or not self._is_stale:
            self._owner.post_message(event)

    def _use(self, engine: Engine, draft: Draft, conversation_id: str | None) -> ContextUse:
        store = self._parts.store
        path = store.path(conversation_id) if conversation_id else ()
        if draft.is_empty:
            return use_of(engine, store, TurnRequest(messages=()), path[-1].id if path else None)
        goes_on = any(node.message.role != "system" for node in path)
        if use := self._use_over(engine, draft):
            return use
        composed = self._parts.compose(draft, engine.describe(), goes_on)
        return use_of(engine, store, composed.request, path[-1].id if path else None)

    def _sizes(self, engine: Engine, documents: Sequence[Document]) -> tuple[int, ...]:
        """Return about how many tokens each has, counted once as long as it stays in the draft."""
        model = engine.describe().identity
        keys = [(model, one) for one in documents]
        self._known = {key: self._known.get(key) or num_tokens_of([key[1]], engine) for key in keys}
        return tuple(self._known[key] for key in keys)

    def _use_over(self, engine: Engine, draft: Draft) -> ContextUse | None:
        """Say about what a draft takes whose documents alone are too long: counting all would take long."""
        from chatterm.tasks.reading.budget import surely_over

        length = engine.describe().context_length
        if not surely_over(engine, [one.text for one in draft.documents], length):
            return None
        number = sum(self._sizes(engine, draft.documents))
        return ContextUse(asked=number, whole=number, limit=length, context_length=length, is_exact=False)
