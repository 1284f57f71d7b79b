"""What SQLite and the operating system report, as StoreErrors. The only place that translates them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chatterm.errors import StoreError
from chatterm.store.driver import sqlite3

_MOVE_AWAY = "it was left as it is: restore a backup of it, or move it away to start anew"

_BY_CODE: dict[int, Callable[[str, str], str]] = {
    sqlite3.SQLITE_BUSY: lambda name, _: (
        f"{name} is locked: another program has kept it for longer than the time allowed; close that program "
        "or try again"
    ),
    sqlite3.SQLITE_READONLY: lambda name, _: (
        f"{name} is read-only, so nothing can be saved; make the file and its folder writable"
    ),
    sqlite3.SQLITE_FULL: lambda name, _: (
        f"{name} cannot grow: the disk is full; what was stored is intact; free some space and try again"
    ),
    sqlite3.SQLITE_IOERR: lambda name, found: (
        f"{name} could not be read or written ({found}); check the disk, its free space and any quota"
    ),
    sqlite3.SQLITE_CANTOPEN: lambda name, _: (
        f"{name} or a file beside it cannot be opened; check that you may read and write it and its folder"
    ),
    sqlite3.SQLITE_NOTADB: lambda name, _: (
        f"{name} is not a chatterm database (it is no SQLite file); {_MOVE_AWAY}"
    ),
    sqlite3.SQLITE_CORRUPT: lambda name, found: (
        f"{name} is damaged ({found}); it was left as it is: restore a backup of it, or bring what can be "
        "read into a new file with `chatterm db salvage FILE`"
    ),
}


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, 0 where the error did not come from SQLite itself."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def store_error(error: sqlite3.Error, name: str) -> StoreError:
    """Return what `error` means for the database called `name`."""
    found = f"{error}: {getattr(error, 'sqlite_errorname', type(error).__name__)}"
    say = _BY_CODE.get(primary_code(error))
    return StoreError(say(name, found) if say else f"{name}: {found}; `chatterm doctor` says more")


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise StoreError for whatever SQLite or the operating system raises inside."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error, name) from error
    except OSError as error:
        found = error.strerror or str(error)
        raise StoreError(f"{name} cannot be used ({found}); check the file and its folder") from error
