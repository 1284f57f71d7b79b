"""ConversationOrganiser: titles, pins, archive, tags, attachments, and deletion that leaves no text."""

import hashlib
import logging
from collections.abc import Collection

from chatterm.errors import StoreError, UsageError
from chatterm.store import rows
from chatterm.store.branches import BranchReader
from chatterm.store.drafting import ConversationDrafts
from chatterm.store.driver import sqlite3
from chatterm.store.faults import primary_code
from chatterm.store.reading import node_in, unknown
from chatterm.store.records import Attachment
from chatterm.store.search_index import forget_deleted

logger = logging.getLogger(__name__)

MAX_TAG_CHARS = 50


class ConversationOrganiser(BranchReader, ConversationDrafts):
    """Puts conversations in order. Each method is one transaction, and may be called from any thread.

    All raise StoreError where the database fails, and UnknownName for an id that nothing answers to.
    """

    def set_title(self, conversation_id: str, title: str) -> None:
        """Give a title that replies no longer change; an empty one lets the next reply make one again."""
        with self._db.writing() as db:
            changed = db.execute(
                "UPDATE conversation SET title = ?, has_own_title = ? WHERE id = ?",
                (rows.storable(title), bool(title.strip()), conversation_id),
            )
            expect_one(changed, "conversation", conversation_id)

    def set_pinned(self, conversation_id: str, pinned: bool) -> None:
        with self._db.writing() as db:
            changed = db.execute("UPDATE conversation SET pinned = ? WHERE id = ?", (pinned, conversation_id))
            expect_one(changed, "conversation", conversation_id)

    def set_archived(self, conversation_id: str, archived: bool) -> None:
        """An archived conversation is found by search and by its id, but no list shows it unasked."""
        with self._db.writing() as db:
            changed = db.execute(
                "UPDATE conversation SET archived = ? WHERE id = ?", (archived, conversation_id)
            )
            expect_one(changed, "conversation", conversation_id)

    def add_tag(self, conversation_id: str, name: str) -> None:
        """Harmless when repeated. Raises UsageError for a name that is empty or too long."""
        tag = tag_name(name)
        with self._db.writing() as db:
            if not db.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation_id,)).fetchone():
                raise unknown("conversation", conversation_id)
            db.execute("INSERT OR IGNORE INTO tag VALUES (?, ?)", (conversation_id, tag))

    def remove_tag(self, conversation_id: str, name: str) -> None:
        with self._db.writing() as db:
            changed = db.execute(
                "DELETE FROM tag WHERE conversation_id = ? AND name = ?", (conversation_id, tag_name(name))
            )
            expect_one(changed, "tag of this conversation", name)

    def attach(self, message_id: str, name: str, data: bytes) -> Attachment:
        """Add a file to a message, after those it has. The same bytes are kept once, however often named."""
        digest = hashlib.sha256(data).hexdigest()
        with self._db.writing() as db:
            node_in(db, message_id)
            attach_in(db, message_id, name, data)
        return Attachment(name=rows.storable(name), sha256=digest, num_bytes=len(data))

    def delete(self, conversation_ids: Collection[str]) -> int:
        """Delete conversations with all that belongs to them; return how many there were.

        Nothing finds them any more; `erase_deleted` takes their text out of the files. Harmless when
        repeated.
        """
        with self._db.writing() as db:
            number = sum(
                db.execute("DELETE FROM conversation WHERE id = ?", (identity,)).rowcount
                for identity in conversation_ids
            )
            if number:
                self._db.erase_mark.set()
                forget_deleted(db)
        return number

    @property
    def must_erase(self) -> bool:
        """Something was deleted, here or by a process that is gone, and not erased yet."""
        return self._db.erase_mark.is_set

    def erase_deleted(self) -> None:
        """Rewrite the database, so that no text that was deleted or replaced is in any of its files.

        SQLite overwrites what it frees (secure_delete), but where it moved a row within a page, the old copy
        stays in the page's unused part: only VACUUM leaves that behind. It takes memory for a copy of the
        database, and other processes' writes wait meanwhile: seconds, for a million messages. Backups are
        other files. Raises StoreError where another program keeps the -wal file in use.
        """
        if self._db.is_read_only:
            raise StoreError(f"{self._db.name} is read-only, so nothing can be erased")
        with self._db.reading() as db:
            db.execute("VACUUM")
        self._empty_wal()
        self._db.erase_mark.clear()

    def older_than(self, instant: str) -> list[str]:
        """Return the ids of conversations last changed before `instant` (ISO 8601, UTC) and not pinned."""
        with self._db.reading() as db:
            found = db.execute(
                "SELECT id FROM conversation WHERE updated < ? AND NOT pinned ORDER BY updated", (instant,)
            ).fetchall()
        return [identity for (identity,) in found]

    def _empty_wal(self) -> None:
        """Fold the -wal file into the database. It waits for readers as long as any write does."""
        with self._db.reading() as db:
            try:
                is_busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.OperationalError as error:
                if primary_code(error) not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                    raise
                is_busy = True
        if is_busy:
            logger.warning("the -wal file is in use and still holds what was deleted")
            raise StoreError(
                f"{self._db.name}: deleted, but another program is reading the old text, which therefore "
                "stays in the -wal file until the last chatterm closes"
            )


def tag_name(name: str) -> str:
    """Return `name` on one line, as tags are stored. Raises UsageError."""
    tag = " ".join(rows.storable(name).split())
    if not tag or len(tag) > MAX_TAG_CHARS:
        raise UsageError(f"a tag has 1 to {MAX_TAG_CHARS} characters; {name[:MAX_TAG_CHARS]!r} does not")
    return tag


def attach_in(db: sqlite3.Connection, message_id: str, name: str, data: bytes) -> None:
    """Add an attachment in the caller's transaction."""
    digest = hashlib.sha256(data).hexdigest()
    db.execute("INSERT OR IGNORE INTO attachment (sha256, bytes) VALUES (?, ?)", (digest, data))
    db.execute(
        "INSERT INTO message_attachment (message_id, sha256, position, name) SELECT :message, :digest, "
        "(SELECT coalesce(max(position) + 1, 0) FROM message_attachment WHERE message_id = :message), :name",
        {"message": message_id, "digest": digest, "name": rows.storable(name)},
    )


def expect_one(changed: sqlite3.Cursor, kind: str, name: str) -> None:
    if changed.rowcount == 0:
        raise unknown(kind, name)
