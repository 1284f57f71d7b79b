"""Programs that tests run in processes of their own: `python -m tests.store.children NAME DATABASE ...`."""

import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from chatterm.conversation import Message
from chatterm.errors import StoreError
from chatterm.store import ConversationStore, ReplyWriter
from tests.store.samples import RECORD, answer, ask


def say(**facts: object) -> None:
    """One line of JSON for the supervisor, at once."""
    os.write(sys.stdout.fileno(), json.dumps(facts).encode() + b"\n")


def start(database: Path) -> None:
    """Open the store for the first time, as soon as the supervisor says so."""
    say(ready=True)
    sys.stdin.readline()
    with closing(ConversationStore.open(database)) as store:
        say(conversation=answer(store, ask(store)).conversation_id)


def write(database: Path, num_turns: str) -> None:
    """Turns at full speed, each reply with its checkpoints."""
    say(ready=True)
    sys.stdin.readline()
    with closing(ConversationStore.open(database)) as store:
        question = ask(store, "0")
        for number in range(int(num_turns)):
            reply = store.begin_reply(question, RECORD)
            store.checkpoint(reply.id, "half")
            finished = store.finish_reply(reply.id, f"reply {number}", status="complete")
            question = store.append(finished.conversation_id, finished.id, Message("user", str(number + 1)))
    say(conversation=question.conversation_id)


def stream(database: Path, seed: str) -> None:
    """Stream an endless reply at a changing pace, telling each piece when it is shown. A kill ends it."""
    chance = random.Random(seed)
    slowest_s = chance.choice([0.0, 0.01, 0.05, 0.3])
    with closing(ConversationStore.open(database)) as store:
        question = ask(store, f"question {seed}")
        writer = ReplyWriter.begin(store, question, RECORD)
        say(question=question.id, reply=writer.node.id, pid=os.getpid())
        for number in range(1_000_000):
            time.sleep(slowest_s * chance.random())
            text = f"{seed}/{number} "
            writer.add(text, [number])
            say(text=text, at=time.monotonic())


def hold(database: Path) -> None:
    """Begin a reply and stay alive, until the supervisor closes standard input."""
    with closing(ConversationStore.open(database)) as store:
        writer = ReplyWriter.begin(store, ask(store, "held"), RECORD)
        writer.add("thinking")
        while not store.node(writer.node.id).message.content:
            time.sleep(0.01)
        say(reply=writer.node.id)
        sys.stdin.read()
        writer.finish("complete", "end")


def fill(database: Path) -> None:
    """Stream a reply on a small disk that fills up, then is freed."""
    filler = database.with_name("filler")
    with closing(ConversationStore.open(database)) as store:
        question = ask(store, "kept")
        writer = ReplyWriter(store, store.begin_reply(question, RECORD), interval_s=0.02, retry_s=0.02)
        with filler.open("wb", buffering=0) as file:
            while not _is_full(file.write):
                pass
        while not writer.error:
            writer.add("x" * 5000, [1])
        try:
            ask(store)
        except StoreError as error:
            say(error=str(writer.error), refused=str(error))
        say(earlier=store.node(question.id).message.content)
        filler.unlink()
        while writer.error:
            time.sleep(0.01)
        finished = writer.finish("complete", "end")
        say(error=str(writer.error), stored=store.node(finished.id).message.content == writer.text)


def _is_full(write_to: Callable[[bytes], object]) -> bool:
    try:
        write_to(b"\0" * 512)
    except OSError:
        return True
    return False


def outgrow(database: Path) -> None:
    """Write beyond a limit on the size of files."""
    with closing(ConversationStore.open(database)) as store:
        question = ask(store, "kept")
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            ask(store, "x" * 1_000_000)
        except StoreError as error:
            say(refused=str(error))
        say(earlier=store.path(question.conversation_id)[0].message.content)


if __name__ == "__main__":
    name, database, *rest = sys.argv[1:]
    globals()[name](Path(database), *rest)
