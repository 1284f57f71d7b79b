"""Locks and journals: waiting for rivals, writing ahead, and file systems on which that cannot work."""

import threading
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.errors import StoreError
from chatterm.store import ConversationStore
from chatterm.store.files import network_type
from tests.store.samples import ask, raw


def test_a_lock_is_waited_for_and_then_told(database: Path) -> None:
    with closing(ConversationStore.open(database, timeout_s=0.05)) as store, raw(database) as rival:
        question = ask(store)
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=f"{database} is locked: another program"):
            store.append(question.conversation_id, question.id, Message("user", "more"))
        assert store.path(question.conversation_id) == (question,)
        rival.execute("COMMIT")
        store.append(question.conversation_id, question.id, Message("user", "more"))


def test_opening_a_locked_file_is_told(database: Path) -> None:
    database.parent.mkdir()
    with raw(database) as rival:
        rival.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="is locked"):
            ConversationStore.open(database, timeout_s=0.05)
    ConversationStore.open(database).close()


def test_the_journal_is_changed_as_soon_as_a_rival_lets_go(database: Path) -> None:
    """SQLite does not wait for this lock, whatever its timeout."""
    database.parent.mkdir()
    with raw(database) as rival:
        rival.execute("BEGIN IMMEDIATE")
        letting_go = threading.Timer(0.1, lambda: rival.execute("ROLLBACK"))
        letting_go.start()
        ConversationStore.open(database).close()
        letting_go.join()


def test_a_file_that_is_opened_writes_ahead(store: ConversationStore, database: Path) -> None:
    assert store.notices == ()
    with raw(database) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_network_file_system_gets_a_rollback_journal_and_one_notice(tmp_path: Path) -> None:
    path, mounts = tmp_path / "nfs" / "chatterm.db", tmp_path / "mounts"
    mounts.write_text(f"server:/home {tmp_path}/nfs nfs4 rw 0 0\n")
    with closing(ConversationStore.open(path, mounts=mounts)) as store:
        assert "network file system (nfs4)" in store.notices[0]
        ask(store)
    with closing(ConversationStore.open(path, mounts=mounts)) as store:
        assert store.notices == ()
    with raw(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_database_that_moves_to_a_network_changes_its_journal(tmp_path: Path) -> None:
    path, mounts = tmp_path / "chatterm.db", tmp_path / "mounts"
    ConversationStore.open(path).close()
    mounts.write_text(f"//nas/share {tmp_path} cifs rw 0 0\n")
    with closing(ConversationStore.open(path, mounts=mounts)) as store:
        assert "cifs" in store.notices[0]
    with raw(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/me/x.db", "nfs"),
        ("/home/me/local/x.db", None),
        ("/home2/x.db", None),
        ("/mnt/two words/x.db", "fuse.sshfs"),
        ("/over/x.db", "smb3"),
        ("/x.db", None),
    ],
)
def test_the_innermost_mount_decides(tmp_path: Path, path: str, expected: str | None) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\n"
        "server:/home /home nfs rw 0 0\n"
        "/dev/sdb /home/me/local ext4 rw 0 0\n"
        "me@host: /mnt/two\\040words fuse.sshfs rw 0 0\n"
        "tmpfs /over tmpfs rw 0 0\n"
        "//nas/x /over smb3 rw 0 0\n"
    )
    assert network_type(Path(path), mounts) == expected


def test_without_a_table_of_mounts_no_file_system_is_remote(tmp_path: Path) -> None:
    assert network_type(tmp_path / "x.db", tmp_path / "absent") is None
