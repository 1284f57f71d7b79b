"""TurnRecord keeps one turn in the store, and goes on without it where the store fails."""

from dataclasses import asdict, replace
from functools import partial

from chatterm.conversation import FinishReason, Message, MessageNode, ModelCard, Status, Turn, Usage
from chatterm.engine.base import TextDelta
from chatterm.errors import StoreError
from chatterm.session.events import TurnFinished, TurnRequest
from chatterm.store import ConversationStore, LogProbabilities, ReplyRecord, ReplyWriter


class TurnRecord:
    """Keeps the question, then the reply as it grows. What could not be kept is tried again at the end."""

    def __init__(
        self,
        store: ConversationStore,
        request: TurnRequest,
        card: ModelCard,
        *,
        conversation_id: str | None,
        parent_id: str | None,
    ) -> None:
        """For a turn below `parent_id` (None: at the root) of a conversation (None: a new one)."""
        self.question = _not_stored(request.question, conversation_id, parent_id)
        self.reply = _not_stored(Message("assistant", ""), conversation_id, None)
        self._begin = partial(
            store.begin_turn,
            [message for message in (request.system, request.question) if message],
            _made_by(request, card),
            conversation_id=conversation_id,
            parent_id=parent_id,
            title=request.title,
        )
        self._store = store
        self._writer: ReplyWriter | None = None
        self._waiting: list[TextDelta] = []
        self._error: StoreError | None = None
        self._is_closed = False

    def open(self) -> StoreError | None:
        """Store the question and begin the reply, both or none; return why that failed."""
        try:
            self.question, self.reply = self._begin()
        except StoreError as error:
            self._error = error
            return error
        self._writer = ReplyWriter(self._store, self.reply)
        self._error = None
        return None

    def add(self, delta: TextDelta) -> StoreError | None:
        """Keep more of the reply; return why the store fails where that is news."""
        if self._writer is None:
            self._waiting.append(delta)
            return None
        self._writer.add(delta.text, delta.token_ids, _log_probabilities(delta))
        was_well, self._error = self._error is None, self._writer.error
        return self._error if was_well else None

    def close(self, status: Status, reason: FinishReason | None = None, usage: Usage | None = None) -> None:
        """End the reply. Only the first call counts."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._writer is None:
            self.open()
        if self._writer is None:
            text = "".join(delta.text for delta in self._waiting)
            self.reply = replace(self.reply, message=Message("assistant", text), status=status)
            return
        for delta in self._waiting:
            self._writer.add(delta.text, delta.token_ids, _log_probabilities(delta))
        self.reply = self._writer.finish(status, reason, usage)
        self._error = self._writer.error

    def finished(self, reason: FinishReason, usage: Usage) -> TurnFinished:
        turn = Turn(question=self.question, reply=self.reply, finish_reason=reason, usage=usage)
        return TurnFinished(turn, self._error)


def _log_probabilities(delta: TextDelta) -> list[LogProbabilities]:
    return [(one.log_probability, one.drawn_log_probability) for one in delta.details]


def _made_by(request: TurnRequest, card: ModelCard) -> ReplyRecord:
    return ReplyRecord(
        model_identity=card.identity,
        model_name=card.name,
        engine=card.engine,
        sampling=asdict(request.sampling),
        seed=request.sampling.seed,
        prompt=request.prompt,
    )


def _not_stored(message: Message, conversation_id: str | None, parent_id: str | None) -> MessageNode:
    """Stands for a message that the store has not taken; its id is empty."""
    return MessageNode(
        id="",
        conversation_id=conversation_id or "",
        parent_id=parent_id,
        message=message,
        status="streaming" if message.role == "assistant" else "complete",
        created="",
    )
