"""Which SQLite serves, and that in private mode it leaves no file."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.store import ConversationStore
from chatterm.store.driver import sqlite3
from tests.store.samples import integrity

PRIVATE_TURN = """
import os, sys
from contextlib import closing
from chatterm.store import ConversationStore, ReplyWriter
from tests.store.samples import RECORD, ask

with closing(ConversationStore.in_memory()) as store:
    question = ask(store, "secret " * 500_000)
    writer = ReplyWriter.begin(store, question, RECORD)
    for number in range(3000):
        writer.add("answer " * 100, [number])
    writer.finish("complete", "end")
    store.conversations()
    handles = [f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")]
    names = [os.readlink(handle) for handle in handles if os.path.lexists(handle)]
    print([name for name in names if name.startswith("/") and not name.startswith(("/proc", "/dev"))])
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed in Linux's /proc")
def test_private_mode_leaves_no_file(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "SQLITE_TMPDIR": str(tmp_path),
        "HOME": str(tmp_path),
    }
    environment |= {"CHATTERM_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PRIVATE_TURN],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


WITHOUT_PYSQLITE3 = """
import sys
import threading
sys.modules["pysqlite3"] = None
from contextlib import closing
from pathlib import Path
from chatterm.store import ConversationStore, driver
from tests.store.samples import answer, ask

assert driver.sqlite3.__name__ == "sqlite3"
with closing(ConversationStore.open(Path(sys.argv[1]))) as store:
    answer(store, ask(store, "by the standard library"))
    store.set_title(store.last_conversation(), "renamed")
"""


def run_without_pysqlite3(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_PYSQLITE3, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_standard_library_serves_where_pysqlite3_is_not_installed(database: Path) -> None:
    done = run_without_pysqlite3(database)
    assert done.returncode == 0, done.stderr
    with closing(ConversationStore.open(database)) as store:
        assert store.conversations()[0].title == "renamed"
    assert integrity(database) == "ok"


def test_a_library_too_old_for_the_index_says_so(database: Path) -> None:
    import sqlite3 as standard

    if standard.sqlite_version_info >= (3, 42) or sqlite3.sqlite_version_info < (3, 42):
        pytest.skip("needs pysqlite3 and a Python with a SQLite before 3.42")
    with closing(ConversationStore.open(database)) as store:
        cid = store.create_conversation("first")
        store.set_title(cid, "second")
    done = run_without_pysqlite3(database)
    assert "install pysqlite3" in done.stderr.splitlines()[-1]


def test_sqlite_utils_chooses_the_same_driver() -> None:
    import sqlite_utils.utils

    assert sqlite_utils.utils.OperationalError is sqlite3.OperationalError
