"""Editing, regenerating, continuing and samples: what is kept, where, and what the model reads."""

from collections.abc import Generator, Sequence
from dataclasses import replace

import pytest

from chatterm.conversation import Message, MessageNode
from chatterm.engine.base import (
    CancelToken,
    Finished,
    GenerationRequest,
    SamplingParams,
    StreamEvent,
    TextDelta,
)
from chatterm.engine.echo import EchoEngine
from chatterm.errors import DoesNotFit, GenerationFailed, UsageError
from chatterm.session import ChatSession, SessionEvent, TurnFinished, TurnRequest, TurnStarted
from chatterm.store import ConversationStore


class Recording(EchoEngine):
    """Keeps the requests it gets."""

    def __init__(self, *replies: str, context_length: int = 8192) -> None:
        super().__init__(replies, context_length=context_length)
        self.requests: list[GenerationRequest] = []

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        self.requests += requests
        yield from super().stream(requests, cancel)


def request(text: str, *, system: str = "", max_tokens: int = 100, num_samples: int = 1) -> TurnRequest:
    messages = [Message("system", system)] if system else []
    return TurnRequest(
        messages=(*messages, Message("user", text)),
        sampling=SamplingParams(max_tokens=max_tokens),
        num_samples=num_samples,
    )


def reply_of(events: Generator[SessionEvent]) -> MessageNode:
    (finished,) = [event for event in events if isinstance(event, TurnFinished)]
    return finished.turn.reply


def told(store: ConversationStore, leaf: MessageNode) -> list[str]:
    return [node.message.content for node in store.path_to(leaf.id)]


def test_an_edited_question_stands_beside_the_old_one(store: ConversationStore) -> None:
    engine = Recording("a", "b", "c")
    session = ChatSession(engine, store)
    first = reply_of(session.send(request("one", system="s"), CancelToken()))
    place = {"conversation_id": first.conversation_id, "parent_id": first.id}
    second = reply_of(session.send(request("two"), CancelToken(), **place))
    assert second.parent_id
    third = reply_of(session.edit(request("other"), CancelToken(), question_id=second.parent_id))
    assert told(store, third) == ["s", "one", "a", "other", "c"]
    assert told(store, second) == ["s", "one", "a", "two", "b"]
    assert store.path(first.conversation_id)[-1] == third
    assert [message.content for message in engine.requests[2].messages] == ["s", "one", "a", "other"]


@pytest.mark.parametrize(
    ("system", "path"), [("s", ["s", "other", "b"]), ("t", ["t", "other", "b"]), ("", ["other", "b"])]
)
def test_the_first_question_is_edited_with_its_system_message(
    store: ConversationStore, system: str, path: list[str]
) -> None:
    session = ChatSession(EchoEngine(["a", "b"]), store)
    first = reply_of(session.send(request("one", system="s"), CancelToken()))
    assert first.parent_id
    other = reply_of(
        session.edit(request("other", system=system), CancelToken(), question_id=first.parent_id)
    )
    assert told(store, other) == path
    assert other.parent_id
    assert len(store.conversations()) == 1
    assert store.alternatives(other.parent_id) == (first.parent_id, other.parent_id)


def test_a_regenerated_reply_answers_the_stored_question(store: ConversationStore) -> None:
    engine = Recording("a", "b")
    session = ChatSession(engine, store)
    first = reply_of(session.send(request("one", system="s"), CancelToken()))
    assert first.parent_id
    asked = replace(
        request("composed anew", system="another"),
        messages=(
            Message("system", "another"), Message("user", "example"), Message("assistant", "so"),
            Message("user", "composed anew"),
        ),
    )  # fmt: skip
    again = reply_of(session.regenerate(asked, CancelToken(), question_id=first.parent_id))
    assert told(store, again) == ["s", "one", "b"]
    assert again.parent_id == first.parent_id
    assert store.summary(first.conversation_id).num_messages == 4
    heard = [message.content for message in engine.requests[1].messages]
    assert heard == ["s", "example", "so", "one"]


def test_a_continued_reply_begins_with_the_old_text(store: ConversationStore) -> None:
    engine = Recording("one two three", " three")
    session = ChatSession(engine, store)
    cut = reply_of(session.send(request("count", max_tokens=2), CancelToken()))
    assert cut.message.content == "one two "
    whole = reply_of(session.continue_reply(request("count"), CancelToken(), reply_id=cut.id))
    assert engine.requests[1].prefill == "one two"
    assert told(store, whole) == ["count", "one two three"]
    assert store.node(cut.id) == cut
    assert store.alternatives(cut.id) == (cut.id, whole.id)


