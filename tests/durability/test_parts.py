"""A document read in parts, stopped in the middle: what is kept, and what the same command reads then.

The engine says each part back, so that what a part gave can be told from the document.
"""

import resource
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chatterm.store import ConversationStore
from tests.durability.test_refused import can_run, read_only
from tests.store.samples import integrity, raw
from tests.support.chatterm_process import COMMAND, Ended

LEAST_PARTS = 7
NUM_WORDS = 90
"""Of each part's reply, which ends there."""
GIVEN = "FROM partial_result WHERE position >= 0 AND content <> ''"
"""What parts gave; that a reply was cut is kept without a text."""
SECRET = "qxzwvkjq"
"""Stands in every paragraph."""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "report.txt"
    paragraphs = (
        f"{SECRET} {number} costs {number * 7} euros. It was agreed by party{number}."
        for number in range(130)
    )
    path.write_text("\n\n".join(paragraphs), encoding="utf-8")
    return path


@pytest.fixture
def database(home: Path) -> Path:
    return home / "data" / "chatterm.db"


def command(document: Path, *options: str, rate: int | None = None) -> list[str]:
    model = f"echo:{rate}" if rate else "echo"
    given = ["--ctx", "450", "--max-tokens", str(NUM_WORDS), "-f", str(document), *options]
    return [*COMMAND, "ask", "-m", model, *given, "Summarise this."]


def run(arguments: list[str]) -> Ended:
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def started(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def partials(database: Path) -> list[tuple[int, str, str]]:
    """What parts gave, with when that was kept."""
    if not database.exists():
        return []
    with raw(database) as connection:
        query = f"SELECT position, content, created {GIVEN} ORDER BY position"
        is_made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'partial_result'").fetchone()
        return connection.execute(query).fetchall() if is_made else []


def until_kept(database: Path, number: int) -> None:
    deadline = time.monotonic() + 40
    while len(partials(database)) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def said(database: Path) -> list[list[tuple[str, str]]]:
    """Role and status of the messages of each conversation, the first stored first."""
    with closing(ConversationStore.open(database)) as store:
        paths = [store.path(identity) for identity in store.conversation_ids()]
    return [
        [(node.message.role, node.status) for node in path if node.message.role != "system"] for path in paths
    ]


ASKED, ANSWERED = [("user", "complete")], [("user", "complete"), ("assistant", "complete")]


def check_stopped(database: Path, document: Path) -> list[tuple[int, str, str]]:
    """The question is there with its document, and what was read; return that."""
    assert integrity(database) == "ok"
    with closing(ConversationStore.open(database)) as store:
        (conversation,) = store.conversations()
        question = store.path(conversation.id)[-1]
        (attached,) = store.attachments(question.id)
        assert store.attachment_bytes(attached.sha256) == document.read_bytes()
    assert question.message.content == "[report.txt: 259 lines]\n\nSummarise this."
    kept = partials(database)
    assert 2 <= len(kept) < LEAST_PARTS
    assert all(len(content.split()) >= NUM_WORDS for _, content, _ in kept)
    return kept


def check_resumed(database: Path, document: Path, kept: list[tuple[int, str, str]]) -> None:
    """The same command reads the rest and answers in place; once more, it reads nothing and asks anew."""
    ended = run(command(document))
    assert (ended.code, bool(ended.out)) == (0, True)
    assert said(database) == [ANSWERED]
    everything = partials(database)
    assert [row for row in everything if row[0] in {position for position, _, _ in kept}] == kept
    assert [position for position, _, _ in everything] == list(range(len(everything)))
    assert len(everything) >= LEAST_PARTS
    again = run(command(document))
    assert again.out == ended.out
    assert said(database) == [ANSWERED, ANSWERED]
    assert partials(database) == everything
    assert integrity(database) == "ok"


def test_stopped_by_ctrl_c_it_goes_on_with_the_same_command(database: Path, document: Path) -> None:
    with started(command(document, rate=400)) as child:
        until_kept(database, 2)
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=20)
    assert child.returncode == 130
    assert b"the same command goes on" in told
    check_resumed(database, document, check_stopped(database, document))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(2, 6))
def test_killed_it_goes_on_with_the_same_command(database: Path, document: Path, number: int) -> None:
    with started(command(document, rate=400)) as child:
        until_kept(database, number)
        child.kill()
    assert said(database) == [ASKED]
    check_resumed(database, document, check_stopped(database, document))


@pytest.mark.slow
def test_two_processes_at_one_task_both_answer(database: Path, document: Path) -> None:
    with started(command(document, rate=400)) as one, started(command(document, rate=500)) as other:
        outs = [child.communicate(timeout=60)[0] for child in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0]
    assert outs[0] == outs[1] != b""
    with raw(database) as connection:
        query = f"SELECT count(*), count(DISTINCT content) {GIVEN} GROUP BY conversation_id"
        counts = connection.execute(query).fetchall()
    assert all(number == different >= LEAST_PARTS for number, different in counts)
    assert len(set(counts)) == 1
    assert integrity(database) == "ok"


def test_a_private_task_leaves_nothing_and_is_not_taken_up(home: Path, document: Path) -> None:
    with started(command(document, "--private", rate=2000)) as child:
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert out
    found = [path for path in home.rglob("*") if path.is_file()] if home.exists() else []
    assert all(SECRET.encode() not in path.read_bytes() for path in found)
    assert not (home / "data" / "chatterm.db").exists()


@pytest.mark.slow
def test_a_disk_that_fills_up_in_the_middle_still_gives_the_answer(database: Path, document: Path) -> None:
    """A limit on file sizes stands for the full disk."""
    with started(command(document, rate=400)) as child:
        until_kept(database, 2)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        out, told = child.communicate(timeout=60)
    assert child.returncode == 7
    assert out
    assert told.count(b"not saved") <= 2
    assert b"not saved" in told
    check_stopped(database, document)
    assert run(command(document)).out.encode() == out


@pytest.mark.slow
def test_a_database_that_is_read_only_still_gives_the_answer(database: Path, document: Path) -> None:
    if not can_run(read_only(document.parent, ["true"])):
        pytest.skip("needs a user who may mount")
    assert run([*COMMAND, "ask", "-m", "echo", "earlier"]).code == 0
    ended = run(read_only(database.parent, command(document)))
    assert (ended.code, bool(ended.out)) == (7, True)
    assert "not saved" in ended.err
    assert said(database) == [ANSWERED]


@pytest.mark.slow
def test_what_parts_gave_goes_with_the_conversation(home: Path, database: Path, document: Path) -> None:
    assert run(command(document)).code == 0
    with closing(ConversationStore.open(database)) as store:
        (conversation,) = store.conversations()
    shown = run([*COMMAND, "history", "show", conversation.id]).out
    markdown = run([*COMMAND, "history", "export", conversation.id]).out
    for text in (shown, markdown):
        assert "[report.txt: 259 lines]\n\nSummarise this." in text
        assert text.count(SECRET) < 100
    assert "Attached: report.txt" in markdown
    exported = run([*COMMAND, "history", "export", "--json", conversation.id]).out
    assert b64encode(document.read_bytes()).decode() in exported
    assert run([*COMMAND, "history", "rm", "--yes", conversation.id]).code == 0
    assert partials(database) == []
    files = [path for path in home.rglob("*") if path.is_file()]
    assert all(SECRET.encode() not in path.read_bytes() for path in files)
