"""Leaving while a model is fetched, from an index that accepts connections and never answers."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.processes import children_of, until_gone
from tests.support.terminal import CONTROL_Q, Terminal

IN_TIME_S = 2.5


@pytest.fixture(autouse=True)
def silent_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        yield


def fetcher_of(terminal: Terminal) -> int:
    """Wait for the process that fetches; return its number."""
    deadline = time.monotonic() + 30
    while True:
        for child in children_of(terminal.process.pid):
            if b"download" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
        assert time.monotonic() < deadline, terminal.output[-3000:]
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_in_the_first_fetch_ends_it_in_time(home: Path, number: signal.Signals) -> None:
    with closing(Terminal(sys.executable, "-m", "chatterm")) as terminal:
        terminal.until_written(b"fetching")
        fetcher = fetcher_of(terminal)
        terminal.process.send_signal(number)
        assert terminal.exit_code(within_s=IN_TIME_S) == 128 + number
        until_gone(fetcher, timeout_s=1)


def test_quitting_the_app_in_a_fetch_ends_it_in_time(home: Path) -> None:
    with closing(Terminal(sys.executable, "-m", "chatterm", "-m", "echo")) as terminal:
        terminal.until_written(b"Ask anything")
        terminal.press(b"/model smollm2-135m\r")
        fetcher = fetcher_of(terminal)
        terminal.press(CONTROL_Q)
        assert terminal.exit_code(within_s=IN_TIME_S) == 0
        until_gone(fetcher, timeout_s=1)
        assert terminal.is_as_it_was()
