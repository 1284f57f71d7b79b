"""Check, backup and salvage, on sound and on damaged files."""

import random
import shutil
import stat
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.errors import StoreError, UsageError
from chatterm.store import ConversationStore
from chatterm.store.salvage import RECOVERED, salvage
from chatterm.store.upkeep import back_up, examine
from tests.store.samples import RECORD, answer, ask, integrity, raw


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 conversations of four messages each, closed."""
    path = tmp_path_factory.mktemp("template") / "chatterm.db"
    with closing(ConversationStore.open(path)) as store, closing(ConversationStore.in_memory()) as quick:
        for number in range(100):
            reply = answer(quick, ask(quick, f"question {number} " * 30), f"reply {number} " * 60)
            quick.append(reply.conversation_id, reply.id, Message("user", f"more {number}"))
            quick.append(reply.conversation_id, None, Message("user", f"edited {number}"))
        quick.attach(reply.id, "a.txt", b"data" * 100)
        quick.add_tag(reply.conversation_id, "law")
        store.add_whole(map(quick.whole, quick.conversation_ids()))
    return path


@pytest.fixture
def filled(template: Path, database: Path) -> Path:
    database.parent.mkdir()
    return Path(shutil.copy(template, database))


def damage(path: Path, share: float, seed: int = 0) -> None:
    """Fill some pages with noise, never the first one, which says what the file is."""
    data, chance = bytearray(path.read_bytes()), random.Random(seed)
    for page in range(20, len(data) // 4096):
        if chance.random() < share:
            data[page * 4096 : page * 4096 + 4096] = chance.randbytes(4096)
    path.write_bytes(bytes(data))


def test_a_sound_database_is_sound(filled: Path) -> None:
    before = filled.read_bytes()
    found = examine(filled)
    assert (found.faults, found.num_conversations, found.num_messages) == ((), 100, 400)
    assert filled.read_bytes() == before


def test_a_database_in_use_is_examined_and_copied(
    store: ConversationStore, database: Path, tmp_path: Path
) -> None:
    reply = store.begin_reply(ask(store, "in the -wal file"), RECORD)
    assert examine(database).faults == ()
    back_up(database, tmp_path / "copy.db")
    store.finish_reply(reply.id, "done", status="complete")
    assert examine(tmp_path / "copy.db").num_messages == 2


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM message WHERE parent_id IS NULL", "refers to"),
        ("UPDATE message SET serial = 10000 WHERE serial = 1", "not older"),
        ("UPDATE attachment SET num_links = 7", "links"),
        ("DELETE FROM message_index_docsize WHERE id = 3", "message_index lacks 1 texts"),
        ("UPDATE conversation SET active_leaf = (SELECT id FROM message WHERE serial = 9) WHERE serial = 1",
         "another conversation"),
    ],
)  # fmt: skip
def test_faults_are_told(filled: Path, statement: str, fault: str) -> None:
    with raw(filled) as connection:
        connection.execute(statement)
    assert any(fault in line for line in examine(filled).faults)


def test_damaged_pages_are_told(filled: Path) -> None:
    damage(filled, 0.2)
    assert examine(filled).faults


@pytest.mark.parametrize(
    "work",
    [
        examine,
        lambda path: back_up(path, path.with_name("c")),
        lambda path: salvage(path, path.with_name("c")),
    ],
)
@pytest.mark.parametrize("content", [None, b"no database " * 100, b"SQLite format 3\x00" + b"\xff" * 500])
def test_what_is_no_database_is_named(tmp_path: Path, work: object, content: bytes | None) -> None:
    path = tmp_path / "chatterm.db"
    if content is not None:
        path.write_bytes(content)
    assert callable(work)
    with pytest.raises(StoreError, match=r"chatterm\.db"):
        work(path)
    assert [one.name for one in tmp_path.iterdir()] == ([] if content is None else [path.name])


def test_a_backup_is_whole_and_of_its_owner_alone(filled: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    back_up(filled, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert integrity(target) == "ok"
    with closing(ConversationStore.open(target)) as copy, closing(ConversationStore.open(filled)) as store:
        assert [copy.whole(one) for one in copy.conversation_ids()] == [
            store.whole(one) for one in store.conversation_ids()
        ]
    assert {one.name for one in tmp_path.iterdir()} <= {"copy.db", "data"}


@pytest.mark.parametrize("work", [back_up, salvage])
def test_an_existing_file_is_never_replaced(filled: Path, tmp_path: Path, work: object) -> None:
    target = tmp_path / "mine.txt"
    target.write_text("mine", encoding="utf-8")
    assert callable(work)
    with pytest.raises(UsageError, match="exists already"):
        work(filled, target)
    with pytest.raises(UsageError, match="cannot write"):
        work(filled, tmp_path / "nowhere" / "x.db")
    assert target.read_text(encoding="utf-8") == "mine"


def test_salvaging_a_sound_database_loses_nothing(filled: Path, tmp_path: Path) -> None:
    before = filled.read_bytes()
    saved = salvage(filled, tmp_path / "new.db")
    assert (saved.num_conversations, saved.num_messages, saved.damaged_tables) == (100, 400, ())
    assert filled.read_bytes() == before
    assert integrity(tmp_path / "new.db") == "ok"
    assert examine(tmp_path / "new.db").faults == ()
    with (
        closing(ConversationStore.open(tmp_path / "new.db")) as copy,
        closing(ConversationStore.open(filled)) as store,
    ):
        assert [copy.whole(one) for one in copy.conversation_ids()] == [
            store.whole(one) for one in store.conversation_ids()
        ]


@pytest.mark.parametrize("seed", range(4))
def test_what_can_be_read_of_a_damaged_database_is_brought_over(
    filled: Path, tmp_path: Path, seed: int
) -> None:
    for more in range(10):  # ids are random, and so is what the damaged pages hold: indexes alone, it may be
        damage(filled, 0.05, seed + 10 * more)
        (tmp_path / "new.db").unlink(missing_ok=True)
        saved = salvage(filled, tmp_path / "new.db")
        if saved.damaged_tables:
            break
    assert saved.damaged_tables
    assert saved.num_messages > 100
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600
    assert integrity(tmp_path / "new.db") == "ok"
    assert examine(tmp_path / "new.db").faults == ()
    with closing(ConversationStore.open(tmp_path / "new.db")) as store:
        for identity in store.conversation_ids():
            store.whole(identity)
            store.path(identity)


def test_what_lost_its_relatives_is_mended(filled: Path, tmp_path: Path) -> None:
    with raw(filled) as connection:
        connection.execute("DELETE FROM message WHERE serial = 2")
        connection.execute("DELETE FROM conversation WHERE serial = 2")
        connection.execute("DELETE FROM attachment")
    salvage(filled, tmp_path / "new.db")
    assert examine(tmp_path / "new.db").faults == ()
    with closing(ConversationStore.open(tmp_path / "new.db")) as store:
        titles = [store.summary(one).title for one in store.conversation_ids()]
        assert titles.count(RECOVERED) == 1
        assert len(titles) == 100
        first = store.whole(store.conversation_ids()[0])
        assert [message.node.parent_id for message in first.messages] == [None, None, None]
        assert store.search("more 0")
