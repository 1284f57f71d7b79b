"""ConversationReader: what is stored, read back. It changes nothing, and shows texts as they came."""

from chatterm.conversation import MessageNode
from chatterm.errors import StoreError, UnknownName, UsageError
from chatterm.store import rows
from chatterm.store.connection import StoreConnection
from chatterm.store.driver import sqlite3
from chatterm.store.records import Attachment, ConversationSummary, ReplyDetail
from chatterm.store.search import SearchHit, search

MIN_PREFIX = 4
"""Characters of a conversation's id that may stand for it."""

_LISTED = 4


class ConversationReader:
    """Reads conversations. Its methods may be called from any thread.

    All raise StoreError where the database fails, and UnknownName for an id that nothing answers to.
    """

    def __init__(self, connection: StoreConnection) -> None:
        self._db = connection

    def node(self, message_id: str) -> MessageNode:
        with self._db.reading() as db:
            return node_in(db, message_id)

    def path(self, conversation_id: str, leaf_id: str | None = None) -> tuple[MessageNode, ...]:
        """Return the messages from the root to `leaf_id` (None: the active leaf), if there are any."""
        with self._db.reading() as db:
            found = db.execute(
                "SELECT active_leaf FROM conversation WHERE id = ?", (conversation_id,)
            ).fetchone()
            if not found:
                raise unknown("conversation", conversation_id)
            nodes = _path_to(db, leaf_id or found[0] or "")
        if leaf_id and (not nodes or nodes[0].conversation_id != conversation_id):
            raise unknown("message", leaf_id)
        return nodes

    def path_to(self, message_id: str) -> tuple[MessageNode, ...]:
        """Return the messages from the root of its conversation to this one."""
        with self._db.reading() as db:
            nodes = _path_to(db, message_id)
        if not nodes:
            raise unknown("message", message_id)
        return nodes

    def children(self, message_id: str) -> tuple[MessageNode, ...]:
        """Return what follows a message, oldest first."""
        with self._db.reading() as db:
            node = node_in(db, message_id)
            return _below(db, node.conversation_id, node.id)

    def siblings(self, message_id: str) -> tuple[MessageNode, ...]:
        """Return a message with all that stand beside it, oldest first."""
        with self._db.reading() as db:
            node = node_in(db, message_id)
            return _below(db, node.conversation_id, node.parent_id)

    def reply_detail(self, message_id: str) -> ReplyDetail | None:
        """Return how a reply was made and what it cost; None for a message that no engine made."""
        with self._db.reading() as db:
            row = db.execute(f"{rows.DETAILS} WHERE message_id = ?", (message_id,)).fetchone()
        try:
            return rows.detail_of(row) if row else None
        except ValueError as error:
            raise StoreError(
                f"{self._db.name}: what is stored about the reply {message_id} is damaged"
            ) from error

    def conversations(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
        archived: bool | None = False,
        pinned: bool | None = None,
        tag: str | None = None,
    ) -> list[ConversationSummary]:
        """Return conversations, the most recently updated first: those that are as asked; None: either."""
        with self._db.reading() as db:
            found = db.execute(
                f"{rows.SUMMARIES} WHERE (:archived IS NULL OR archived = :archived) "
                "AND (:pinned IS NULL OR pinned = :pinned) AND (:tag IS NULL OR EXISTS "
                "(SELECT 1 FROM tag WHERE conversation_id = c.id AND name = :tag)) "
                "ORDER BY updated DESC, serial DESC LIMIT :limit OFFSET :offset",
                {"archived": archived, "pinned": pinned, "tag": tag, "limit": limit, "offset": offset},
            ).fetchall()
        return [rows.summary_of(row) for row in found]

    def summary(self, conversation_id: str) -> ConversationSummary:
        with self._db.reading() as db:
            row = db.execute(f"{rows.SUMMARIES} WHERE id = ?", (conversation_id,)).fetchone()
        if not row:
            raise unknown("conversation", conversation_id)
        return rows.summary_of(row)

    def conversation_ids(self) -> list[str]:
        """Return the ids of all conversations, archived ones too, the first stored first."""
        with self._db.reading() as db:
            found = db.execute("SELECT id FROM conversation ORDER BY serial").fetchall()
        return [identity for (identity,) in found]

    def search(self, query: str, *, limit: int = 20) -> list[SearchHit]:
        """Return what holds all words of `query`, at most `limit` titles, then as many messages.

        What stands in double quotes, and Chinese, is found as a phrase; nothing else has a meaning, and no
        query is an error. Rare words are ranked, of common ones the newest come first.
        """
        with self._db.reading() as db:
            return search(db, query, limit)

    def attachments(self, message_id: str) -> tuple[Attachment, ...]:
        """Return what is attached to a message, in order."""
        with self._db.reading() as db:
            found = db.execute(
                "SELECT l.name, l.sha256, length(a.bytes) FROM message_attachment l "
                "JOIN attachment a ON a.sha256 = l.sha256 WHERE message_id = ? ORDER BY position",
                (message_id,),
            ).fetchall()
        return tuple(Attachment(name=name, sha256=digest, num_bytes=size) for name, digest, size in found)

    def attachment_bytes(self, sha256: str) -> bytes:
        with self._db.reading() as db:
            found = db.execute("SELECT bytes FROM attachment WHERE sha256 = ?", (sha256,)).fetchone()
        if not found:
            raise unknown("attachment", sha256)
        return bytes(found[0])

    def last_conversation(self) -> str | None:
        """Return the id of the most recently updated conversation."""
        return next((found.id for found in self.conversations(limit=1)), None)

    def resolve(self, prefix: str) -> str:
        """Return the id of the one conversation that `prefix`, 4 or more characters, stands for.

        Raises UnknownName where there is none, UsageError where there are several or `prefix` is shorter.
        """
        wanted = prefix.strip().lower()
        if len(wanted) < MIN_PREFIX:
            raise UsageError(
                f"{prefix!r} is too short for a conversation's id: give {MIN_PREFIX} characters or more"
            )
        if not set(wanted) <= set(rows.ID_ALPHABET):
            raise unknown("conversation", prefix)
        with self._db.reading() as db:
            found = db.execute(
                "SELECT id FROM conversation WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (wanted, f"{wanted}~", _LISTED + 1),
            ).fetchall()
        if not found:
            raise unknown("conversation", prefix)
        if len(found) > 1:
            names = ", ".join(identity for (identity,) in found[:_LISTED]) + (
                ", ..." if found[_LISTED:] else ""
            )
            raise UsageError(
                f"several conversations' ids begin with {prefix!r}: {names}; give more characters"
            )
        return str(found[0][0])


