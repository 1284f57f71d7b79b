"""Looking after the database's file: whether it is sound, a copy of it while it is in use.

None of this opens a ConversationStore: a damaged or older database must be looked at as it is.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chatterm.errors import StoreError, UsageError
from chatterm.store.driver import sqlite3
from chatterm.store.faults import translated
from chatterm.store.migrations import check_usable
from chatterm.store.search_index import INDEXES, add_function

MAX_FAULTS = 20
"""So many are told of each kind."""

_TREE_FAULTS = {
    "messages whose parent is not older than they are": (
        "SELECT count(*) FROM message m JOIN message p ON p.id = m.parent_id WHERE p.serial >= m.serial"
    ),
    "active leaves of another conversation": (
        "SELECT count(*) FROM conversation c JOIN message m ON m.id = c.active_leaf "
        "WHERE m.conversation_id <> c.id"
    ),
    "attachments with a wrong count of links": (
        "SELECT count(*) FROM attachment a WHERE num_links <> "
        "(SELECT count(*) FROM message_attachment WHERE sha256 = a.sha256)"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What an examination of the database found."""

    schema: int
    num_conversations: int | None
    num_messages: int | None
    """None where damage keeps them from being counted."""
    faults: tuple[str, ...]
    """One line each; none: it is sound."""


def examine(path: Path) -> Condition:
    """Check pages, references, trees and index. Raises StoreError for what is no database of chatterm."""
    with translated(str(path)), closing(open_to_read(path)) as db:
        schema = check_usable(db, str(path))
        faults = list(_faults(db))
        counts = [_count(db, table) for table in ("conversation", "message")]
    return Condition(schema=schema, num_conversations=counts[0], num_messages=counts[1], faults=tuple(faults))


def back_up(path: Path, target: Path) -> None:
    """Copy the database as last committed into the new file `target`, for its owner alone.

    It may be in use meanwhile. The copy appears whole or not at all. Raises UsageError and StoreError.
    """
    with translated(str(path)), closing(open_to_read(path)) as source:
        check_usable(source, str(path))
        with new_file(target) as partial, translated(str(target)), closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = delete")


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Hand out a temporary name that becomes `target` at the end, and vanishes where that is not reached.

    The file is for its owner alone. Raises UsageError where `target` exists or cannot be made.
    """
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} exists already; give another name")
    partial = target.with_name(f"{target.name}.part")
    try:
        handle = os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_RDWR, 0o600)
        os.fchmod(handle, 0o600)
        os.close(handle)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        yield partial
        partial.rename(target)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open for reading where that will do; a -wal file that is there needs more, and is respected."""
    if not path.exists():
        raise StoreError(f"there is no database {path} yet; the first question makes it")
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10)
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    add_function(db)
    return db


def _faults(db: sqlite3.Connection) -> Iterator[str]:
    try:
        yield from (line for (line,) in db.execute(f"PRAGMA integrity_check({MAX_FAULTS})") if line != "ok")
        yield from (
            f"a row of {table} refers to a row of {parent} that is not there"
            for table, _, parent, _ in db.execute("PRAGMA foreign_key_check").fetchmany(MAX_FAULTS)
        )
        for fault, query in _TREE_FAULTS.items():
            if number := db.execute(query).fetchone()[0]:
                yield f"{number} {fault}"
        yield from _index_faults(db)
    except sqlite3.DatabaseError as error:
        yield f"the examination ended early: {error}"


def _index_faults(db: sqlite3.Connection) -> Iterator[str]:
    """Yield for each index that lacks rows, or has some of what is gone."""
    tables = {"title_index": "searchable_title", "message_index": "finished_message"}
    for index in INDEXES:
        indexed, stored = f"SELECT id FROM {index}_docsize", f"SELECT serial FROM {tables[index]}"
        for some, others, fault in ((stored, indexed, "lacks"), (indexed, stored, "has deleted")):
            number = db.execute(f"SELECT count(*) FROM ({some} EXCEPT {others})").fetchone()[0]
            if number:
                yield f"{index} {fault} {number} texts"


def _count(db: sqlite3.Connection, table: str) -> int | None:
    with suppress(sqlite3.DatabaseError):
        number: int = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return number
    return None
