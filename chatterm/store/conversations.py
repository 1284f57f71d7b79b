"""ConversationStore: conversations as trees of messages, in SQLite.

It owns the rows and who may change them: messages are added, never changed, but for a reply by the process
that streams it. It does not know how replies are made, nor how anything is shown: texts come back as they
came.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Self

from chatterm.conversation import FinishReason, Message, MessageNode, Status, Usage
from chatterm.errors import StoreError
from chatterm.store import files, rows
from chatterm.store.adding import add_in, total, whole_in
from chatterm.store.connection import Opened, open_file, open_in_memory
from chatterm.store.driver import sqlite3
from chatterm.store.organising import ConversationOrganiser, attach_in, expect_one
from chatterm.store.partials import ConversationPartials
from chatterm.store.reading import node_in, unknown
from chatterm.store.records import LogProbabilities, ReplyRecord, TypedQuestion
from chatterm.store.titles import title_of
from chatterm.store.whole import Added, WholeConversation

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0
"""How long a write waits for other processes' writes, in seconds."""


class ConversationStore(ConversationOrganiser, ConversationPartials):
    """Keeps conversations. Each method is one short transaction, and may be called from any thread.

    All raise StoreError where the database fails, and UnknownName for an id that nothing answers to. Two
    windows of one conversation both keep their branches: nothing that was said is replaced.
    """

    def __init__(self, opened: Opened) -> None:
        """For `open` and `in_memory`."""
        super().__init__(opened.connection)
        self.notices = opened.notices
        """What people should be told of how the database was opened, once."""
        self.is_read_only = opened.connection.is_read_only

    @classmethod
    def open(cls, path: Path, *, timeout_s: float = TIMEOUT_S, mounts: Path = files.MOUNTS) -> Self:
        """Open the database at `path`, making it and its folder where they are missing.

        Replies whose writer is gone are marked as interrupted. `mounts` tells network file systems, which get
        a rollback journal instead of WAL. Raises StoreError, and leaves the file as it is.
        """
        store = cls(open_file(path, timeout_s=timeout_s, mounts=mounts))
        try:
            if not store.is_read_only:
                store._mark_interrupted()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def in_memory(cls) -> Self:
        """Private mode: leaves nothing on any disk, and ends with the store."""
        return cls(open_in_memory())

    def close(self) -> None:
        """Harmless when repeated. Whatever is called later raises StoreError."""
        self._db.close()

    def create_conversation(self, title: str = "") -> str:
        """Return the id of a new conversation without messages."""
        with self._db.writing() as db:
            return _insert_conversation(db, title)

    def append(self, conversation_id: str, parent_id: str | None, message: Message) -> MessageNode:
        """Add a complete message below `parent_id` (None: as a root) and make it the active leaf."""
        with self._db.writing() as db:
            return _insert(db, conversation_id, parent_id, message, "complete")

    def begin_reply(self, parent: MessageNode, record: ReplyRecord, content: str = "") -> MessageNode:
        """Add a reply below `parent` that this process is going to write, and make it the active leaf."""
        writer = self._writer
        with self._db.writing() as db:
            return _insert_reply(db, parent, record, writer, content)

    def begin_turn(  # noqa: PLR0913  # keyword-only
        self,
        messages: Sequence[Message],
        records: Sequence[ReplyRecord],
        *,
        conversation_id: str | None = None,
        parent_id: str | None = None,
        title: str = "",
        asked: TypedQuestion | None = None,
        content: str = "",
    ) -> tuple[MessageNode, tuple[MessageNode, ...]]:
        """Store what a turn begins with, all or nothing: return the last of `messages`, and the replies.

        They go below `parent_id` (None: as a root) of a conversation (None: a new one, called `title`). There
        is a reply for each of `records`, which may be none, starting with `content`. `asked` is kept with
        the question.
        """
        writer = self._writer
        with self._db.writing() as db:
            conversation_id = conversation_id or _insert_conversation(db, title)
            for message in messages:
                question = _insert(db, conversation_id, parent_id, message, "complete")
                parent_id = question.id
            if asked:
                _keep_asked(db, question, asked)
            return question, _insert_replies(db, question, records, writer, content)

    def begin_replies(
        self, parent: MessageNode, records: Sequence[ReplyRecord], content: str = ""
    ) -> tuple[MessageNode, ...]:
        """Add a reply below `parent` for each of `records`, all or none, the first as the active leaf."""
        writer = self._writer
        with self._db.writing() as db:
            return _insert_replies(db, parent, records, writer, content)

    def checkpoint(self, reply_id: str, content: str) -> None:
        """Store what there is of a streaming reply. Raises StoreError where another process writes it."""
        with self._db.writing() as db:
            self._update_reply(db, reply_id, content, "streaming")

    def finish_reply(  # noqa: PLR0913  # keyword-only
        self,
        reply_id: str,
        content: str,
        *,
        status: Status,
        finish_reason: FinishReason | None = None,
        usage: Usage | None = None,
        token_ids: Sequence[int] = (),
        log_probabilities: Sequence[LogProbabilities] | None = None,
    ) -> MessageNode:
        """Store the whole reply and what it cost. It never changes again."""
        with self._db.writing() as db:
            self._update_reply(db, reply_id, content, status)
            db.execute(
                "UPDATE reply SET (finish_reason, token_ids, log_probabilities) = (?, ?, ?) "
                "WHERE message_id = ?",
                (
                    finish_reason,
                    rows.json_text(list(token_ids)),
                    None if log_probabilities is None else rows.json_text(list(log_probabilities)),
                    reply_id,
                ),
            )
            if usage:
                db.execute(
                    "UPDATE reply SET (input_tokens, cached_tokens, output_tokens, prefill_s, decode_s) "
                    "= (?, ?, ?, ?, ?) WHERE message_id = ?",
                    (*astuple(usage), reply_id),
                )
            node = node_in(db, reply_id)
            _touch(db, node.conversation_id)
            if status in {"complete", "stopped"}:
                _make_title(db, node)
        return node

    def whole(self, conversation_id: str) -> WholeConversation:
        """Return a conversation with every branch and all that belongs to it."""
        with self._db.reading() as db:
            try:
                return whole_in(db, conversation_id)
            except ValueError as error:
                raise StoreError(
                    f"{self._db.name}: what is stored about a reply of {conversation_id} is damaged"
                ) from error

    def add_whole(self, conversations: Iterable[WholeConversation]) -> Added:
        """Add conversations, all or none; what is there already stays as it is. Raises InputRefused."""
        with self._db.writing() as db:
            return total([add_in(db, whole) for whole in conversations])

    def _update_reply(self, db: sqlite3.Connection, reply_id: str, content: str, status: Status) -> None:
        changed = db.execute(
            "UPDATE message SET content = ?, status = ? "
            "WHERE id = ? AND status IN ('streaming', 'interrupted') "
            "AND EXISTS (SELECT 1 FROM reply WHERE message_id = message.id AND writer = ?)",
            (rows.storable(content), status, reply_id, self._writer),
        )
        if changed.rowcount == 0:
            raise StoreError(
                f"{self._db.name}: the reply {reply_id} is not open for writing: it was deleted or finished "
                "elsewhere; ask again to get another"
            )

    def set_active_leaf(self, conversation_id: str, message_id: str) -> None:
        """Let the active path end at this message of the conversation."""
        with self._db.writing() as db:
            changed = db.execute(
                "UPDATE conversation SET active_leaf = :message WHERE id = :conversation "
                "AND EXISTS (SELECT 1 FROM message WHERE id = :message AND conversation_id = :conversation)",
                {"message": message_id, "conversation": conversation_id},
            )
            expect_one(changed, "message", message_id)

    def _mark_interrupted(self) -> None:
        """Close what killed processes left open, which also brings it into the search index."""
        with self._db.reading() as db:
            streaming = db.execute(f"{rows.NODES} WHERE m.status = 'streaming'").fetchall()
        gone = [node.id for node in map(rows.node_of, streaming) if node.status == "interrupted"]
        if not gone:
            return
        try:
            with self._db.writing() as db:
                db.executemany(
                    "UPDATE message SET status = 'interrupted' WHERE id = ? AND status = 'streaming'",
                    [(identity,) for identity in gone],
                )
        except StoreError as error:
            # A full disk must not hide what is stored; readers work the status out for themselves.
            logger.warning("%d interrupted replies could not be marked: %s", len(gone), type(error).__name__)


