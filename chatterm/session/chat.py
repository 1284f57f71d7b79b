"""ChatSession runs one turn: it fits the history, keeps the question before anything is generated, streams
the reply and keeps that too, also when it is stopped or fails.
"""

from collections.abc import Generator, Mapping
from contextlib import closing

from chatterm.conversation import FinishReason, Status
from chatterm.engine.base import CancelToken, Engine, Finished, GenerationRequest, TextDelta
from chatterm.session.events import NotSaved, SessionEvent, TurnRequest, TurnStarted
from chatterm.session.history import FittedHistory, fit_history, prompt_limit
from chatterm.session.record import TurnRecord
from chatterm.store import ConversationStore

_STATUS: Mapping[FinishReason, Status] = {
    "end": "complete",
    "stop": "complete",
    "length": "complete",
    "loop": "complete",
    "cancelled": "stopped",
}


class ChatSession:
    """Runs turns of any conversation of one store with one engine. Turns may come from any thread."""

    def __init__(self, engine: Engine, store: ConversationStore) -> None:
        self._engine = engine
        self._store = store

    def fit(self, request: TurnRequest, parent_id: str | None) -> FittedHistory:
        """Return the messages that `send` would give the engine. Raises DoesNotFit."""
        history = [node.message for node in self._store.path_to(parent_id)] if parent_id else []
        limit = prompt_limit(self._engine.describe().context_length, request.sampling.max_tokens)
        return fit_history(history, request.messages, lambda sent: self._engine.count(sent).tokens, limit)

    def send(
        self,
        request: TurnRequest,
        cancel: CancelToken,
        *,
        conversation_id: str | None = None,
        parent_id: str | None = None,
    ) -> Generator[SessionEvent]:
        """Run a turn below `parent_id` (None: at the root) of a conversation (None: a new one).

        Yields TurnStarted, the engine's events, TurnFinished, and NotSaved whenever the store fails. The
        question is kept before the engine is asked. An engine's error is raised after what was said is kept
        as failed; closing the generator early keeps it as stopped. Raises DoesNotFit before anything is kept.
        """
        fitted = self.fit(request, parent_id)
        generation = GenerationRequest(
            messages=fitted.messages,
            prefill=request.prefill,
            sampling=request.sampling,
            num_alternatives=request.num_alternatives,
        )
        card = self._engine.describe()
        record = TurnRecord(self._store, request, card, conversation_id=conversation_id, parent_id=parent_id)
        if error := record.open():
            yield NotSaved(error)
        yield TurnStarted(
            question=record.question, reply=record.reply, num_dropped_turns=fitted.num_dropped_turns
        )
        yield from self._reply(generation, record, cancel)

    def _reply(
        self, generation: GenerationRequest, record: TurnRecord, cancel: CancelToken
    ) -> Generator[SessionEvent]:
        """Stream the reply into the record and out, and close the record whatever happens."""
        try:
            with closing(self._engine.stream([generation], cancel)) as events:
                for event in events:
                    if isinstance(event, TextDelta) and (error := record.add(event)):
                        yield NotSaved(error)
                    yield event
                    if isinstance(event, Finished):
                        record.close(_STATUS[event.reason], event.reason, event.usage)
                        yield record.finished(event.reason, event.usage)
        except GeneratorExit:
            record.close("stopped", "cancelled")
            raise
        except BaseException:
            record.close("failed")
            raise
