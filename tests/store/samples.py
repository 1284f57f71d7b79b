"""What the tests of the store put into it, and how they look past it into the file."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chatterm.conversation import Message, MessageNode, Usage
from chatterm.store import ConversationStore, PromptUse, ReplyRecord
from chatterm.store.driver import sqlite3
from chatterm.store.search_index import add_function

RECORD = ReplyRecord(
    model_identity="sha256:5f70bf18",
    model_name="smol",
    engine="local",
    sampling={"temperature": 0.2, "stop": ["\n\n", "结束"], "top_k": 0},
    seed=2**63 - 1,
    sample=1,
    prompt=PromptUse(id="legal/clauses", version=3, sha256="ab" * 32, values={"party": "买方", "lang": "zh"}),
)
USAGE = Usage(input_tokens=120, cached_tokens=100, output_tokens=7, prefill_s=0.25, decode_s=0.5)


def ask(store: ConversationStore, question: str = "What is a lien?") -> MessageNode:
    """A question in a conversation of its own."""
    return store.append(store.create_conversation(), None, Message("user", question))


def answer(
    store: ConversationStore, question: MessageNode, text: str = "A claim on property."
) -> MessageNode:
    reply = store.begin_reply(question, RECORD)
    return store.finish_reply(
        reply.id, text, status="complete", finish_reason="end", usage=USAGE, token_ids=(1, 2),
        log_probabilities=((-0.5, -0.25), (-1.5, 0.0)),
    )  # fmt: skip


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file without the store, as only another program would use it."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        add_function(connection)
        yield connection


def integrity(path: Path) -> str:
    """`ok`, or what is wrong with the file, its references or its search index."""
    with raw(path) as connection:
        found: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        for index in ("title_index", "message_index"):
            connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)")
    return f"dangling references: {broken}" if broken else found


def found_by(path: Path, index: str, word: str) -> int:
    """How many rows of a search index hold `word`."""
    with raw(path) as connection:
        number: int = connection.execute(
            f"SELECT count(*) FROM {index} ({index}) WHERE {index} MATCH ?", (f'"{word}"',)
        ).fetchone()[0]
    return number


def wait_until(is_true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.002)
