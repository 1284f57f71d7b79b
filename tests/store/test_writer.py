"""ReplyWriter: what is stored of a growing reply, when, and what happens where the store fails."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.errors import StoreError
from chatterm.store import ConversationStore, ReplyWriter
from tests.store.samples import RECORD, USAGE, ask, raw, wait_until

NEVER_S = 3600.0


@pytest.fixture
def impatient(database: Path) -> Iterator[ConversationStore]:
    """A store that hardly waits for a lock."""
    with closing(ConversationStore.open(database, timeout_s=0.02)) as opened:
        yield opened


def content(store: ConversationStore, writer: ReplyWriter) -> str:
    return store.node(writer.node.id).message.content


def keepers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "reply-keeper"]


def test_the_whole_reply_is_stored_at_the_end(store: ConversationStore) -> None:
    question = ask(store)
    writer = ReplyWriter.begin(store, question, RECORD, content="So: ")
    writer.add("a ", [5])
    writer.add("", [6])
    writer.add("claim", [7, 8])
    reply = writer.finish("complete", "end", USAGE)
    assert (reply.message, reply.status) == (Message("assistant", "So: a claim"), "complete")
    assert store.path(question.conversation_id) == (question, reply)
    detail = store.reply_detail(reply.id)
    assert detail is not None
    assert (detail.token_ids, detail.finish_reason, detail.usage) == ((5, 6, 7, 8), "end", USAGE)
    assert writer.error is None


@pytest.mark.parametrize("has_ids", [True, False])
def test_never_do_twenty_tokens_wait(store: ConversationStore, has_ids: bool) -> None:
    node = store.begin_reply(ask(store), RECORD)
    writer = ReplyWriter(store, node, interval_s=NEVER_S)
    for number in range(200):
        writer.add("x", [number] if has_ids else [])
        assert number + 1 - len(content(store, writer)) < 20
    writer.finish("complete", "end")


def test_a_few_tokens_wait_for_more(store: ConversationStore) -> None:
    writer = ReplyWriter(store, store.begin_reply(ask(store), RECORD), interval_s=NEVER_S)
    for _ in range(9):
        writer.add("x")
    assert content(store, writer) == ""
    assert writer.finish("stopped", "cancelled").message.content == "x" * 9


def test_text_is_stored_though_nothing_follows(store: ConversationStore) -> None:
    writer = ReplyWriter(store, store.begin_reply(ask(store), RECORD), interval_s=0.05)
    writer.add("stalled")
    wait_until(lambda: content(store, writer) == "stalled")
    writer.add(" again")
    wait_until(lambda: content(store, writer) == "stalled again")
    writer.finish("complete", "end")


def test_its_thread_ends_with_the_reply_and_when_nothing_comes(store: ConversationStore) -> None:
    writer = ReplyWriter.begin(store, ask(store), RECORD)
    writer.add("a")
    assert len(keepers()) == 1
    wait_until(lambda: not keepers())
    writer.add("b")
    assert len(keepers()) == 1
    writer.finish("complete", "end")
    wait_until(lambda: not keepers())
    assert content(store, writer) == "ab"


def test_a_failing_store_does_not_stop_the_stream_and_is_tried_again(
    impatient: ConversationStore, database: Path
) -> None:
    node = impatient.begin_reply(ask(impatient), RECORD)
    writer = ReplyWriter(impatient, node, interval_s=0.01, retry_s=0.03)
    with raw(database) as rival:
        rival.execute("BEGIN IMMEDIATE")
        for _ in range(300):
            writer.add("x")
        assert isinstance(writer.error, StoreError)
        assert "locked" in str(writer.error)
        assert writer.text == "x" * 300
        assert content(impatient, writer) == ""
        rival.execute("COMMIT")
    wait_until(lambda: writer.error is None)
    assert content(impatient, writer) == "x" * 300
    assert writer.finish("complete", "end") == impatient.node(node.id)


def test_an_end_that_could_not_be_stored_is_tried_again(impatient: ConversationStore, database: Path) -> None:
    writer = ReplyWriter.begin(impatient, ask(impatient), RECORD)
    writer.add("kept")
    with raw(database) as rival:
        rival.execute("BEGIN IMMEDIATE")
        reply = writer.finish("complete", "end", USAGE)
        assert (reply.message.content, reply.status) == ("kept", "complete")
        assert writer.error is not None
        assert impatient.node(reply.id).status == "streaming"
        rival.execute("COMMIT")
    assert writer.finish("complete", "end", USAGE) == impatient.node(reply.id) == reply
    assert writer.error is None


def test_a_reply_whose_conversation_was_deleted_is_not_stored(
    store: ConversationStore, database: Path
) -> None:
    writer = ReplyWriter.begin(store, ask(store), RECORD)
    writer.add("orphan")
    with raw(database) as other:
        other.execute("PRAGMA foreign_keys = ON")
        other.execute("DELETE FROM conversation")
    assert writer.finish("complete", "end").message.content == "orphan"
    assert "deleted or finished elsewhere" in str(writer.error)


def test_a_store_that_closes_meanwhile_is_an_error_and_no_crash(database: Path) -> None:
    store = ConversationStore.open(database)
    writer = ReplyWriter(store, store.begin_reply(ask(store), RECORD), interval_s=0.01)
    store.close()
    writer.add("late")
    wait_until(lambda: writer.error is not None)
    writer.finish("stopped", "cancelled")
    assert "closed" in str(writer.error)


def test_a_reply_cannot_begin_where_nothing_can_be_stored(
    impatient: ConversationStore, database: Path
) -> None:
    question = ask(impatient)
    with raw(database) as rival:
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            ReplyWriter.begin(impatient, question, RECORD)
    assert impatient.children(question.id) == ()


class SlowStore(ConversationStore):
    """Begins a checkpoint only when it may."""

    may_store = threading.Event()
    is_called = threading.Event()

    def checkpoint(self, reply_id: str, content: str) -> None:
        self.is_called.set()
        assert self.may_store.wait(10)
        super().checkpoint(reply_id, content)


def test_a_checkpoint_that_comes_after_the_end_changes_nothing() -> None:
    with closing(SlowStore.in_memory()) as store:
        writer = ReplyWriter(store, store.begin_reply(ask(store), RECORD), interval_s=0)
        writer.add("half")
        assert store.is_called.wait(10)
        writer.add(", whole")
        writer.finish("complete", "end")
        store.may_store.set()
        wait_until(lambda: not keepers())
        assert (writer.error, content(store, writer)) == (None, "half, whole")


def test_replies_of_several_threads_share_one_store(store: ConversationStore) -> None:
    question = ask(store)
    writers = [ReplyWriter.begin(store, question, RECORD) for _ in range(6)]

    def run(number: int, writer: ReplyWriter) -> None:
        for _ in range(100):
            writer.add(str(number))
        writer.finish("complete", "end")

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = [node.message.content for node in store.children(question.id)]
    assert texts == [str(number) * 100 for number in range(6)]
    assert [writer.error for writer in writers] == [None] * 6
