"""Programs that the tests kill: `python -m tests.durability.children NAME DATABASE ...`."""

import json
import os
import random
import sys
import time
from contextlib import closing
from pathlib import Path

from chatterm.conversation import Message
from chatterm.engine.base import CancelToken, SamplingParams, TextDelta
from chatterm.engine.hosted import open_hosted
from chatterm.engine.registry import EchoModel, EngineOptions
from chatterm.session import ChatSession, TurnRequest, TurnStarted
from chatterm.store import ConversationStore

LENGTH = 5_000
"""Words of a question: more than is ever said before the kill."""


def question_of(seed: str) -> str:
    return " ".join(f"{seed}/{number}" for number in range(LENGTH))


def turn(database: Path, seed: str) -> None:
    """Run a turn as the app does, its engine in a process of its own; tell each piece when it is shown."""
    rate = random.Random(seed).choice([5, 30, 100, 400])
    options = EngineOptions(context_length=10**6, cache=database.parent)
    request = TurnRequest(
        messages=(Message("user", question_of(seed)),), sampling=SamplingParams(max_tokens=10**6)
    )
    with (
        closing(ConversationStore.open(database)) as store,
        closing(open_hosted(EchoModel(rate), options)) as engine,
    ):
        for event in ChatSession(engine, store).send(request, CancelToken()):
            match event:
                case TurnStarted(question=question, reply=reply):
                    say(question=question.id, reply=reply.id, host=engine.host_pid)
                case TextDelta(text=text):
                    say(text=text, at=time.monotonic())


def say(**facts: object) -> None:
    """One line of JSON for the supervisor, at once."""
    os.write(sys.stdout.fileno(), json.dumps(facts).encode() + b"\n")


if __name__ == "__main__":
    name, database, *rest = sys.argv[1:]
    globals()[name](Path(database), *rest)
