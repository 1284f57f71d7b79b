"""The app in a real terminal: what goes over the wire, and how it leaves."""

import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chatterm.conversation import MessageNode
from chatterm.store import ConversationStore
from tests.support.terminal import CONTROL_Q, ESCAPE, Terminal
from tests.tui.pty_app import HOSTILE


@contextmanager
def app_in_terminal(database: Path, mode: str) -> Iterator[Terminal]:
    with closing(Terminal(sys.executable, "-m", "tests.tui.pty_app", str(database), mode)) as terminal:
        yield terminal


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "chatterm.db"


def last_message(database: Path) -> MessageNode:
    with closing(ConversationStore.open(database)) as store:
        (summary,) = store.conversations()
        return store.path(summary.id)[-1]


def test_a_question_is_answered_and_quitting_restores_the_terminal(database: Path) -> None:
    with app_in_terminal(database, "hostile") as terminal:
        terminal.until_written(b"Ask anything")
        terminal.press(b"what does it say?\r")
        terminal.until_written(b"no more.")
        terminal.until_written("␛]52;c;aGk=␇ and ␛[2J and <U+202E>".encode())
        terminal.press(CONTROL_Q)
        assert terminal.exit_code(within_s=2) == 0
        assert terminal.is_as_it_was()
        assert b"\x1b]52" not in terminal.output
        assert b"\x1b[2J" not in terminal.output
        assert "\u202e".encode() not in terminal.output
    assert last_message(database).message.content == HOSTILE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_mid_reply_keeps_it_restores_the_terminal_and_ends_in_time(
    database: Path, number: signal.Signals
) -> None:
    with app_in_terminal(database, "slow") as terminal:
        terminal.until_written(b"Ask anything")
        terminal.press(b"go on\r")
        terminal.until_written(b"word word")
        terminal.process.send_signal(number)
        assert terminal.exit_code(within_s=2) == 128 + number
        assert terminal.is_as_it_was()
    reply = last_message(database)
    assert reply.status == "stopped"
    assert reply.message.content.startswith("word word")


def test_when_its_window_is_closed_it_keeps_the_reply_and_ends_in_time(database: Path) -> None:
    with app_in_terminal(database, "slow") as terminal:
        terminal.until_written(b"Ask anything")
        terminal.press(b"go on\r")
        terminal.until_written(b"word word")
        terminal.hang_up()
        assert terminal.exit_code(within_s=2.2) == 128 + signal.SIGHUP
    assert last_message(database).message.content.startswith("word word")


def test_what_is_typed_while_it_opens_is_not_lost(database: Path) -> None:
    with app_in_terminal(database, "hostile") as terminal:
        terminal.press(b"early ")
        terminal.until_written(b"\x1b[?1049h")
        terminal.press(b"bird\r")
        terminal.until_written(b"no more.")
        terminal.press(CONTROL_Q)
        assert terminal.exit_code(within_s=2) == 0
    with closing(ConversationStore.open(database)) as store:
        (summary,) = store.conversations()
        assert store.path(summary.id)[0].message.content == "early bird"


def test_an_engine_that_hangs_does_not_keep_the_app_from_leaving(database: Path) -> None:
    with app_in_terminal(database, "deaf") as terminal:
        terminal.until_written(b"Ask anything")
        terminal.press(b"hello?\r")
        terminal.until_written(b"heard nothing")
        terminal.press(CONTROL_Q)
        assert terminal.exit_code(within_s=2) == 0
        assert terminal.is_as_it_was()
    assert last_message(database).message.content == "heard nothing"


def test_alt_enter_makes_a_new_line_also_where_the_terminal_sends_escape_and_enter(database: Path) -> None:
    with app_in_terminal(database, "hostile") as terminal:
        terminal.until_written(b"Ask anything")
        terminal.press(b"one" + ESCAPE + b"\r" + b"two\r")
        terminal.until_written(b"no more.")
        terminal.press(CONTROL_Q)
        assert terminal.exit_code(within_s=2) == 0
    with closing(ConversationStore.open(database)) as store:
        (summary,) = store.conversations()
        assert store.path(summary.id)[0].message.content == "one\ntwo"


def test_an_app_that_does_not_react_is_ended_and_its_terminal_restored(database: Path) -> None:
    with app_in_terminal(database, "hang") as terminal:
        terminal.until_written(b"hanging")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.exit_code(within_s=2.1) == 128 + signal.SIGTERM
        assert terminal.is_as_it_was()
