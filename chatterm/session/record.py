"""TurnRecord keeps one turn in the store, and goes on without it where the store fails."""

from collections.abc import Callable
from dataclasses import replace

from chatterm.conversation import FinishReason, Message, MessageNode, Status, Turn, Usage
from chatterm.engine.base import TextDelta
from chatterm.errors import StoreError
from chatterm.session.events import TurnFinished
from chatterm.store import ConversationStore, LogProbabilities, ReplyWriter

Begun = tuple[MessageNode, tuple[MessageNode, ...]]
"""A question, and a reply to it for each sample."""


class TurnRecord:
    """Keeps the question, then the replies as they grow. What could not be kept is tried again at the end."""

    def __init__(self, store: ConversationStore, begin: Callable[[], Begun], planned: Begun) -> None:
        """`begin` stores what `planned` stands for until then; the replies' texts are their prefill."""
        self._store = store
        self._begin = begin
        self.question, replies = planned
        self._samples = [_SampleRecord(reply) for reply in replies]
        self._error: StoreError | None = None

    @property
    def replies(self) -> tuple[MessageNode, ...]:
        return tuple(sample.reply for sample in self._samples)

    @property
    def is_closed(self) -> bool:
        return all(sample.is_closed for sample in self._samples)

    def open(self) -> StoreError | None:
        """Store the question and begin the replies, all or none; return why that failed."""
        try:
            self.question, replies = self._begin()
        except StoreError as error:
            self._error = error
            return error
        self._error = None
        for sample, reply in zip(self._samples, replies, strict=True):
            sample.begin(ReplyWriter(self._store, reply))
        return None

    def add(self, delta: TextDelta) -> StoreError | None:
        """Keep more of a reply; return why the store fails where that is news."""
        return self._samples[delta.sample].add(delta)

    def close(
        self, sample: int, status: Status, reason: FinishReason | None = None, usage: Usage | None = None
    ) -> None:
        """End a reply. Only the first call counts."""
        if self._samples[sample].is_closed:
            return
        if not self._samples[sample].is_begun:
            self.open()
        self._samples[sample].close(status, reason, usage)

    def close_all(self, status: Status, reason: FinishReason | None = None) -> None:
        """End the replies that are not ended."""
        for sample in range(len(self._samples)):
            self.close(sample, status, reason)

    def finished(self, sample: int, reason: FinishReason, usage: Usage) -> TurnFinished:
        record = self._samples[sample]
        turn = Turn(question=self.question, reply=record.reply, finish_reason=reason, usage=usage)
        return TurnFinished(turn, record.error or self._error, sample)


class _SampleRecord:
    """Keeps one reply, and holds its text while the store has not taken it."""

    def __init__(self, reply: MessageNode) -> None:
        self.reply = reply
        self.error: StoreError | None = None
        self.is_closed = False
        self._writer: ReplyWriter | None = None
        self._waiting: list[TextDelta] = []
        self._num_known = len(reply.message.content)
        """So many characters are still to come of the prefill, with which the stored reply begins."""

    @property
    def is_begun(self) -> bool:
        return self._writer is not None

    def begin(self, writer: ReplyWriter) -> None:
        self.reply, self._writer = writer.node, writer
        for delta in self._waiting:
            writer.add(delta.text, delta.token_ids, _log_probabilities(delta))

    def add(self, delta: TextDelta) -> StoreError | None:
        num_known = min(self._num_known, len(delta.text))
        self._num_known -= num_known
        delta = replace(delta, text=delta.text[num_known:])
        if self._writer is None:
            self._waiting.append(delta)
            return None
        self._writer.add(delta.text, delta.token_ids, _log_probabilities(delta))
        was_well, self.error = self.error is None, self._writer.error
        return self.error if was_well else None

    def close(self, status: Status, reason: FinishReason | None, usage: Usage | None) -> None:
        self.is_closed = True
        if self._writer is None:
            text = self.reply.message.content + "".join(delta.text for delta in self._waiting)
            self.reply = replace(self.reply, message=Message("assistant", text), status=status)
            return
        self.reply = self._writer.finish(status, reason, usage)
        self.error = self._writer.error


def not_stored(message: Message, conversation_id: str | None, parent_id: str | None) -> MessageNode:
    """Stands for a message that the store has not taken; its id is empty."""
    return MessageNode(
        id="",
        conversation_id=conversation_id or "",
        parent_id=parent_id,
        message=message,
        status="streaming" if message.role == "assistant" else "complete",
        created="",
    )


def _log_probabilities(delta: TextDelta) -> list[LogProbabilities]:
    return [(one.log_probability, one.drawn_log_probability) for one in delta.details]