def _insert_conversation(db: sqlite3.Connection, title: str) -> str:
    identity, now = rows.new_id(), rows.instant()
    db.execute(
        "INSERT INTO conversation (id, title, created, updated) VALUES (?, ?, ?, ?)",
        (identity, rows.storable(title), now, now),
    )
    return identity


def _insert_reply(
    db: sqlite3.Connection, parent: MessageNode, record: ReplyRecord, writer: str, content: str
) -> MessageNode:
    node = _insert(db, parent.conversation_id, parent.id, Message("assistant", content), "streaming")
    db.execute(rows.INSERT_REPLY, rows.reply_row(node.id, writer, record))
    return node


def _insert_replies(
    db: sqlite3.Connection, parent: MessageNode, records: Sequence[ReplyRecord], writer: str, content: str
) -> tuple[MessageNode, ...]:
    replies = tuple(_insert_reply(db, parent, record, writer, content) for record in records)
    if replies:
        db.execute(
            "UPDATE conversation SET active_leaf = ? WHERE id = ?", (replies[0].id, parent.conversation_id)
        )
    return replies


def _keep_asked(db: sqlite3.Connection, question: MessageNode, asked: TypedQuestion) -> None:
    typed = rows.storable(asked.text)
    if typed != question.message.content:
        db.execute("UPDATE message SET typed = ? WHERE id = ?", (typed, question.id))
    for file in asked.files:
        attach_in(db, question.id, file.name, file.data)


