"""Turns killed in mid-reply, their engine in a process of its own: what is lost, and how it goes on.

The supervisor holds all that was shown, with the moment it was shown, and compares it with what is stored.
"""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatterm.conversation import Message, MessageNode
from chatterm.engine.base import CancelToken, SamplingParams
from chatterm.engine.echo import EchoEngine
from chatterm.session import ChatSession, TurnFinished, TurnRequest
from chatterm.store import ConversationStore
from tests.durability.children import question_of
from tests.store.samples import integrity
from tests.support.processes import until_gone

LOST_S = 0.25
GRACE_S = 1.0
"""Of the machine: how late it may run a thread that is due."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Kill:
    """What a kill left behind."""

    question: MessageNode
    reply: MessageNode
    lost_s: float
    """How long before the kill the first piece that is missing was shown; 0 where none is."""


@contextmanager
def turn_under_way(database: Path, seed: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.durability.children", "turn", str(database), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def kill_in_mid_reply(database: Path, seed: int) -> Kill:
    """Kill a turn at a random moment after its question was kept; no process of it stays."""
    with turn_under_way(database, seed) as child:
        assert child.stdout
        begun = json.loads(child.stdout.readline())
        time.sleep(random.Random(seed).uniform(0.0, 1.2))
        killed_at = time.monotonic()
        child.send_signal(signal.SIGKILL)
        shown = [json.loads(line) for line in child.stdout.read().splitlines(True) if line.endswith("\n")]
    until_gone(begun["host"])
    with closing(ConversationStore.open(database)) as store:
        question, reply = store.node(begun["question"]), store.node(begun["reply"])
    return Kill(question, reply, lost_s(shown, reply.message.content, killed_at))


def lost_s(shown: list[dict[str, str | float]], stored: str, killed_at: float) -> float:
    text = ""
    for piece in shown:
        text += str(piece["text"])
        if not stored.startswith(text):
            assert text.startswith(stored), "what is stored is what was shown"
            return killed_at - float(piece["at"])
    return 0.0


def check_kills(database: Path, seeds: range) -> None:
    with ThreadPoolExecutor(3) as three_at_a_time:
        kills = list(three_at_a_time.map(lambda seed: kill_in_mid_reply(database, seed), seeds))
    assert integrity(database) == "ok"
    for seed, kill in zip(seeds, kills, strict=True):
        assert kill.question.message.content == question_of(str(seed))
        assert kill.reply.status == "interrupted"
    losses = sorted(kill.lost_s for kill in kills)
    told = (
        f"{len(kills)} kills: {losses.count(0.0)} lost nothing, the others at most {losses[-1] * 1000:.0f} ms"
    )
    print(told)  # noqa: T201  # the figure for docs/results.md, by `pytest -s`
    assert losses[len(losses) // 2] <= LOST_S
    assert losses[-1] <= LOST_S + GRACE_S
    with closing(ConversationStore.open(database)) as store:
        assert len(store.conversations(limit=1000)) == len(seeds)
        for kill in kills:
            check_continued(store, kill.reply)


def check_continued(store: ConversationStore, reply: MessageNode) -> None:
    """An interrupted reply goes on in a sibling that begins with its text."""
    session = ChatSession(EchoEngine(["and on."]), store)
    request = TurnRequest(messages=(Message("user", ""),), sampling=SamplingParams(max_tokens=8))
    events = list(session.continue_reply(request, CancelToken(), reply_id=reply.id))
    (finished,) = (event for event in events if isinstance(event, TurnFinished))
    continued = store.node(finished.turn.reply.id)
    assert continued.parent_id == reply.parent_id
    assert continued.message.content == reply.message.content.rstrip(" ") + "and on."
    assert continued.status == "complete"
    assert store.node(reply.id) == reply


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "chatterm.db"


def test_kills_in_mid_reply_lose_no_more_than_a_moment(database: Path) -> None:
    check_kills(database, range(6))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_200_kills_in_mid_reply_lose_no_more_than_a_moment(database: Path) -> None:
    check_kills(database, range(1000, 1200))
