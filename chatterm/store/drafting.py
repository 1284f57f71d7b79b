"""ConversationDrafts: what is typed and not sent yet, so that neither a kill nor another window loses it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from chatterm.conversation import Document
from chatterm.store import rows
from chatterm.store.driver import sqlite3
from chatterm.store.process import fate_of, this_process
from chatterm.store.reading import ConversationReader


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDraft:
    """What was typed for a conversation and not sent."""

    text: str
    documents: tuple[Document, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    """Whatever else belongs to it, as JSON can hold it; the store does not read it."""

    @property
    def is_blank(self) -> bool:
        return not (self.text or self.documents or self.details)


class ConversationDrafts(ConversationReader):
    """Keeps one draft of each process for each conversation; the conversation None has not begun yet.

    Each method is one transaction, and may be called from any thread. They raise StoreError.
    """

    def keep_draft(
        self, conversation_id: str | None, draft: StoredDraft, *, has_same_documents: bool = False
    ) -> None:
        """Put `draft` in place of this process's own; a blank one takes it away.

        `has_same_documents` spares writing documents anew that are those of the draft before. A draft for a
        conversation that was deleted is not kept.
        """
        writer = self._writer
        with self._db.writing() as db:
            if draft.is_blank:
                _delete(db, conversation_id, writer)
            elif conversation_id is None or _exists(db, conversation_id):
                draft_id = _put(db, conversation_id, writer, draft)
                if not has_same_documents:
                    _put_documents(db, draft_id, draft)

    def take_draft(self, conversation_id: str | None) -> StoredDraft | None:
        """Return this process's draft, else the newest of a process that is gone, which becomes its own.

        Those of other windows that are still open stay theirs.
        """
        writer = self._writer
        found = self._draft_rows(conversation_id)
        own = [row for row in found if row[1] == writer]
        left = [row for row in found if row[1] != writer and fate_of(row[1]) == "gone"]
        if not (own or left):
            return None
        draft_id, _, text, details = (own or left)[0]
        if not own and not self._db.is_read_only:
            with self._db.writing() as db:
                db.execute("UPDATE OR IGNORE draft SET writer = ? WHERE id = ?", (writer, draft_id))
        with self._db.reading() as db:
            documents = db.execute(
                "SELECT name, content, num_bytes, notices FROM draft_document WHERE draft_id = ? "
                "ORDER BY position",
                (draft_id,),
            ).fetchall()
        return StoredDraft(
            text=text,
            documents=tuple(
                Document(name, content, num_bytes, tuple(notices.split("\n")) if notices else ())
                for name, content, num_bytes, notices in documents
            ),
            details=rows.json_object(details),
        )

    @cached_property
    def _writer(self) -> str:
        """How this process is named in what it writes. Where there is no /proc, finding out takes 10 ms."""
        return str(this_process())

    def _draft_rows(self, conversation_id: str | None) -> list[rows.Row]:
        """Return (id, writer, text, details) of a conversation's drafts, the newest first."""
        with self._db.reading() as db:
            return db.execute(
                "SELECT id, writer, content, details FROM draft WHERE conversation_id IS ? "
                "ORDER BY updated DESC, id DESC",
                (conversation_id,),
            ).fetchall()


def _exists(db: sqlite3.Connection, conversation_id: str) -> bool:
    return bool(db.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation_id,)).fetchone())


def _delete(db: sqlite3.Connection, conversation_id: str | None, writer: str) -> None:
    db.execute("DELETE FROM draft WHERE conversation_id IS ? AND writer = ?", (conversation_id, writer))


def _put(db: sqlite3.Connection, conversation_id: str | None, writer: str, draft: StoredDraft) -> int:
    """Write a draft's own row, and return its id."""
    values = (rows.storable(draft.text), rows.json_text(dict(draft.details)), rows.instant())
    changed = db.execute(
        "UPDATE draft SET (content, details, updated) = (?, ?, ?) "
        "WHERE conversation_id IS ? AND writer = ? RETURNING id",
        (*values, conversation_id, writer),
    ).fetchone()
    if changed:
        return int(changed[0])
    return int(
        db.execute(
            "INSERT INTO draft (content, details, updated, conversation_id, writer) "
            "VALUES (?, ?, ?, ?, ?) RETURNING id",
            (*values, conversation_id, writer),
        ).fetchone()[0]
    )


def _put_documents(db: sqlite3.Connection, draft_id: int, draft: StoredDraft) -> None:
    db.execute("DELETE FROM draft_document WHERE draft_id = ?", (draft_id,))
    db.executemany(
        "INSERT INTO draft_document (draft_id, position, name, content, num_bytes, notices) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (draft_id, position, rows.storable(one.name), rows.storable(one.text), one.num_bytes,
             rows.storable("\n".join(one.notices)))
            for position, one in enumerate(draft.documents)
        ],
    )  # fmt: skip
