"""`chatterm db`: check, backup and salvage as they are run."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.cli.main import run
from chatterm.conversation import Message
from chatterm.store import ConversationStore


@pytest.fixture
def database(home: Path) -> Path:
    path = home / "data" / "chatterm.db"
    with closing(ConversationStore.open(path)) as store:
        store.append(store.create_conversation(), None, Message("user", "hello there " * 20_000))
    return path


def test_check_says_sound_or_damaged(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "check"]) == 0
    assert "sound" in capsys.readouterr().out
    assert run(["db", "check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["path"], found["is_sound"], found["num_messages"]) == (str(database), True, 1)
    data = database.read_bytes()
    middle = len(data) // 2
    database.write_bytes(data[:middle] + b"\xff" * 8192 + data[middle + 8192 :])
    assert run(["db", "check"]) == 7
    told = capsys.readouterr()
    assert "damaged" in told.out
    assert "db salvage" in told.err


def test_backup_and_salvage_make_new_files(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("backup", "salvage"):
        target = tmp_path / f"{command}.db"
        assert run(["db", command, str(target)]) == 0
        assert capsys.readouterr().out == f"{target}\n"
        with closing(ConversationStore.open(target)) as store:
            assert store.conversations()[0].num_messages == 1
        assert run(["db", command, str(target)]) == 2
        assert "exists already" in capsys.readouterr().err


def test_without_a_database_there_is_nothing_to_check(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "check"]) == 7
    assert "there is no database" in capsys.readouterr().err
    assert not (home / "data").exists()
