"""Opening: what is made, for whom it is readable, and every database that cannot be used."""

import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.errors import StoreError
from chatterm.store import ConversationStore
from tests.store.conftest import NOBODY
from tests.store.samples import ask, integrity, raw

Tree = dict[str, tuple[int, str]]


def modes_and_hashes(folder: Path) -> Tree:
    """Every file below `folder`, with what must not change when a database is refused."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path): (stat.S_IMODE(path.stat().st_mode), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    }


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0, 0o022, 0o777])
def test_what_is_made_is_for_its_owner_alone(guarded_folder: Path, mask: int) -> None:
    database = guarded_folder / "new" / "data" / "chatterm.db"
    with umask(mask), closing(ConversationStore.open(database)) as store:
        ask(store)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in guarded_folder.rglob("*")}
    files = {"chatterm.db": 0o600, "chatterm.db-wal": 0o600, "chatterm.db-shm": 0o600}
    assert modes == {"new": 0o700, "data": 0o700, **files}


def test_a_database_that_others_may_read_is_closed_to_them(database: Path) -> None:
    ConversationStore.open(database).close()
    database.chmod(0o664)
    ConversationStore.open(database).close()
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_the_mode_of_a_folder_that_was_there_is_its_owners_choice(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    ConversationStore.open(tmp_path / "chatterm.db").close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_an_empty_file_counts_as_new(database: Path) -> None:
    database.parent.mkdir()
    database.touch()
    with closing(ConversationStore.open(database)) as store:
        ask(store)
    assert integrity(database) == "ok"


@pytest.mark.parametrize("name", ["a?mode=memory#x", "per%20cent", "汉 字", os.fsdecode(b"byte\xff")])
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    with closing(ConversationStore.open(tmp_path / name / name)) as store:
        ask(store)
    assert (tmp_path / name / name).stat().st_size > 0


def not_a_database(path: Path) -> None:
    path.write_text("Dear diary, this is no database. " * 100)


def a_picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def of_another_program(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def of_another_program_by_its_mark(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("PRAGMA application_id = 1234")


def newer(path: Path) -> None:
    ConversationStore.open(path).close()
    with raw(path) as connection:
        connection.execute("PRAGMA user_version = 99")


def newer_with_a_wal_left_behind(path: Path) -> None:
    ConversationStore.open(path).close()
    script = (
        "import os, sys; from chatterm.store.driver import sqlite3\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('PRAGMA user_version = 99')\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, path], check=True, timeout=30)
    assert path.with_name(f"{path.name}-wal").stat().st_size > 0


def damaged_at_its_root(path: Path) -> None:
    with closing(ConversationStore.open(path)) as store:
        ask(store)
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)


REFUSED = [
    (not_a_database, "is not a chatterm database .* left as it is"),
    (a_picture, "is not a chatterm database .* left as it is"),
    (a_folder, "is a folder"),
    (a_pipe, "is not a regular file"),
    (of_another_program, "is a SQLite database of another program; it was left as it is"),
    (of_another_program_by_its_mark, "is a SQLite database of another program"),
    (newer, r"has schema 99, but this chatterm knows schemas up to \d+; .* use a newer chatterm"),
    (newer_with_a_wal_left_behind, "has schema 99"),
    (damaged_at_its_root, "is damaged .* left as it is"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_no_database_of_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "chatterm.db"
    make(path)
    before = modes_and_hashes(tmp_path)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=f"{path} {message}") as caught:
        ConversationStore.open(path)
    assert caught.value.exit_code == 7
    after = modes_and_hashes(tmp_path)
    assert {name: content for name, (_, content) in after.items() if not name.endswith("-shm")} == {
        name: content for name, (_, content) in before.items() if not name.endswith("-shm")
    }


def test_damage_met_later_is_a_store_error_too(database: Path) -> None:
    with closing(ConversationStore.open(database)) as store:
        cid = ask(store, "x" * 100_000).conversation_id
    content = bytearray(database.read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    database.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"), closing(ConversationStore.open(database)) as store:
        store.path(cid)
    assert database.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"file/data/chatterm\.db cannot be used \(Not a directory\)"):
        ConversationStore.open(tmp_path / "file" / "data" / "chatterm.db")


def test_a_link_to_nowhere_is_told_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "chatterm.db").symlink_to(tmp_path / "unmounted" / "chatterm.db")
    with pytest.raises(StoreError, match="No such file"):
        ConversationStore.open(tmp_path / "chatterm.db")


def test_a_link_to_ones_own_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real.db").touch()
    (tmp_path / "chatterm.db").symlink_to(tmp_path / "disk" / "real.db")
    with closing(ConversationStore.open(tmp_path / "chatterm.db")) as store:
        ask(store)
    assert integrity(tmp_path / "disk" / "real.db") == "ok"
    assert (tmp_path / "chatterm.db").is_symlink()


def test_a_link_to_anothers_file_is_refused(tmp_path: Path) -> None:
    target = Path("/etc/hosts")
    if os.geteuid() == 0:
        target = tmp_path / "anothers.db"
        target.touch()
        os.chown(target, NOBODY, -1)
    (tmp_path / "chatterm.db").symlink_to(target)
    with pytest.raises(StoreError, match="symbolic link that belongs, or leads, to another user"):
        ConversationStore.open(tmp_path / "chatterm.db")


def test_a_link_to_anothers_folder_is_refused(tmp_path: Path) -> None:
    target = Path("/etc")
    if os.geteuid() == 0:
        target = tmp_path / "anothers"
        target.mkdir()
        os.chown(target, NOBODY, -1)
    (tmp_path / "data").symlink_to(target)
    with pytest.raises(StoreError, match="symbolic link"):
        ConversationStore.open(tmp_path / "data" / "chatterm.db")
    assert not (target / "chatterm.db").exists()


def test_a_link_that_another_placed_is_refused(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can make a link of someone else's")
    (tmp_path / "real.db").touch()
    (tmp_path / "chatterm.db").symlink_to(tmp_path / "real.db")
    os.lchown(tmp_path / "chatterm.db", NOBODY, -1)
    with pytest.raises(StoreError, match="symbolic link"):
        ConversationStore.open(tmp_path / "chatterm.db")


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_database_is_read_and_refuses_to_be_written(guarded_folder: Path, what: str) -> None:
    path = guarded_folder / "chatterm.db"
    with closing(ConversationStore.open(path)) as store:
        question = ask(store)
    path.chmod(0o400 if what == "file" else 0o600)
    guarded_folder.chmod(0o500 if what == "folder" else 0o700)
    before = modes_and_hashes(guarded_folder)
    with closing(ConversationStore.open(path)) as store:
        assert store.is_read_only
        assert "read-only" in store.notices[0]
        assert store.path(question.conversation_id) == (question,)
        assert store.last_conversation() == question.conversation_id
        with pytest.raises(StoreError, match=f"{path} is read-only, so nothing can be saved; make"):
            store.append(question.conversation_id, question.id, Message("user", "more"))
    assert modes_and_hashes(guarded_folder) == before
    guarded_folder.chmod(0o700)


def test_a_read_only_database_is_read_while_another_process_writes_it(guarded_folder: Path) -> None:
    path = guarded_folder / "chatterm.db"
    with closing(ConversationStore.open(path)) as writer:
        question = ask(writer)
        guarded_folder.chmod(0o500)
        with closing(ConversationStore.open(path)) as store:
            assert store.is_read_only
            assert store.path(question.conversation_id) == (question,)
        guarded_folder.chmod(0o700)


def test_no_database_can_be_made_in_a_read_only_folder(guarded_folder: Path) -> None:
    guarded_folder.chmod(0o500)
    with pytest.raises(StoreError, match=r"cannot be used \(Permission denied\)"):
        ConversationStore.open(guarded_folder / "chatterm.db")
    guarded_folder.chmod(0o700)
    assert list(guarded_folder.iterdir()) == []


def test_an_unreadable_database_is_told(guarded_folder: Path) -> None:
    path = guarded_folder / "chatterm.db"
    ConversationStore.open(path).close()
    path.chmod(0o000)
    with pytest.raises(StoreError, match="cannot be opened; check that you may read"):
        ConversationStore.open(path)
