"""What the search index needs of a connection: its function, and that deleted text leaves it.

By default FTS5 only marks deleted text, until a merge happens to drop it. `secure-delete` (SQLite 3.42)
removes it at once; the index then has a format that older libraries cannot write.
https://www.sqlite.org/fts5.html#the_secure_delete_configuration_option
"""

from chatterm.errors import StoreError
from chatterm.store.driver import sqlite3
from chatterm.store.tokens import searchable

INDEXES = ("title_index", "message_index")
_FIRST_ABLE = (3, 42)
_FORMAT_WITHOUT = 4


def add_function(connection: sqlite3.Connection) -> None:
    """Give the connection `searchable`, which the schema's triggers and views call."""
    connection.create_function("searchable", 1, searchable, deterministic=True)


def secure_index(connection: sqlite3.Connection, name: str) -> None:
    """Switch secure-delete on where this library has it and it is off.

    Raises StoreError where this library is too old for what a newer one wrote into the database `name`.
    """
    is_able = sqlite3.sqlite_version_info >= _FIRST_ABLE
    for index in INDEXES:
        settings = dict(connection.execute(f"SELECT k, v FROM {index}_config"))
        if is_able and not settings.get("secure-delete"):
            connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('secure-delete', 1)")
        if not is_able and settings["version"] > _FORMAT_WITHOUT:
            needed = ".".join(map(str, _FIRST_ABLE))
            raise StoreError(
                f"{name} was written with SQLite {needed} or newer, but this Python has "
                f"{sqlite3.sqlite_version}; install pysqlite3, or run chatterm with a newer Python"
            )


def forget_deleted(connection: sqlite3.Connection) -> None:
    """Rewrite the index where this library cannot take deleted text out of it at once. In a transaction."""
    if sqlite3.sqlite_version_info < _FIRST_ABLE:
        for index in INDEXES:
            connection.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")
