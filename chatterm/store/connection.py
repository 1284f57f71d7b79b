"""The store's one connection: its lock, its transactions, its settings, and how a file is opened.

It knows no table but what the migrations need; what is stored is the business of conversations.py.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chatterm.errors import StoreError
from chatterm.store import files
from chatterm.store.driver import sqlite3
from chatterm.store.erase_mark import EraseMark
from chatterm.store.faults import primary_code, translated
from chatterm.store.migrations import MIGRATIONS, check_usable, migrate
from chatterm.store.search_index import add_function, secure_index


class StoreConnection:
    """One SQLite connection for all threads. `reading` and `writing` raise StoreError, never SQLite's own."""

    def __init__(
        self, connection: sqlite3.Connection, name: str, *, is_read_only: bool, path: Path | None = None
    ) -> None:
        """`name` is what messages call the database; `path` is its file, None where it has none."""
        self.name = name
        self.erase_mark = EraseMark(path)
        self.is_read_only = is_read_only
        self._connection = connection
        self._lock = threading.RLock()
        self._is_open = True

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock. Each statement sees what is committed when it starts."""
        with self._lock, translated(self.name):
            if not self._is_open:
                raise StoreError(f"{self.name} is closed already; open it again")
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold a BEGIN IMMEDIATE transaction: committed at the end, rolled back on any error. Be short."""
        with self.reading() as connection:
            if self.is_read_only:
                advice = "make the file and its folder writable"
                raise StoreError(f"{self.name} is read-only, so nothing can be saved; {advice}")
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            finally:
                # Some errors (a full disk, say) have rolled it back already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Harmless when repeated."""
        with self._lock, translated(self.name):
            self._is_open = False
            self._connection.close()


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that is ready for use, and what people should be told about it."""

    connection: StoreConnection
    notices: tuple[str, ...]


def open_in_memory() -> Opened:
    """A database that never touches a disk and ends with its connection."""
    connection = _connect(":memory:", timeout_s=0)
    _set_up(connection)
    migrate(connection, None)
    secure_index(connection, "the database in memory")
    connection.execute("PRAGMA foreign_keys = ON")
    return Opened(StoreConnection(connection, "the database in memory", is_read_only=False), ())


def open_file(path: Path, *, timeout_s: float, mounts: Path) -> Opened:
    """Open the database at `path`, making or migrating it where needed.

    A file that may only be read is opened for reading, if its schema is the newest. Raises StoreError, and
    then the file is as it was.
    """
    with translated(str(path)):
        files.prepare(path)
        path = path.resolve()  # SQLite puts -wal and -shm beside the file that a link leads to
        if not files.is_writable(path):
            return _open_to_read(path, timeout_s)
        if _beside(path, "-wal").exists():
            _check_by_reading(path, timeout_s)
        connection = _connect(_uri(path, "rw"), timeout_s)
        try:
            notices = _make_ready(connection, path, timeout_s, mounts)
        except BaseException:
            connection.close()
            raise
    return Opened(StoreConnection(connection, str(path), is_read_only=False, path=path), notices)


def _check_by_reading(path: Path, timeout_s: float) -> None:
    """Refuse a database by a connection that cannot write.

    The -wal file of a killed process would be folded into the database, and so change it, when a connection
    that can write is closed after refusing it.
    """
    connection = _connect(_uri(path, "ro"), timeout_s)
    try:
        check_usable(connection, str(path))
    finally:
        connection.close()


def _make_ready(
    connection: sqlite3.Connection, path: Path, timeout_s: float, mounts: Path
) -> tuple[str, ...]:
    """Check, set up and migrate a writable database; return the notices."""
    version = check_usable(connection, str(path))
    _set_up(connection)
    network = files.network_type(path, mounts)
    changed = _set_journal_mode(connection, "delete" if network else "wal", timeout_s)
    migrate(connection, path)
    secure_index(connection, str(path))
    connection.execute("PRAGMA foreign_keys = ON")
    if network and (changed or version == 0):
        advice = "use it from one machine at a time"
        return (f"{path} is on a network file system ({network}), so it keeps a rollback journal: {advice}",)
    return ()


def _open_to_read(path: Path, timeout_s: float) -> Opened:
    # In a folder that cannot be written SQLite cannot make the -wal and -shm files that a WAL database wants.
    # Where there is neither -wal nor -journal, nobody writes, and the file alone is the whole truth.
    is_alone = not any(_beside(path, suffix).exists() for suffix in ("-wal", "-journal"))
    connection = _connect(_uri(path, "ro&immutable=1" if is_alone else "ro"), timeout_s)
    try:
        version = check_usable(connection, str(path))
        _set_up(connection)
    except BaseException:
        connection.close()
        raise
    if version < len(MIGRATIONS):
        connection.close()
        found = f"has schema {version} and needs schema {len(MIGRATIONS)}"
        raise StoreError(f"{path} {found}, but it is read-only; make the file and its folder writable")
    notice = f"{path} is read-only: what it holds can be read, nothing can be saved"
    return Opened(StoreConnection(connection, str(path), is_read_only=True), (notice,))


def _connect(address: str, timeout_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address, timeout=timeout_s, isolation_level=None, check_same_thread=False, uri=True
    )
    # Damaged UTF-8 in one row must not hide the others.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    add_function(connection)
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    """Settings that belong to the connection. Foreign keys are enforced only after migrating.

    FULL: in WAL mode a commit survives power loss. Temporary tables and sorting never touch the disk.
    """
    for setting in (
        "recursive_triggers = ON",
        "secure_delete = ON",
        "synchronous = FULL",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {setting}")


def _set_journal_mode(connection: sqlite3.Connection, mode: str, timeout_s: float) -> bool:
    """Return whether it had to be changed.

    The change needs the file for itself, and SQLite reports a rival at once, without waiting: so wait here.
    """
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == mode:
        return False
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return True


def _uri(path: Path, mode: str) -> str:
    return f"{path.as_uri()}?mode={mode}"


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
