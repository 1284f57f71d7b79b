"""kill -9 in mid-reply: the question is there, and all of the reply but its last quarter second."""

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.store import ConversationStore
from tests.support.chatterm_process import run_chatterm, start_chatterm

RATE = 100
"""Tokens a second; the reply's words are numbered, so what was shown can be compared with what was stored."""

LOST = 40
"""Words that may be missing: 250 ms of them, with room for a machine that stalls."""

QUESTION = " ".join(f"word{number}" for number in range(2000))


def kill_one(home: Path, seed: int) -> None:
    """Start a reply, read it for a while, kill its process, and compare."""
    process = start_chatterm("ask", "-m", f"echo:{RATE}", QUESTION)
    assert process.stdout is not None
    shown = process.stdout.read(6)
    time.sleep(random.Random(seed).uniform(0, 0.8))
    process.kill()
    rest, _ = process.communicate()
    words = (shown + rest).decode().split()
    with closing(ConversationStore.open(home / "data" / "chatterm.db")) as store:
        last = store.last_conversation()
        assert last is not None
        _, question, reply = store.path(last)
    assert question.message.content == QUESTION
    assert reply.status == "interrupted"
    kept = reply.message.content.split()
    assert kept == QUESTION.split()[: len(kept)]
    assert len(words) - len(kept) <= LOST, f"{len(words)} shown, {len(kept)} kept"


def test_killed_replies_are_kept_and_shown_as_interrupted(home: Path) -> None:
    for seed in range(5):
        kill_one(home, seed)
    shown = run_chatterm("history", "show", run_chatterm("history", "list").out.split()[0])
    assert "--- assistant (interrupted)" in shown.out
    assert run_chatterm("ask", "-m", "echo", "-c", "and then?").out == "and then?\n"


@pytest.mark.slow
def test_many_killed_replies(home: Path) -> None:
    for seed in range(100, 150):
        kill_one(home, seed)