def node_in(db: sqlite3.Connection, message_id: str) -> MessageNode:
    row = db.execute(f"{rows.NODES} WHERE m.id = ?", (message_id,)).fetchone()
    if not row:
        raise unknown("message", message_id)
    return rows.node_of(row)


def typed_in(db: sqlite3.Connection, conversation_id: str) -> dict[str, str]:
    """Return, by message id, what was typed where a question says something else."""
    found = db.execute(
        "SELECT id, typed FROM message WHERE conversation_id = ? AND typed IS NOT NULL", (conversation_id,)
    )
    return dict(found.fetchall())


def _below(db: sqlite3.Connection, conversation_id: str, parent_id: str | None) -> tuple[MessageNode, ...]:
    found = db.execute(
        f"{rows.NODES} WHERE m.conversation_id = ? AND m.parent_id IS ? ORDER BY m.serial",
        (conversation_id, parent_id),
    )
    return tuple(map(rows.node_of, found))


def _path_to(db: sqlite3.Connection, message_id: str) -> tuple[MessageNode, ...]:
    """Return the messages from the root to this one, none where it is unknown.

    A parent is always older than its child; saying so ends the walk even in a damaged database.
    """
    found = db.execute(
        "WITH RECURSIVE branch (serial, parent_id) AS ("
        " SELECT serial, parent_id FROM message WHERE id = ?"
        " UNION ALL SELECT m.serial, m.parent_id FROM branch b"
        " JOIN message m ON m.id = b.parent_id AND m.serial < b.serial) "
        f"{rows.NODES} WHERE m.serial IN (SELECT serial FROM branch) ORDER BY m.serial",
        (message_id,),
    )
    return tuple(map(rows.node_of, found))


def unknown(kind: str, name: str) -> UnknownName:
    return UnknownName(kind, name, (), "(`chatterm history list` shows what there is)")