def _insert(
    db: sqlite3.Connection, conversation_id: str, parent_id: str | None, message: Message, status: Status
) -> MessageNode:
    """Insert a message as the active leaf, in the caller's transaction. Raises UnknownName."""
    if parent_id is not None and node_in(db, parent_id).conversation_id != conversation_id:
        raise unknown("message", parent_id)
    node = MessageNode(
        id=rows.new_id(),
        conversation_id=conversation_id,
        parent_id=parent_id,
        message=Message(message.role, rows.storable(message.content)),
        status=status,
        created=rows.instant(),
    )
    if not db.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation_id,)).fetchone():
        raise unknown("conversation", conversation_id)
    db.execute(
        "INSERT INTO message (id, conversation_id, parent_id, role, content, status, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (node.id, conversation_id, parent_id, message.role, node.message.content, status, node.created),
    )
    db.execute("UPDATE conversation SET active_leaf = ? WHERE id = ?", (node.id, conversation_id))
    _touch(db, conversation_id)
    return node


def _make_title(db: sqlite3.Connection, reply: MessageNode) -> None:
    """Make the title out of the first exchange, unless a user gave one.

    The title so far is what the caller knew of the question before it went into a prompt: it comes first.
    """
    row = db.execute(
        "SELECT c.title, m.content FROM conversation c LEFT JOIN message m ON m.id = ? "
        "WHERE c.id = ? AND NOT c.has_own_title AND (SELECT count(DISTINCT parent_id) FROM message "
        "WHERE conversation_id = c.id AND role = 'assistant' AND status <> 'failed') = 1",
        (reply.parent_id, reply.conversation_id),
    ).fetchone()
    if not row:
        return
    given, question = row
    title = title_of(given or question or "", reply.message.content)
    if title != given:
        db.execute("UPDATE conversation SET title = ? WHERE id = ?", (title, reply.conversation_id))


def _touch(db: sqlite3.Connection, conversation_id: str) -> None:
    db.execute("UPDATE conversation SET updated = ? WHERE id = ?", (rows.instant(), conversation_id))
