"""The schema's versions, and how a database reaches the newest.

The version is `user_version`, the number of steps done. Steps are append-only: a released one never changes.
sqlite-utils is imported only where a step is pending: its import takes 0.1 s, every start would pay it.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.errors import StoreError
from chatterm.store.driver import sqlite3
from chatterm.store.schema import DRAFT_TABLES, SCHEMA_1

if TYPE_CHECKING:
    from sqlite_utils import Database

Migration = Callable[["Database"], None]
"""One step. It runs inside its caller's transaction, with foreign keys unenforced until the end.

Reshaping a table is best written in SQL: sqlite-utils' `transform` leaves its triggers behind.
"""

APPLICATION_ID = 0x6374726D
"""Marks a SQLite file as chatterm's, so that no other program's database is ever migrated."""


def _first_schema(database: "Database") -> None:
    # The driver's own executescript would commit the transaction first.
    database.executescript(SCHEMA_1)


def _typed_text(database: "Database") -> None:
    """A question keeps what was typed, where a prompt shaped it into another text; NULL: it is the text."""
    database.execute("ALTER TABLE message ADD COLUMN typed TEXT")


def _drafts(database: "Database") -> None:
    database.executescript(DRAFT_TABLES)


MIGRATIONS: Sequence[Migration] = (_first_schema, _typed_text, _drafts)


def schema_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def check_usable(connection: sqlite3.Connection, name: str, newest: int = len(MIGRATIONS)) -> int:
    """Return the database's version, 0 where it is empty. Writes nothing.

    Raises StoreError where it is of a newer schema than `newest`, or of another program.
    """
    version = schema_version(connection)
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application != APPLICATION_ID and not (is_empty and version == application == 0):
        advice = "it was left as it is: move it away, or set CHATTERM_HOME to another folder"
        raise StoreError(f"{name} is a SQLite database of another program; {advice}")
    if version > newest:
        raise StoreError(
            f"{name} has schema {version}, but this chatterm knows schemas up to {newest}; it was left as it "
            "is: use a newer chatterm"
        )
    return version


def migrate(
    connection: sqlite3.Connection, path: Path | None, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Bring the database to the newest schema, all in one BEGIN IMMEDIATE, or leave it as it is.

    What is pending is read again under the lock, so that of several first starts one does the work. An older
    database is first copied beside itself (`backup_path`); None is a database in memory. Foreign keys must be
    off, as SQLite has them at first. Raises StoreError and sqlite3.Error.
    """
    if schema_version(connection) == len(migrations):
        return
    from sqlite_utils import Database

    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    name = str(path or "the database in memory")
    try:
        connection.execute("BEGIN IMMEDIATE")
        version = check_usable(connection, name, len(migrations))
        if path and 0 < version < len(migrations):
            _back_up(path, backup_path(path, version))
        for step in migrations[version:]:
            step(database)
        if broken := connection.execute("PRAGMA foreign_key_check").fetchone():
            raise StoreError(
                f"{name}: a row of {broken[0]} refers to a row that is not there; it was left as it is"
            )
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def backup_path(path: Path, version: int) -> Path:
    return path.with_name(f"{path.name}.schema-{version}.backup")


def _back_up(path: Path, backup: Path) -> None:
    """Copy the database as last committed, for its owner alone. The caller's lock keeps other writers out."""
    partial = backup.with_name(f"{backup.name}.part")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    partial.chmod(0o600)
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(partial)) as target,
    ):
        source.backup(target)
    partial.replace(backup)
