"""A turn, whatever happens to it: the question is kept first, the reply with how it ended."""

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.engine.base import (
    CancelToken,
    Finished,
    GenerationRequest,
    SamplingParams,
    StreamEvent,
    TextDelta,
)
from chatterm.engine.echo import EchoEngine
from chatterm.errors import DoesNotFit, GenerationFailed, StoreError
from chatterm.session import ChatSession, NotSaved, SessionEvent, TurnFinished, TurnRequest, TurnStarted
from chatterm.store import ConversationStore, PromptUse
from chatterm.store.driver import sqlite3


def request(text: str, *, system: str = "", **sampling: float) -> TurnRequest:
    messages = [Message("system", system)] if system else []
    return TurnRequest(
        messages=(*messages, Message("user", text)),
        sampling=SamplingParams(**sampling),  # type: ignore[arg-type]  # ints are floats here
        title=text,
        prompt=PromptUse(id="assistant/chat", version=1, sha256="ab"),
    )


def said(events: Sequence[SessionEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def only(events: Sequence[SessionEvent], kind: type[TurnFinished]) -> TurnFinished:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def test_a_turn_is_kept_with_how_it_was_made(store: ConversationStore) -> None:
    session = ChatSession(EchoEngine(), store)
    events = list(session.send(request("one two", system="be brief", seed=7), CancelToken()))
    assert said(events) == "one two"
    finished = only(events, TurnFinished)
    assert finished.not_saved is None
    assert isinstance(events[0], TurnStarted)
    path = store.path(finished.turn.reply.conversation_id)
    assert [(node.message.role, node.message.content) for node in path] == [
        ("system", "be brief"), ("user", "one two"), ("assistant", "one two"),
    ]  # fmt: skip
    assert path[-1] == finished.turn.reply
    assert path[-1].status == "complete"
    detail = store.reply_detail(path[-1].id)
    assert detail is not None
    assert (detail.record.seed, detail.record.engine, detail.finish_reason) == (7, "echo", "end")
    assert detail.record.sampling["top_p"] == SamplingParams().top_p
    assert detail.usage == finished.turn.usage
    assert detail.token_ids == (0, 1)
    assert store.conversations()[0].title == "one two"


def test_a_conversation_goes_on_below_its_last_message(store: ConversationStore) -> None:
    session = ChatSession(EchoEngine(), store)
    first = only(list(session.send(request("one", system="s"), CancelToken())), TurnFinished).turn.reply
    seen: list[GenerationRequest] = []

    class Watching(EchoEngine):
        def stream(
            self, requests: Sequence[GenerationRequest], cancel: CancelToken
        ) -> Generator[StreamEvent]:
            seen.extend(requests)
            yield from super().stream(requests, cancel)

    session = ChatSession(Watching(), store)
    place = {"conversation_id": first.conversation_id, "parent_id": first.id}
    list(session.send(request("two"), CancelToken(), **place))
    roles = [(message.role, message.content) for message in seen[0].messages]
    assert roles == [("system", "s"), ("user", "one"), ("assistant", "one"), ("user", "two")]
    list(session.send(request("other"), CancelToken(), **place))
    assert len(store.children(first.id)) == 2


def test_a_stopped_reply_is_kept_as_far_as_it_came(store: ConversationStore) -> None:
    cancel = CancelToken()
    events: list[SessionEvent] = []
    for event in ChatSession(EchoEngine(), store).send(request("one two three four"), cancel):
        events.append(event)
        if said(events).startswith("one two"):
            cancel.cancel()
    turn = only(events, TurnFinished).turn
    assert turn.finish_reason == "cancelled"
    assert turn.reply.status == "stopped"
    assert turn.reply.message.content == said(events) == "one two "


def test_leaving_early_keeps_what_was_said(store: ConversationStore) -> None:
    events = ChatSession(EchoEngine(), store).send(request("one two three"), CancelToken())
    started = next(event for event in events if isinstance(event, TurnStarted))
    next(event for event in events if isinstance(event, TextDelta))
    events.close()
    node = store.node(started.reply.id)
    assert (node.status, node.message.content) == ("stopped", "one ")


class FailingEngine(EchoEngine):
    """Says one word, then fails."""

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        yield TextDelta(0, 0, "half", (1,))
        raise GenerationFailed("the logits are not numbers")


def test_a_failed_reply_is_kept_as_failed(store: ConversationStore) -> None:
    events: list[SessionEvent] = []
    with pytest.raises(GenerationFailed):
        events.extend(ChatSession(FailingEngine(), store).send(request("one"), CancelToken()))
    (conversation,) = store.conversations()
    question, reply = store.path(conversation.id)
    assert question.message.content == "one"
    assert (reply.status, reply.message.content) == ("failed", "half")


def test_the_question_is_kept_before_the_engine_is_asked(store: ConversationStore) -> None:
    class Asking(EchoEngine):
        def stream(
            self, requests: Sequence[GenerationRequest], cancel: CancelToken
        ) -> Generator[StreamEvent]:
            (conversation,) = store.conversations()
            assert [node.message.content for node in store.path(conversation.id)] == ["kept?", ""]
            yield from super().stream(requests, cancel)

    events = list(ChatSession(Asking(), store).send(request("kept?"), CancelToken()))
    assert said(events) == "kept?"


def test_what_does_not_fit_is_refused_before_anything_is_kept(store: ConversationStore) -> None:
    session = ChatSession(EchoEngine(context_length=20), store)
    with pytest.raises(DoesNotFit):
        list(session.send(request("word " * 30), CancelToken()))
    assert store.conversations() == []


def test_old_turns_that_do_not_fit_are_dropped_and_told(store: ConversationStore) -> None:
    session = ChatSession(EchoEngine(context_length=60), store)
    reply = only(list(session.send(request("a " * 15), CancelToken())), TurnFinished).turn.reply
    place = {"conversation_id": reply.conversation_id, "parent_id": reply.id}
    events = list(session.send(request("b " * 15), CancelToken(), **place))
    assert next(event for event in events if isinstance(event, TurnStarted)).num_dropped_turns == 1


def refuse_messages(path: Path, *, refuse: bool) -> None:
    """Make the database refuse every new message, as a full disk would; or let it take them again."""
    with closing(sqlite3.connect(path)) as other:
        if refuse:
            other.execute(
                "CREATE TRIGGER full BEFORE INSERT ON message BEGIN SELECT RAISE(FAIL, 'full'); END"
            )
        else:
            other.execute("DROP TRIGGER full")


def test_a_store_that_fails_does_not_stop_the_answer(store: ConversationStore, tmp_path: Path) -> None:
    refuse_messages(tmp_path / "chatterm.db", refuse=True)
    events = list(ChatSession(EchoEngine(), store).send(request("one two"), CancelToken()))
    assert said(events) == "one two"
    assert len([event for event in events if isinstance(event, NotSaved)]) == 1
    finished = only(events, TurnFinished)
    assert isinstance(finished.not_saved, StoreError)
    assert finished.turn.reply.message.content == "one two"
    assert finished.turn.reply.id == ""
    assert store.conversations() == []


def test_a_store_that_recovers_keeps_the_turn_after_all(store: ConversationStore, tmp_path: Path) -> None:
    refuse_messages(tmp_path / "chatterm.db", refuse=True)
    events: list[SessionEvent] = []
    for event in ChatSession(EchoEngine(), store).send(request("one two"), CancelToken()):
        events.append(event)
        if isinstance(event, Finished):
            refuse_messages(tmp_path / "chatterm.db", refuse=False)
    assert any(isinstance(event, NotSaved) for event in events)
    finished = only(events, TurnFinished)
    assert finished.not_saved is None
    path = store.path(finished.turn.reply.conversation_id)
    assert [node.message.content for node in path] == ["one two", "one two"]
    assert path[-1].status == "complete"


def test_an_event_comes_for_the_end_of_each_turn(store: ConversationStore) -> None:
    events = list(ChatSession(EchoEngine(), store).send(request("x"), CancelToken()))
    assert [type(event) for event in events[-2:]] == [Finished, TurnFinished]
