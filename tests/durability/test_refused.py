"""The real app on a disk that is full and on a database that is read-only: the reply is shown, and what is
not saved is told.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chatterm.store import ConversationStore
from tests.store.samples import integrity
from tests.support.chatterm_process import run_chatterm
from tests.support.terminal import CONTROL_Q, Terminal

APP = [sys.executable, "-m", "chatterm", "-m", "echo"]


@pytest.fixture
def database(home: Path) -> Path:
    """With one conversation."""
    assert run_chatterm("ask", "-m", "echo", "earlier").code == 0
    return home / "data" / "chatterm.db"


@contextmanager
def app(*command: str) -> Iterator[Terminal]:
    with closing(Terminal(*command)) as terminal:
        terminal.until_written(b"Ask anything")
        yield terminal
        terminal.press(CONTROL_Q)
        assert terminal.exit_code(within_s=10) == 0
        assert terminal.is_as_it_was()


def titles(database: Path) -> list[str]:
    with closing(ConversationStore.open(database)) as store:
        return [one.title for one in store.conversations()]


def test_a_full_disk_is_told_and_the_reply_shown(database: Path) -> None:
    """A limit on file sizes stands for the full disk: what is beyond it fails in the same place."""
    script = 'trap "" XFSZ; ulimit -f 80; exec "$0" "$@"'
    with app("sh", "-c", script, *APP) as terminal:
        terminal.press(b"tell me of pears\r")
        terminal.until_written(b"not saved")
        terminal.until(lambda: terminal.output.count(b"of pears") >= 2)
    assert "earlier" in titles(database)
    assert integrity(database) == "ok"


def read_only(folder: Path, command: list[str]) -> list[str]:
    """The command in a view of the disk of its own, in which nothing can be written to `folder`."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    return ["unshare", "-rm", "sh", "-c", script, str(folder), *command]


def test_a_read_only_disk_is_told_and_the_reply_shown(database: Path) -> None:
    if not can_run(read_only(database.parent, ["true"])):
        pytest.skip("needs a user who may mount")
    with app(*read_only(database.parent, APP)) as terminal:
        terminal.press(b"tell me of pears\r")
        terminal.until_written(b"not saved")
        terminal.until(lambda: terminal.output.count(b"of pears") >= 2)
    assert titles(database) == ["earlier"]
    assert integrity(database) == "ok"


def can_run(command: list[str]) -> bool:
    return (
        bool(shutil.which(command[0]))
        and not subprocess.run(command, capture_output=True, check=False).returncode
    )