def test_a_continued_reply_has_the_old_text_from_its_beginning(store: ConversationStore) -> None:
    """Killed before its first token, it still says what was there."""
    session = ChatSession(EchoEngine(["one two three"]), store)
    cut = reply_of(session.send(request("count", max_tokens=1), CancelToken()))
    events = session.continue_reply(request("count"), CancelToken(), reply_id=cut.id)
    started = next(event for event in events if isinstance(event, TurnStarted))
    assert store.node(started.reply.id).message.content == "one"
    events.close()
    assert store.node(started.reply.id).status == "stopped"


def test_a_question_cannot_be_continued(store: ConversationStore) -> None:
    session = ChatSession(EchoEngine(), store)
    reply = reply_of(session.send(request("one"), CancelToken()))
    assert reply.parent_id
    with pytest.raises(UsageError, match="is no reply"):
        list(session.continue_reply(request("one"), CancelToken(), reply_id=reply.parent_id))


def test_samples_are_kept_beside_one_another(store: ConversationStore) -> None:
    events = list(ChatSession(EchoEngine(["a b"]), store).send(request("q", num_samples=3), CancelToken()))
    started = next(event for event in events if isinstance(event, TurnStarted))
    finished = [event for event in events if isinstance(event, TurnFinished)]
    assert [event.sample for event in finished] == [0, 1, 2]
    replies = [event.turn.reply for event in finished]
    assert [node.id for node in replies] == [node.id for node in started.replies]
    assert list(store.children(started.question.id)) == replies
    assert [node.message.content for node in replies] == ["a b"] * 3
    details = [store.reply_detail(node.id) for node in replies]
    assert [detail.record.sample for detail in details if detail] == [0, 1, 2]
    assert store.path(started.question.conversation_id)[-1] == replies[0]


def test_samples_that_a_failure_cut_are_kept_as_far_as_they_came(store: ConversationStore) -> None:
    class Failing(EchoEngine):
        def stream(
            self, requests: Sequence[GenerationRequest], cancel: CancelToken
        ) -> Generator[StreamEvent]:
            events = super().stream(requests, cancel)
            yield from (event for event in events if not (isinstance(event, Finished) and event.sample))

    with pytest.raises(GenerationFailed, match="without ending its reply"):
        list(ChatSession(Failing(["a b"]), store).send(request("q", num_samples=2), CancelToken()))
    (summary,) = store.conversations()
    replies = store.children(store.path(summary.id)[0].id)
    assert [(node.status, node.message.content) for node in replies] == [
        ("complete", "a b"),
        ("failed", "a b"),
    ]


def test_no_samples_are_refused_before_anything_is_kept(store: ConversationStore) -> None:
    with pytest.raises(UsageError, match="number of samples"):
        list(ChatSession(EchoEngine(), store).send(request("q", num_samples=0), CancelToken()))
    assert store.conversations() == []


def test_what_does_not_fit_with_its_beginning_is_refused_before_anything_is_kept(
    store: ConversationStore,
) -> None:
    session = ChatSession(EchoEngine(["w " * 30], context_length=60), store)
    cut = reply_of(session.send(request("count", max_tokens=30), CancelToken()))
    engine = EchoEngine(context_length=40)
    with pytest.raises(DoesNotFit):
        list(ChatSession(engine, store).continue_reply(request("count"), CancelToken(), reply_id=cut.id))
    assert store.alternatives(cut.id) == (cut.id,)


def test_a_prefill_is_stored_once_however_it_is_cut(store: ConversationStore) -> None:
    class InPieces(EchoEngine):
        def stream(
            self, requests: Sequence[GenerationRequest], cancel: CancelToken
        ) -> Generator[StreamEvent]:
            for event in super().stream(requests, cancel):
                if isinstance(event, TextDelta):
                    yield from (replace(event, text=char, token_ids=()) for char in event.text)
                else:
                    yield event

    session = ChatSession(InPieces(["rest"]), store)
    reply = reply_of(session.send(replace(request("q"), prefill="begun "), CancelToken()))
    assert reply.message.content == "begun rest"
