"""Several processes on one database: racing starts, writers at once, kills in mid-reply, full disks."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.errors import StoreError
from chatterm.store import ConversationStore
from tests.store.samples import RECORD, ask, found_by, integrity
from tests.store.supervisor import ROOT, Child, at_once, command, heard, running

GRACE_S = 1.0
"""Of the machine, not of the store: how late a busy machine may run a thread that is due."""


def test_eight_first_starts_at_once_all_succeed(database: Path) -> None:
    with running(*[command("start", database)] * 8) as children:
        at_once(children)
        told = {heard(child)["conversation"] for child in children}
        assert [child.wait(timeout=30) for child in children] == [0] * 8
    with closing(ConversationStore.open(database)) as store:
        assert {one.id for one in store.conversations()} == told
    assert len(told) == 8
    assert integrity(database) == "ok"


def test_eight_writers_at_once_store_everything(database: Path) -> None:
    with running(*[command("write", database, "40")] * 8) as children:
        at_once(children)
        told = [heard(child)["conversation"] for child in children]
    with closing(ConversationStore.open(database)) as store:
        for cid in told:
            contents = [node.message.content for node in store.path(cid)]
            assert contents == ["0", *(text for n in range(40) for text in (f"reply {n}", str(n + 1)))]
    assert integrity(database) == "ok"


def kill_in_mid_reply(database: Path, seed: int) -> tuple[int, float]:
    """Kill a streaming process at a random moment and compare what it showed with what is stored.

    Returns how many tokens are missing, and how long ago, in seconds, the first of them was shown.
    """
    with running(command("stream", database, str(seed))) as [child]:
        begun = heard(child)
        time.sleep(random.Random(seed).uniform(0.0, 1.2))
        child.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        shown = [json.loads(line) for line in lines(child)]
        child.wait()
    with closing(ConversationStore.open(database)) as store:
        assert store.node(begun["question"]).message.content == f"question {seed}"
        reply = store.node(begun["reply"])
    assert reply.status == "interrupted"
    stored = reply.message.content
    text = "".join(piece["text"] for piece in shown)
    if stored.startswith(text):  # what was stored last may not have been shown any more
        return 0, 0.0
    assert text.startswith(stored)
    missing = shown[stored.count(" ") :]
    return len(missing), killed - missing[0]["at"]


def lines(child: Child) -> list[str]:
    """What a dead child said; a kill may have cut the last line."""
    assert child.stdout
    return [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]


def check_kills(database: Path, seeds: range) -> None:
    with ThreadPoolExecutor(4) as four_at_a_time:
        losses = list(four_at_a_time.map(lambda seed: kill_in_mid_reply(database, seed), seeds))
    assert integrity(database) == "ok"
    assert max(tokens for tokens, _ in losses) <= 20
    assert max(seconds for _, seconds in losses) <= 0.25 + GRACE_S
    with closing(ConversationStore.open(database)) as store:
        assert len(store.conversations(limit=1000)) == len(seeds)


def test_20_kills_in_mid_reply_lose_no_more_than_a_moment(database: Path) -> None:
    check_kills(database, range(20))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_200_kills_in_mid_reply_lose_no_more_than_a_moment(database: Path) -> None:
    check_kills(database, range(1000, 1200))
    started = time.perf_counter()
    ConversationStore.open(database).close()
    assert time.perf_counter() - started < 2


def test_a_reply_that_a_live_process_writes_is_not_interrupted(database: Path) -> None:
    with running(command("hold", database)) as [child]:
        reply_id = heard(child)["reply"]
        with closing(ConversationStore.open(database)) as store:
            assert store.node(reply_id).status == "streaming"
            with pytest.raises(StoreError, match="not open for writing"):
                store.checkpoint(reply_id, "meddling")
            child.communicate("")
            assert (store.node(reply_id).status, store.node(reply_id).message.content) == (
                "complete",
                "thinking",
            )


def test_a_killed_writers_reply_is_interrupted_at_once_and_then_found(database: Path) -> None:
    with running(command("hold", database)) as [child], closing(ConversationStore.open(database)) as store:
        reply_id = heard(child)["reply"]
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet reaped
        assert store.node(reply_id).status == "interrupted"
        assert found_by(database, "message_index", "thinking") == 0
        with closing(ConversationStore.open(database)):
            assert found_by(database, "message_index", "thinking") == 1
        assert store.node(reply_id).message.content == "thinking"


def test_an_interrupted_reply_is_continued_by_a_sibling(database: Path) -> None:
    with running(command("hold", database)) as [child]:
        reply_id = heard(child)["reply"]
    with closing(ConversationStore.open(database)) as store:
        before = store.node(reply_id)
        assert before.parent_id
        reply = store.begin_reply(store.node(before.parent_id), RECORD, content=before.message.content)
        store.finish_reply(reply.id, "thinking on", status="complete")
        contents = [node.message.content for node in store.siblings(reply_id)]
        assert contents == ["thinking", "thinking on"]


def said_by(arguments: list[str]) -> list[dict[str, object]]:
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def small_disk(folder: Path, arguments: list[str]) -> list[str]:
    """The command with a disk of 2 MB at `folder`, which only it sees."""
    script = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'
    return ["unshare", "-rm", "sh", "-c", script, str(folder), *arguments]


def can_mount(folder: Path) -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run(small_disk(folder, ["true"]), capture_output=True, check=False).returncode == 0


def test_a_full_disk_keeps_the_reply_and_stores_it_when_there_is_room(tmp_path: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("needs a user who may mount a small disk")
    failed, earlier, after = said_by(small_disk(tmp_path, command("fill", tmp_path / "chatterm.db")))
    assert "the disk is full" in str(failed["error"])
    assert "the disk is full" in str(failed["refused"])
    assert earlier == {"earlier": "kept"}
    assert after == {"error": "None", "stored": True}


def test_a_limit_on_files_is_told_and_what_was_stored_is_intact(database: Path) -> None:
    refused, earlier = said_by(command("outgrow", database))
    assert f"{database} could not be read or written" in str(refused["refused"])
    assert earlier == {"earlier": "kept"}
    assert integrity(database) == "ok"


def test_reopening_after_many_kills_marks_each_reply_once(database: Path) -> None:
    with running(*[command("hold", database)] * 4) as children:
        for child in children:
            heard(child)
    with closing(ConversationStore.open(database)) as store:
        newest = ask(store).conversation_id
        paths = [store.path(one.id) for one in store.conversations() if one.id != newest]
    assert [path[-1].status for path in paths] == ["interrupted"] * 4
