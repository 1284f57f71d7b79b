"""Real apps and real `ask`s at once on one database, and first starts at once: all stored, no lock told."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from chatterm.store import ConversationStore
from tests.store.samples import integrity
from tests.support.chatterm_process import start_chatterm
from tests.support.terminal import CONTROL_Q, Terminal

MODEL = "echo:40"
WORDS = "and so it goes on for a while"
"""A fifth of a second of writing."""


def ended(processes: Sequence[subprocess.Popen[bytes]]) -> list[str]:
    """Wait for all of them; return what they answered."""
    answers = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
        assert b"lock" not in err
        answers.append(out.decode().strip())
    return answers


def turns_in(home: Path) -> list[tuple[str, str, str]]:
    """Every question with its reply and that one's status."""
    turns: list[tuple[str, str, str]] = []
    with closing(ConversationStore.open(home / "data" / "chatterm.db")) as store:
        for one in store.conversations(limit=1000):
            said = [node for node in store.path(one.id) if node.message.role != "system"]
            for question, reply in zip(said[::2], said[1::2], strict=True):
                turns.append((question.message.content, reply.message.content, reply.status))
    return turns


def is_answered(home: Path, questions: Iterable[str]) -> bool:
    done = {question for question, _, status in turns_in(home) if status == "complete"}
    return done.issuperset(questions)


@pytest.mark.slow
def test_eight_first_starts_at_once_all_store_their_turn(home: Path) -> None:
    questions = [f"first start {number}" for number in range(8)]
    answers = ended([start_chatterm("ask", "-m", "echo", question) for question in questions])
    assert answers == questions
    assert sorted(turns_in(home)) == [(question, question, "complete") for question in questions]
    assert integrity(home / "data" / "chatterm.db") == "ok"


@pytest.mark.slow
def test_two_apps_and_five_asks_at_once_store_every_turn(home: Path) -> None:
    by_app = {app: [f"app {app} question {number} {WORDS}" for number in range(4)] for app in "AB"}
    rounds = [[f"ask {worker} of round {number} {WORDS}" for worker in range(5)] for number in range(4)]
    with ExitStack() as stack:
        apps = {
            app: stack.enter_context(closing(Terminal(sys.executable, "-m", "chatterm", "-m", MODEL)))
            for app in by_app
        }
        for terminal in apps.values():
            terminal.until_written(b"Ask anything")
        for number, asked in enumerate(rounds):
            for app, terminal in apps.items():
                terminal.press(by_app[app][number].encode() + b"\r")
            assert ended([start_chatterm("ask", "-m", MODEL, one) for one in asked]) == asked
            for app, terminal in apps.items():
                terminal.until(partial(is_answered, home, by_app[app][: number + 1]))
        for terminal in apps.values():
            terminal.press(CONTROL_Q)
            assert terminal.exit_code(within_s=10) == 0
            assert b"lock" not in terminal.output
            assert b"not saved" not in terminal.output
    asked = [question for round_ in rounds for question in round_] + by_app["A"] + by_app["B"]
    assert sorted(turns_in(home)) == sorted((one, one, "complete") for one in asked)
    assert integrity(home / "data" / "chatterm.db") == "ok"
