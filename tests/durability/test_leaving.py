"""The real app, its engine in a process of its own, told to leave while that loads, reads and writes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.store import ConversationStore
from tests.support.processes import children_of, has_process, until_gone
from tests.support.terminal import CONTROL_Q, Terminal

IN_TIME_S = 2.5
"""Two seconds, and how late a busy machine may notice."""

PASTED = b"\x1b[200~" + b"word " * 3000 + b"\x1b[201~"
"""Takes seconds to read."""


@pytest.fixture
def terminal(default_model: Path, home: Path) -> Generator[Terminal]:
    """The app with the default model, ready for keys."""
    (home / "data").mkdir(mode=0o700)
    (home / "data" / "models").symlink_to(default_model.parent)
    with closing(Terminal(sys.executable, "-m", "chatterm")) as terminal:
        terminal.until_written(b"Ask anything")
        yield terminal


def host_of(terminal: Terminal) -> int:
    """Wait until the app has started its engine's process; return its number."""
    deadline = time.monotonic() + 30
    while not (children := children_of(terminal.process.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (host,) = children
    return host


def until_loading(terminal: Terminal) -> None:
    terminal.until_written(b"opening the model")


def until_reading(terminal: Terminal) -> None:
    terminal.until_written(b"context")
    terminal.press(PASTED)
    terminal.press(b"and now?\r")
    terminal.until_written(b"reading ")


def until_writing(terminal: Terminal) -> None:
    terminal.press(b"Tell a very long story.\r")
    terminal.until_written(b"tok/s")


PHASES = {"loading": until_loading, "prefill": until_reading, "decode": until_writing}
LEAVING = {
    "TERM": lambda terminal: terminal.process.send_signal(signal.SIGTERM),
    "HUP": lambda terminal: terminal.process.send_signal(signal.SIGHUP),
    "INT": lambda terminal: terminal.process.send_signal(signal.SIGINT),
    "key": lambda terminal: terminal.press(CONTROL_Q),
}
CODES = {"TERM": 143, "HUP": 129, "INT": 130, "key": 0}


def check_leaving(terminal: Terminal, phase: str, way: str) -> None:
    until: Callable[[Terminal], None] = PHASES[phase]
    until(terminal)
    host = host_of(terminal)
    LEAVING[way](terminal)
    assert terminal.exit_code(within_s=IN_TIME_S) == CODES[way]
    until_gone(host, timeout_s=1)
    assert terminal.is_as_it_was()


@pytest.mark.parametrize(("phase", "way"), [("loading", "TERM"), ("prefill", "INT")])
def test_told_to_leave_it_is_out_in_time_and_no_process_stays(
    terminal: Terminal, phase: str, way: str
) -> None:
    check_leaving(terminal, phase, way)


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("way", LEAVING)
def test_in_every_phase_by_every_way(terminal: Terminal, phase: str, way: str) -> None:
    check_leaving(terminal, phase, way)


@pytest.mark.slow
def test_killed_it_leaves_no_process_and_the_reply_is_there_as_interrupted(
    terminal: Terminal, home: Path
) -> None:
    until_writing(terminal)
    host = host_of(terminal)
    with closing(ConversationStore.open(home / "data" / "chatterm.db")) as store:
        (summary,) = store.conversations()
        terminal.until(lambda: bool(store.path(summary.id)[-1].message.content))
        terminal.process.kill()
        terminal.process.wait()
        until_gone(host, timeout_s=2)
        question, reply = store.path(summary.id)[-2:]
    assert question.message.content == "Tell a very long story."
    assert reply.status == "interrupted"
    assert reply.message.content


def test_its_engine_killed_it_says_so_and_answers_the_next_question(terminal: Terminal) -> None:
    until_writing(terminal)
    host = host_of(terminal)
    os.kill(host, signal.SIGKILL)
    terminal.until_written(b"SIGKILL")
    terminal.until_written(b"not open")
    assert not has_process(host)
    num_told = terminal.output.count(b"opening the model")
    terminal.press(b"And again.\r")
    terminal.until(lambda: terminal.output.count(b"opening the model") > num_told)
    assert host_of(terminal) != host
    terminal.press(CONTROL_Q)
    assert terminal.exit_code(within_s=IN_TIME_S) == 0


def said_in(store: ConversationStore) -> list[str]:
    """Of all finished messages."""
    nodes = [node for one in store.conversations() for node in store.path(one.id)]
    return [node.message.content for node in nodes if node.status == "complete"]


@pytest.mark.slow
def test_another_model_chosen_the_old_process_goes(terminal: Terminal, home: Path) -> None:
    terminal.until_written(b"context")
    host = host_of(terminal)
    terminal.press(b"/model echo\r")
    until_gone(host, timeout_s=20)
    terminal.press(b"say it back\r")
    with closing(ConversationStore.open(home / "data" / "chatterm.db")) as store:
        terminal.until(lambda: said_in(store)[-2:] == ["say it back"] * 2)
    assert host_of(terminal) != host
    terminal.press(CONTROL_Q)
    assert terminal.exit_code(within_s=IN_TIME_S) == 0
