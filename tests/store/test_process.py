"""Telling whether the process that wrote a reply still runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chatterm.store import ConversationStore
from chatterm.store.process import ProcessName, fate_of, started, started_by_ps, this_process
from tests.store.samples import RECORD, ask, raw

ME = this_process()


def test_this_process_runs() -> None:
    assert fate_of(str(ME)) == "running"


@pytest.mark.parametrize(
    ("name", "fate"),
    [
        (ME._replace(started="1"), "gone"),  # the number serves another process by now
        (ME._replace(boot="00000000-0000"), "gone"),  # the machine was started again since
        (ME._replace(number=str(2**40)), "gone"),
        (ME._replace(machine="elsewhere/1234"), "unknown"),
        (ME._replace(namespace="pid:[1]"), "unknown"),  # another container
        (ME._replace(machine="elsewhere/1234", boot="0"), "unknown"),
        (ME._replace(started="?"), "running"),
        (ME._replace(number="-1"), "unknown"),
        ("", "unknown"),
        ("what is this", "unknown"),
    ],
)
def test_what_becomes_of_others(name: ProcessName | str, fate: str) -> None:
    assert fate_of(str(name)) == fate


def test_the_dead_are_gone_before_and_after_they_are_reaped() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = str(ME._replace(number=str(child.pid), started=started(child.pid) or "none"))
    assert fate_of(name) == "running"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert fate_of(name) == "gone"
    child.communicate()
    assert fate_of(name) == "gone"


@pytest.mark.skipif(not shutil.which("ps"), reason="asks ps")
def test_ps_tells_the_same_story() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    first = started_by_ps(child.pid)
    assert first
    assert " " not in first
    assert started_by_ps(child.pid) == first
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert started_by_ps(child.pid) is None
    child.communicate()
    assert started_by_ps(child.pid) is None


@pytest.mark.parametrize(
    ("name", "created", "status"),
    [
        (str(ME), None, "streaming"),
        (str(ME), "2020-01-01T00:00:00+00:00", "streaming"),
        (str(ME._replace(boot="0")), None, "interrupted"),
        (str(ME._replace(machine="elsewhere")), None, "streaming"),
        (str(ME._replace(machine="elsewhere")), "2020-01-01T00:00:00+00:00", "interrupted"),
    ],
    ids=["ours", "ours, old", "before the last boot", "elsewhere", "elsewhere, old"],
)
def test_a_streaming_reply_is_interrupted_only_where_its_writer_must_be_gone(
    store: ConversationStore, database: Path, name: str, created: str | None, status: str
) -> None:
    reply = store.begin_reply(ask(store), RECORD)
    with raw(database) as connection:
        connection.execute("UPDATE reply SET writer = ?", (name,))
        if created:
            connection.execute("UPDATE message SET created = ?", (created,))
    assert store.node(reply.id).status == status
    ConversationStore.open(database).close()
    assert store.node(reply.id).status == status
