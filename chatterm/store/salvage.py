"""Brings what can be read of a damaged database into a new one, row by row; the index is built anew.

A damaged page hides the rows on it, and a walk over the table ends there. So each table is walked from its
beginning and from its end, and what lies between is asked for row by row. What refers to a lost row is
mended: messages without their parent become roots, messages without their conversation get one.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from chatterm.errors import StoreError
from chatterm.store import rows
from chatterm.store.connection import open_file
from chatterm.store.driver import sqlite3
from chatterm.store.faults import translated
from chatterm.store.files import MOUNTS
from chatterm.store.migrations import MIGRATIONS, check_usable
from chatterm.store.upkeep import new_file, open_to_read

MAX_ASKED = 200_000
"""So many rows between two damaged places are asked for one by one."""

RECOVERED = "(recovered)"
"""The title of a conversation whose own row is lost."""

_TABLES = {
    "conversation": "serial",
    "message": "serial",
    "reply": "message_id",
    "attachment": "rowid",
    "message_attachment": "message_id, position",
    "tag": "conversation_id, name",
    "partial_result": "rowid",
    "draft": "id",
    "draft_document": "draft_id, position",
}
"""Each table and its key. Attachments come before what links to them."""

_MADE_ANEW = frozenset({"active_leaf", "num_links"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What was brought over."""

    num_conversations: int
    num_messages: int
    damaged_tables: tuple[str, ...]
    """Where rows may be missing."""


def salvage(path: Path, target: Path) -> Salvaged:
    """Read `path`, which is not changed, and make the new database `target`.

    Raises UsageError where `target` exists, StoreError where nothing at all can be read.
    """
    with translated(str(path)), closing(open_to_read(path)) as damaged:
        version = check_usable(damaged, str(path))
        if version == 0:
            raise StoreError(f"{path} is empty: there is nothing to salvage; open a backup of it")
        with new_file(target) as partial:
            opened = open_file(partial, timeout_s=10, mounts=MOUNTS)
            try:
                with opened.connection.writing() as new:
                    salvaged = _bring_over(damaged, new, is_older=version < len(MIGRATIONS))
                with opened.connection.reading() as new:
                    new.execute("PRAGMA journal_mode = delete")
            finally:
                opened.connection.close()
    return salvaged


def _bring_over(damaged: sqlite3.Connection, new: sqlite3.Connection, *, is_older: bool) -> Salvaged:
    """Copy and mend, in the caller's transaction. What an older schema lacks stays empty."""
    new.execute("PRAGMA defer_foreign_keys = ON")
    hurt = []
    for table, key in _TABLES.items():
        kept = [name for name in _columns(new, table) if name not in _MADE_ANEW]
        if is_older:
            had = _columns(damaged, table)
            kept = [name for name in kept if name in had]
        if not kept:
            continue
        source = _Table(damaged, table, key, tuple(kept))
        insert = f"INSERT OR IGNORE INTO {table} ({', '.join(kept)}) VALUES ({', '.join('?' * len(kept))})"
        for row in source.read():
            _insert(new, insert, row)
        if source.is_damaged:
            hurt.append(table)
    _mend(new)
    _restore_leaves(damaged, new)
    counts = [
        new.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("conversation", "message")
    ]
    return Salvaged(num_conversations=counts[0], num_messages=counts[1], damaged_tables=tuple(hurt))


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def _insert(new: sqlite3.Connection, insert: str, row: rows.Row) -> None:
    """Insert a row, unless damage made of it what the schema refuses."""
    try:
        new.execute(insert, row)
    except sqlite3.IntegrityError:
        return


def _mend(new: sqlite3.Connection) -> None:
    """Let every row refer to rows that are there."""
    now = rows.instant()
    lost = new.execute(
        "SELECT DISTINCT conversation_id FROM message "
        "WHERE conversation_id NOT IN (SELECT id FROM conversation)"
    ).fetchall()
    new.executemany(
        "INSERT INTO conversation (id, title, has_own_title, created, updated) VALUES (?, ?, 1, ?, ?)",
        [(identity, RECOVERED, now, now) for (identity,) in lost],
    )
    new.execute(
        "UPDATE message SET parent_id = NULL WHERE parent_id IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM message p WHERE p.id = message.parent_id "
        "AND p.conversation_id = message.conversation_id AND p.serial < message.serial)"
    )
    new.execute("UPDATE message SET status = 'interrupted' WHERE status = 'streaming'")
    for table, column, parent, key in (
        ("reply", "message_id", "message", "id"),
        ("message_attachment", "message_id", "message", "id"),
        ("message_attachment", "sha256", "attachment", "sha256"),
        ("tag", "conversation_id", "conversation", "id"),
        ("partial_result", "conversation_id", "conversation", "id"),
        ("draft", "conversation_id", "conversation", "id"),
        ("draft_document", "draft_id", "draft", "id"),
    ):
        new.execute(f"DELETE FROM {table} WHERE {column} NOT IN (SELECT {key} FROM {parent})")
    new.execute("DELETE FROM attachment WHERE num_links = 0")


def _restore_leaves(damaged: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Let active paths end where they did, else at the newest message."""
    leaves = _Table(damaged, "conversation", "serial", ("active_leaf", "id")).read()
    new.executemany(
        "UPDATE conversation SET active_leaf = ?1 WHERE id = ?2 "
        "AND EXISTS (SELECT 1 FROM message WHERE id = ?1 AND conversation_id = ?2)",
        [leaf for leaf in leaves if leaf[0]],
    )
    new.execute(
        "UPDATE conversation SET active_leaf = (SELECT id FROM message "
        "WHERE conversation_id = conversation.id ORDER BY serial DESC LIMIT 1) WHERE active_leaf IS NULL"
    )


class _Table:
    """Reads what can be read of one table."""

    def __init__(self, db: sqlite3.Connection, name: str, key: str, columns: tuple[str, ...]) -> None:
        self._db = db
        self._name = name
        self._key = key
        self._columns = ", ".join(columns)
        self.is_damaged = False
        """After `read`: a walk met damage."""

    def read(self) -> Iterator[rows.Row]:
        """Yield what can be read; after damage some rows come twice."""
        first = yield from self._walk("ASC")
        if not self.is_damaged:
            return
        last = yield from self._walk("DESC")
        if isinstance(first, int) and isinstance(last, int):
            yield from self._one_by_one(range(first + 1, min(last, first + MAX_ASKED)))

    def _walk(self, order: str) -> Generator[rows.Row, None, object]:
        """Yield rows until the end or damage; return the last whole number seen as a key."""
        ordered = ", ".join(f"{key} {order}" for key in self._key.split(", "))
        seen = None
        try:
            for key, *row in self._db.execute(
                f"SELECT {self._key.split(', ')[0]}, {self._columns} FROM {self._name} ORDER BY {ordered}"
            ):
                seen = key
                yield tuple(row)
        except sqlite3.DatabaseError:
            self.is_damaged = True
        return seen

    def _one_by_one(self, keys: range) -> Iterator[rows.Row]:
        query = f"SELECT {self._columns} FROM {self._name} WHERE {self._key} = ?"
        for key in keys:
            try:
                yield from self._db.execute(query, (key,)).fetchall()
            except sqlite3.DatabaseError:
                continue
