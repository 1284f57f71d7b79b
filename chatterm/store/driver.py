"""Which SQLite serves: pysqlite3 where it is installed (it brings a recent one), else the standard library's.

The choice is the one sqlite-utils makes, so that its Database can wrap a connection made here. SQLite before
3.51.3 has the WAL-reset bug (rare corruption when several processes share a database), hence the preference.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:
        import sqlite3

__all__ = ["sqlite3"]
