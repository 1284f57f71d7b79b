"""`chatterm` in a terminal: a document piped in, what it refuses, and how it says so."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chatterm.store import ConversationStore
from chatterm.store.driver import sqlite3
from tests.support.chatterm_process import run_chatterm
from tests.support.terminal_process import TerminalProcess

CONTROL_G, CONTROL_Q = b"\x07", b"\x11"


@contextmanager
def chatterm(
    *arguments: str,
    piped: bytes | None = None,
    has_terminal: bool = True,
    size: tuple[int, int] = (110, 34),
    environ: Mapping[str, str] | None = None,
) -> Iterator[TerminalProcess]:
    command = [sys.executable, "-m", "chatterm", *arguments]
    with closing(
        TerminalProcess(command, piped=piped, has_terminal=has_terminal, size=size, environ=environ)
    ) as process:
        yield process


def test_a_piped_document_is_attached_and_the_keys_come_from_the_terminal(home: Path) -> None:
    with chatterm("-m", "echo", piped=b"alpha\nbeta\n") as terminal:
        terminal.until_written(b"stdin")
        terminal.until_written(b"2 lines, 11 bytes")
        terminal.press(b"what is it?\r")
        terminal.until_written(b"tok/s")
        terminal.press(CONTROL_Q)
        assert terminal.exit_code() == 0
        assert terminal.is_as_it_was()
    with closing(ConversationStore.open(home / "data" / "chatterm.db")) as store:
        (summary,) = store.conversations()
        question = next(one for one in store.path(summary.id) if one.message.role == "user")
        assert "alpha\nbeta\n" in question.message.content
        assert "what is it?" in question.message.content
        (attached,) = store.attachments(question.id)
        assert store.attachment_bytes(attached.sha256) == b"alpha\nbeta\n"


REFUSED = [
    ((), b" \n", True, 2, "standard input is empty"),
    ((), b"\x00\x01\x02" * 50, True, 8, "stdin"),
    ((), b"word " * 3_500_000, True, 8, "more than 16,777,216 bytes"),
    ((), b"text", False, 2, "no other to read keys from"),
    (("-m", "nosuch"), None, True, 2, "nosuch"),
    (("-p", "general/sumarize"), None, True, 2, "did you mean 'general/summarize'"),
    (("--cid", "abcdefgh"), None, True, 2, "no conversation is called 'abcdefgh'"),
    (("--cid", "abcdefgh", "--private"), None, True, 2, "--private begins a conversation of its own"),
    (("-f", "/nosuch/file"), None, True, 2, "there is no file /nosuch/file"),
    (("-f", "-"), None, True, 2, "pipe it in"),
    (("--theme", "nosuch"), None, True, 2, "no theme is called 'nosuch'"),
]


@pytest.mark.parametrize(
    ("arguments", "piped", "has_terminal", "code", "message"), REFUSED, ids=[one[-1][:24] for one in REFUSED]
)
def test_what_cannot_be_is_told_before_anything_is_drawn(
    arguments: tuple[str, ...], piped: bytes | None, has_terminal: bool, code: int, message: str
) -> None:
    model = () if "-m" in arguments else ("-m", "echo")
    with chatterm(*model, *arguments, piped=piped, has_terminal=has_terminal) as terminal:
        assert terminal.exit_code() == code
        told = re.sub(r"\s+", " ", terminal.output.decode())
        assert message in told
        assert b"\x1b[?1049h" not in terminal.output
        assert terminal.is_as_it_was()


@pytest.mark.parametrize(
    ("size", "environ", "message"),
    [
        ((39, 10), {}, "needed 40x10"),
        ((40, 9), {}, "needed 40x10"),
        ((110, 34), {"TERM": "dumb"}, "found TERM=dumb"),
    ],
)
def test_a_terminal_that_cannot_show_the_app_is_refused(
    size: tuple[int, int], environ: Mapping[str, str], message: str
) -> None:
    with chatterm("-m", "echo", size=size, environ=environ) as terminal:
        assert terminal.exit_code() == 2
        assert message in re.sub(r"\s+", " ", terminal.output.decode())


def test_without_any_terminal_it_names_ask() -> None:
    ended = run_chatterm("-m", "echo", stdin=b"a document")
    assert ended.code == 2
    assert "the app needs a terminal" in ended.err
    assert "chatterm ask" in ended.err


def test_in_a_small_window_one_can_ask_resize_and_leave(home: Path) -> None:
    with chatterm("-m", "echo", size=(40, 10)) as terminal:
        terminal.until_written(b"Ask")
        terminal.press(b"hello\r")
        for size in ((10, 3), (200, 60), (40, 10)):
            terminal.resize(*size)
        terminal.press(b"more")
        terminal.until_written(b"more")
        terminal.press(CONTROL_Q)
        assert terminal.exit_code() == 0
        assert terminal.is_as_it_was()


def test_a_draft_outlives_a_kill(home: Path) -> None:
    with chatterm("-m", "echo") as terminal:
        terminal.until_written(b"Ask")
        terminal.press(b"half a thought")
        until(lambda: kept_draft(home) == "half a thought")
        terminal.process.kill()
        terminal.exit_code()
    with chatterm("-m", "echo") as terminal:
        terminal.until_written(b"half a thought")
        terminal.press(b"\r")
        terminal.until_written(b"tok/s")
        terminal.press(CONTROL_Q)
        assert terminal.exit_code() == 0
    assert kept_draft(home) is None


def test_a_private_draft_is_written_nowhere(home: Path) -> None:
    with chatterm("-m", "echo", "--private") as terminal:
        terminal.until_written(b"PRIVATE")
        terminal.press(b"xylophone\r")
        terminal.until_written(b"tok/s")
        terminal.press(b"zither")
        terminal.until_written(b"zither")
        terminal.press(CONTROL_Q)
        assert terminal.exit_code() == 0
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"xylophone" not in written
    assert b"zither" not in written


EDITORS = [
    ("sed -i s/wrong/right/", b"right words"),
    ("false", b"the editor false ended"),
]


@pytest.mark.parametrize(("editor", "shown"), EDITORS, ids=["edits", "fails"])
def test_control_g_opens_the_editor_and_comes_back(home: Path, editor: str, shown: bytes) -> None:
    with chatterm("-m", "echo", environ={"VISUAL": editor}) as terminal:
        terminal.until_written(b"Ask")
        terminal.press(b"wrong words")
        terminal.until_written(b"words")
        since = len(terminal.output)
        terminal.press(CONTROL_G)
        terminal.until_written(b"\x1b[?1049h", since=since)
        terminal.until_written(shown, since=since)
        terminal.until_written(b"words", since=since)
        terminal.press(CONTROL_Q)
        assert terminal.exit_code() == 0
        assert terminal.is_as_it_was()


def kept_draft(home: Path) -> str | None:
    """Return what the database has of the conversation that has not begun."""
    database = home / "data" / "chatterm.db"
    if not database.exists():
        return None
    with closing(sqlite3.connect(database)) as db:
        row = db.execute("SELECT content FROM draft WHERE content != ''").fetchone()
    return row[0] if row else None


def until(is_so: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)
