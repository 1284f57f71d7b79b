"""ChatSession runs one turn: it fits the history, keeps the question before anything is generated, streams
the reply and keeps that too, also when it is stopped or fails.

Editing, regenerating and continuing add siblings: what is finished never changes. A continued reply is
therefore a sibling that begins with the old text. Were the old one to grow instead, a copy of it in an export
or in another window would differ under the same id, later turns would follow a text they never saw, and one
record would have to speak for two models, seeds and usages.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial

from chatterm.conversation import FinishReason, Message, MessageNode, Status
from chatterm.engine.base import CancelToken, Engine, Finished, GenerationRequest, StreamEvent, TextDelta
from chatterm.errors import GenerationFailed, UsageError
from chatterm.session.calibration import CalibrationCache
from chatterm.session.events import NotSaved, SessionEvent, TurnRequest, TurnStarted
from chatterm.session.history import FittedHistory, fit_history, prompt_limit
from chatterm.session.record import Begun, TurnRecord, not_stored
from chatterm.session.scoring import Scored, score_reply
from chatterm.store import ConversationStore, ReplyRecord

_STATUS: Mapping[FinishReason, Status] = {
    "end": "complete",
    "stop": "complete",
    "length": "complete",
    "loop": "complete",
    "cancelled": "stopped",
}

Place = tuple[str | None, str | None]
"""A conversation (None: a new one), and the message below which a question goes (None: at the root)."""


class ChatSession:
    """Runs turns of any conversation of one store with one engine. Turns may come from any thread.

    The generators yield TurnStarted, the engine's events, a TurnFinished for each sample, and NotSaved
    whenever the store fails. The question is kept before the engine is asked. An engine's error is raised
    after what was said is kept as failed; closing a generator early keeps it as stopped. They raise
    DoesNotFit before anything is kept, and UnknownName for a message that is not there.
    """

    def __init__(
        self, engine: Engine, store: ConversationStore, calibrations: CalibrationCache | None = None
    ) -> None:
        """`calibrations` keep what scored replies need beyond one turn; None: nothing is kept."""
        self._engine = engine
        self._store = store
        self._calibrations = calibrations or CalibrationCache()

    def fit(self, request: TurnRequest, parent_id: str | None) -> FittedHistory:
        """Return the messages that `send` would give the engine. Raises DoesNotFit."""
        path = self._store.path_to(parent_id) if parent_id else ()
        history = [request.stand_ins.get(node.id, node.message) for node in path]
        limit = prompt_limit(self._engine.describe().context_length, request.sampling.max_tokens)
        if request.prefill:
            limit -= self._engine.count([Message("user", request.prefill)]).tokens
        return fit_history(history, request.messages, lambda sent: self._engine.count(sent).tokens, limit)

    def send(
        self,
        request: TurnRequest,
        cancel: CancelToken,
        *,
        conversation_id: str | None = None,
        parent_id: str | None = None,
    ) -> Generator[SessionEvent]:
        """Run a turn below `parent_id` (None: at the root) of a conversation (None: a new one)."""
        fitted = self.fit(request, parent_id)
        yield from self._asked(request, fitted, (conversation_id, parent_id), cancel)

    def keep_question(
        self, request: TurnRequest, *, conversation_id: str | None = None, parent_id: str | None = None
    ) -> MessageNode:
        """Store the question alone, for `reply_to`: what answers it takes long to make. Raises StoreError."""
        return self._begin_turn(request, (), (conversation_id, parent_id))[0]

    def reply_to(
        self,
        request: TurnRequest,
        cancel: CancelToken,
        *,
        question_id: str,
        written: Generator[StreamEvent] | None = None,
        conversation_id: str | None = None,
        parent_id: str | None = None,
    ) -> Generator[SessionEvent]:
        """Answer a stored question by `request`, whose messages the model reads in its place.

        `written` is the reply where it was made elsewhere: the model is asked nothing then, and no history
        has to fit. Its first words are its own, and each sample of `request` ends with a Finished.
        `question_id` is empty where the store refused the question: it is tried again with the reply, at
        the place that `send` would take.
        """
        question = self._store.node(question_id) if question_id else None
        if question:
            parent_id = question.parent_id
        if written is None:
            fitted = self.fit(request, parent_id)
        else:
            fitted = FittedHistory(request.messages, 0)
            request = replace(request, prefill="")
        if question:
            yield from self._answered(request, fitted, question, cancel, written)
        else:
            yield from self._asked(request, fitted, (conversation_id, parent_id), cancel, written)

    def edit(self, request: TurnRequest, cancel: CancelToken, *, question_id: str) -> Generator[SessionEvent]:
        """Ask another question in place of a stored one: beside it, below the same message.

        The system message of `request` takes the place of the one above the old question, if there is one.
        """
        request, place = self.beside(request, question_id)
        yield from self.send(request, cancel, conversation_id=place[0], parent_id=place[1])

    def beside(self, request: TurnRequest, question_id: str) -> tuple[TurnRequest, Place]:
        """Return what to keep beside a stored question, and of which conversation, below which message."""
        old = self._store.node(question_id)
        parent = self._store.node(old.parent_id) if old.parent_id else None
        if parent and parent.message.role == "system":
            if parent.message == request.system:
                request = replace(request, messages=_without_system(request.messages))
            else:
                parent = self._last_said(parent)
        return request, (old.conversation_id, parent.id if parent else None)

    def regenerate(
        self, request: TurnRequest, cancel: CancelToken, *, question_id: str
    ) -> Generator[SessionEvent]:
        """Let a stored question be answered again: the replies go beside those it has.

        The model reads the question and the system message as they are stored; `request` says all else.
        """
        question = self._store.node(question_id)
        request = replace(request, messages=(*_without_system(request.messages[:-1]), question.message))
        yield from self._answered(request, self.fit(request, question.parent_id), question, cancel)

    def _asked(
        self,
        request: TurnRequest,
        fitted: FittedHistory,
        place: Place,
        cancel: CancelToken,
        written: Generator[StreamEvent] | None = None,
    ) -> Generator[SessionEvent]:
        """Keep a question with its replies."""
        begin = partial(self._begin_turn, request, self._records(request), place)
        question = not_stored(request.question, *place)
        record = TurnRecord(self._store, begin, (question, _planned(request, question)))
        yield from self._run(request, fitted, record, cancel, written)

    def _answered(
        self,
        request: TurnRequest,
        fitted: FittedHistory,
        question: MessageNode,
        cancel: CancelToken,
        written: Generator[StreamEvent] | None = None,
    ) -> Generator[SessionEvent]:
        """Put replies below a stored question."""
        records = self._records(request)

        def begin() -> tuple[MessageNode, tuple[MessageNode, ...]]:
            return question, self._store.begin_replies(question, records, request.prefill)

        record = TurnRecord(self._store, begin, (question, _planned(request, question)))
        yield from self._run(request, fitted, record, cancel, written)

    def continue_reply(
        self, request: TurnRequest, cancel: CancelToken, *, reply_id: str
    ) -> Generator[SessionEvent]:
        """Let a reply that was interrupted, stopped or cut go on, in a sibling that begins with its text.

        Spaces at its end are left out: a model begins its words with them. Else as `regenerate`.
        """
        reply = self._store.node(reply_id)
        if reply.message.role != "assistant" or reply.parent_id is None:
            raise UsageError(f"message {reply_id} is no reply to a question, so it cannot be continued")
        request = replace(request, prefill=reply.message.content.rstrip(" "), num_samples=1)
        yield from self.regenerate(request, cancel, question_id=reply.parent_id)

    def _run(
        self,
        request: TurnRequest,
        fitted: FittedHistory,
        record: TurnRecord,
        cancel: CancelToken,
        written: Generator[StreamEvent] | None = None,
    ) -> Generator[SessionEvent]:
        """Keep the question, stream the replies, and close the record whatever happens."""
        generation = GenerationRequest(
            messages=fitted.messages,
            prefill=request.prefill,
            sampling=request.sampling,
            num_samples=request.num_samples,
            num_alternatives=request.num_alternatives,
            constraint=request.constraint,
        )
        error = record.open()
        try:
            if error:
                yield NotSaved(error)
            yield TurnStarted(
                question=record.question, replies=record.replies, num_dropped_turns=fitted.num_dropped_turns
            )
            made = written or self._scored(request, fitted, cancel)
            yield from self._replies(made or self._engine.stream([generation], cancel), record)
        except GeneratorExit:
            record.close_all("stopped", "cancelled")
            raise
        except BaseException:
            record.close_all("failed")
            raise

    def _replies(
        self, stream: Generator[StreamEvent | Scored], record: TurnRecord
    ) -> Generator[SessionEvent]:
        """Stream the replies into the record and out."""
        with closing(stream) as events:
            for event in events:
                if isinstance(event, TextDelta) and (error := record.add(event)):
                    yield NotSaved(error)
                yield event
                if isinstance(event, Finished):
                    record.close(event.sample, _STATUS[event.reason], event.reason, event.usage)
                    yield record.finished(event.sample, event.reason, event.usage)
        if not record.is_closed:
            raise GenerationFailed("the engine ended without ending its reply; ask again")

    def _scored(
        self, request: TurnRequest, fitted: FittedHistory, cancel: CancelToken
    ) -> Generator[StreamEvent | Scored] | None:
        """Return the events of a reply that is a label; None where the reply is generated.

        Calibrations of a prompt alone are kept, those within a conversation are not: that is its own.
        """
        if request.scoring is None:
            return None
        is_alone = len(fitted.messages) == len(request.messages)
        calibrations = self._calibrations if is_alone else CalibrationCache()
        return score_reply(self._engine, fitted.messages, request.scoring, cancel, calibrations)

    def _begin_turn(self, request: TurnRequest, records: Sequence[ReplyRecord], place: Place) -> Begun:
        return self._store.begin_turn(
            _kept(request),
            records,
            conversation_id=place[0],
            parent_id=place[1],
            title=request.title,
            asked=request.asked,
            content=request.prefill,
        )

    def _records(self, request: TurnRequest) -> list[ReplyRecord]:
        """Return how the reply of each sample is made. Raises UsageError where there is to be none."""
        if request.num_samples < 1:
            raise UsageError(f"the number of samples must be 1 or more, found {request.num_samples}")
        card = self._engine.describe()
        return [
            ReplyRecord(
                model_identity=card.identity,
                model_name=card.name,
                engine=card.engine,
                sampling=asdict(request.sampling),
                seed=request.sampling.seed,
                sample=sample,
                prompt=request.prompt,
            )
            for sample in range(request.num_samples)
        ]

    def _last_said(self, node: MessageNode | None) -> MessageNode | None:
        """Return the message itself, or the nearest above it that is no system message."""
        while node and node.message.role == "system":
            node = self._store.node(node.parent_id) if node.parent_id else None
        return node


def _kept(request: TurnRequest) -> list[Message]:
    return [message for message in (request.system, request.question) if message]


def _planned(request: TurnRequest, question: MessageNode) -> tuple[MessageNode, ...]:
    """Stand for the replies until the store has them."""
    reply = not_stored(
        Message("assistant", request.prefill), question.conversation_id or None, question.id or None
    )
    return (reply,) * request.num_samples


def _without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(message for message in messages if message.role != "system")
