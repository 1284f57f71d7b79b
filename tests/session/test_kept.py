"""A question that is kept before what answers it is made: nothing of it is lost, whatever comes between."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.conversation import Message, Usage
from chatterm.engine.base import CancelToken, Finished, StreamEvent, TextDelta
from chatterm.errors import StoreError, UnknownName
from chatterm.session import ChatSession, NotSaved, SessionEvent, TurnFinished, TurnRequest, TurnStarted
from chatterm.store import AttachedFile, ConversationStore, TypedQuestion
from chatterm.store.driver import sqlite3
from tests.session.test_branches import Recording, reply_of, request, told

KEPT = Message("user", "[a.txt: 3 lines]\n\nwhat is it?")


def whole(system: str = "") -> TurnRequest:
    """What is asked of a document: its text in the messages, its name in what is kept."""
    return replace(
        request("[a.txt]\n```\none\ntwo\nthree\n```\n\nwhat is it?", system=system),
        kept=KEPT,
        title="what is it?",
        asked=TypedQuestion(text="what is it?", files=(AttachedFile(name="a.txt", data=b"one\ntwo\nthree"),)),
    )


def written(*words: str, cancel: CancelToken | None = None) -> Generator[StreamEvent]:
    usage = Usage(5, 0, 2, 0.5, 0.5)
    for word in words:
        if cancel and cancel.is_cancelled:
            yield Finished(0, 0, "cancelled", usage)
            return
        yield TextDelta(0, 0, word)
    yield Finished(0, 0, "end", usage)


def refuse(store_path: Path, kind: str) -> None:
    with sqlite3.connect(store_path) as other:
        other.execute(f"CREATE TRIGGER no BEFORE INSERT ON {kind} BEGIN SELECT RAISE(FAIL, 'no room'); END")


def allow(store_path: Path) -> None:
    with sqlite3.connect(store_path) as other:
        other.execute("DROP TRIGGER no")


def finished(events: list[SessionEvent]) -> TurnFinished:
    (found,) = [event for event in events if isinstance(event, TurnFinished)]
    return found


def test_a_kept_question_has_all_that_a_sent_one_has(store: ConversationStore) -> None:
    question = ChatSession(Recording(), store).keep_question(whole("be brief"))
    assert told(store, question) == ["be brief", KEPT.content]
    assert store.conversations()[0].title == "what is it?"
    assert [one.name for one in store.attachments(question.id)] == ["a.txt"]
    asked = store.asked(question.conversation_id)[question.id]
    assert asked.text == "what is it?"
    assert store.path(question.conversation_id)[-1] == question


def test_the_model_reads_the_part_and_the_store_keeps_the_question(store: ConversationStore) -> None:
    engine = Recording("A list.", "More.")
    session = ChatSession(engine, store)
    question = session.keep_question(whole("be brief"))
    part = replace(request("[a.txt > line 1]\none\n\nwhat is it?"), kept=KEPT)
    reply = reply_of(session.reply_to(part, CancelToken(), question_id=question.id))
    assert told(store, reply) == ["be brief", KEPT.content, "A list."]
    assert [one.content for one in engine.requests[0].messages] == ["be brief", part.messages[-1].content]
    follow = session.send(
        request("and?"), CancelToken(), conversation_id=reply.conversation_id, parent_id=reply.id
    )
    reply_of(follow)
    assert [one.content for one in engine.requests[1].messages] == [
        "be brief", KEPT.content, "A list.", "and?",
    ]  # fmt: skip


def test_a_reply_made_elsewhere_is_kept_without_asking_the_model(store: ConversationStore) -> None:
    engine = Recording(context_length=8)  # nothing would fit it
    session = ChatSession(engine, store)
    question = session.keep_question(whole())
    events = list(
        session.reply_to(
            replace(whole(), prefill="- "),
            CancelToken(),
            question_id=question.id,
            written=written("one ", "two"),
        )
    )
    assert isinstance(events[0], TurnStarted)
    turn = finished(events).turn
    assert (turn.reply.message.content, turn.reply.status) == ("one two", "complete")
    assert store.node(turn.reply.id) == turn.reply
    assert engine.requests == []
    assert len(store.children(question.id)) == 1


def test_samples_and_prefill_go_below_the_kept_question(store: ConversationStore) -> None:
    session = ChatSession(Recording("one", "one", "one"), store)
    question = session.keep_question(whole())
    part = replace(request("part", num_samples=3), prefill="- ")
    list(session.reply_to(part, CancelToken(), question_id=question.id))
    assert [node.message.content for node in store.children(question.id)] == ["- one"] * 3


def test_stopped_before_the_reply_begins_the_question_stays(store: ConversationStore) -> None:
    session = ChatSession(Recording(), store)
    question = session.keep_question(whole())
    assert store.path(question.conversation_id)[-1] == question
    cancel = CancelToken()
    cancel.cancel()
    events = session.reply_to(whole(), cancel, question_id=question.id, written=written("one", cancel=cancel))
    reply = reply_of(events)
    assert (reply.status, reply.message.content) == ("stopped", "")


def test_a_writer_that_fails_leaves_what_it_wrote(store: ConversationStore) -> None:
    def fails() -> Generator[StreamEvent]:
        yield TextDelta(0, 0, "half")
        raise ValueError("no more")

    session = ChatSession(Recording(), store)
    question = session.keep_question(whole())
    with pytest.raises(ValueError, match="no more"):
        list(session.reply_to(whole(), CancelToken(), question_id=question.id, written=fails()))
    (reply,) = store.children(question.id)
    assert (reply.status, reply.message.content) == ("failed", "half")


def test_a_question_that_was_refused_comes_with_its_reply(store: ConversationStore, tmp_path: Path) -> None:
    session = ChatSession(Recording(), store)
    refuse(tmp_path / "chatterm.db", "message")
    with pytest.raises(StoreError, match="no room"):
        session.keep_question(whole("be brief"))
    assert store.conversations() == []
    allow(tmp_path / "chatterm.db")
    events = list(session.reply_to(whole("be brief"), CancelToken(), question_id="", written=written("x")))
    turn = finished(events)
    assert turn.not_saved is None
    assert told(store, turn.turn.reply) == ["be brief", KEPT.content, "x"]
    assert [one.name for one in store.attachments(turn.turn.question.id)] == ["a.txt"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_answer_comes_though_the_store_fails(
    store: ConversationStore, tmp_path: Path, *, is_kept: bool
) -> None:
    session = ChatSession(Recording(), store)
    question_id = session.keep_question(whole()).id if is_kept else ""
    refuse(tmp_path / "chatterm.db", "reply")
    answered = session.reply_to(whole(), CancelToken(), question_id=question_id, written=written("a ", "b"))
    events = list(answered)
    assert len([event for event in events if isinstance(event, NotSaved)]) == 1
    end = finished(events)
    assert end.not_saved is not None
    assert end.turn.reply.message.content == "a b"
    assert end.turn.question.message == KEPT
    assert len(store.conversations()) == is_kept


def test_a_reply_to_what_is_not_there_is_refused(store: ConversationStore) -> None:
    session = ChatSession(Recording(), store)
    with pytest.raises(UnknownName):
        list(session.reply_to(whole(), CancelToken(), question_id="nobody"))


def test_a_kept_question_is_answered_again_and_edited_like_any_other(store: ConversationStore) -> None:
    """Answered again through `reply_to`, the replies stand beside one another, below what was kept."""
    session = ChatSession(Recording("first", "second", "third"), store)
    question = session.keep_question(whole("be brief"))
    for _ in range(2):
        list(session.reply_to(request("part"), CancelToken(), question_id=question.id))
    assert [node.message.content for node in store.children(question.id)] == ["first", "second"]
    other, (conversation_id, parent_id) = session.beside(whole("be long"), question.id)
    edited = session.keep_question(other, conversation_id=conversation_id, parent_id=parent_id)
    assert told(store, edited) == ["be long", KEPT.content]
    assert store.alternatives(edited.id) == (question.id, edited.id)
    same, (_, parent_id) = session.beside(whole("be brief"), question.id)
    assert parent_id == question.parent_id
    assert same.system is None
    reply = reply_of(session.regenerate(request("unread"), CancelToken(), question_id=question.id))
    assert told(store, reply) == ["be brief", KEPT.content, "third"]
