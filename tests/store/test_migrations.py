"""Schemas: what the first one promises, and how an older database reaches a newer one."""

import hashlib
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from chatterm.errors import StoreError
from chatterm.store import ConversationStore
from chatterm.store.driver import sqlite3
from chatterm.store.migrations import MIGRATIONS, Migration, backup_path, migrate, schema_version
from chatterm.store.schema import SCHEMA_1
from tests.store.samples import answer, ask, integrity, raw


def add_folder(database: Database) -> None:
    database.table("conversation").add_column("folder", str, not_null_default="inbox")


def rebuild_tag(database: Database) -> None:
    """A step that reshapes a table by replacing it."""
    database.executescript("""
        CREATE TABLE tag_anew (conversation_id TEXT REFERENCES conversation (id), name TEXT NOT NULL);
        INSERT INTO tag_anew SELECT conversation_id, name FROM tag;
        DROP TABLE tag;
        ALTER TABLE tag_anew RENAME TO tag;
    """)


def fail(database: Database) -> None:
    database.execute("DELETE FROM conversation")
    database.execute("INSERT INTO nowhere VALUES (1)")


def orphan(database: Database) -> None:
    database.execute("DELETE FROM conversation")


def everything(path: Path) -> list[object]:
    """The schema, its version, and what its tables hold."""
    with raw(path) as connection:
        schema = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        rows = [
            connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("conversation", "message")
        ]
        return [schema_version(connection), schema, *rows]


@pytest.fixture
def old(database: Path) -> Path:
    """A database of schema 1 with something in it."""
    with closing(ConversationStore.open(database)) as store:
        answer(store, ask(store))
    return database


def upgrade(path: Path, *steps: Migration) -> None:
    with raw(path) as connection:
        migrate(connection, path, (*MIGRATIONS, *steps))


def test_a_new_database_has_the_newest_schema(store: ConversationStore, database: Path) -> None:
    with raw(database) as connection:
        assert schema_version(connection) == len(MIGRATIONS)
        tables = set(Database(connection).table_names())
    wanted = {"conversation", "message", "reply", "attachment", "message_attachment", "tag", "partial_result"}
    assert wanted | {"title_index", "message_index"} <= tables


def test_the_first_schema_is_as_it_was_released() -> None:
    """Databases of it exist: a change is a migration, never an edit."""
    digest = hashlib.sha256(SCHEMA_1.encode()).hexdigest()
    assert digest == "56fce643746e2cbad956b2a51c86ccd1414cdcfc1c1fc24bb48f1a17e52dd4ee"


def test_an_older_database_is_backed_up_and_brought_up_to_date(old: Path) -> None:
    with raw(old) as connection:
        before = connection.execute("SELECT * FROM message").fetchall()
    upgrade(old, add_folder, rebuild_tag)
    with raw(old) as connection:
        assert schema_version(connection) == len(MIGRATIONS) + 2
        assert connection.execute("SELECT folder FROM conversation").fetchone() == ("inbox",)
        assert connection.execute("SELECT * FROM message").fetchall() == before
    assert integrity(old) == "ok"
    backup = backup_path(old, len(MIGRATIONS))
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(ConversationStore.open(backup)) as store:
        assert store.conversations()[0].num_messages == 2
    assert sorted(path.name for path in old.parent.iterdir()) == sorted([old.name, backup.name])


def test_a_step_that_fails_is_rolled_back_with_all_before_it(old: Path) -> None:
    before = everything(old)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        upgrade(old, add_folder, fail)
    assert everything(old) == before
    assert backup_path(old, len(MIGRATIONS)).exists()


def test_a_step_that_leaves_dangling_references_is_rolled_back(old: Path) -> None:
    with pytest.raises(StoreError, match="refers to"):
        upgrade(old, orphan)
    with closing(ConversationStore.open(old)) as store:
        assert store.conversations()[0].num_messages == 2


def test_a_step_is_done_once_though_many_start(old: Path) -> None:
    done: list[str] = []
    gate = threading.Barrier(6)

    def step(database: Database) -> None:
        done.append("step")
        add_folder(database)

    def start() -> None:
        with closing(sqlite3.connect(old, isolation_level=None, timeout=10)) as connection:
            gate.wait()
            migrate(connection, old, (*MIGRATIONS, step))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == ["step"]
    assert integrity(old) == "ok"


def test_a_backup_holds_what_a_killed_process_left_in_the_wal(old: Path) -> None:
    with closing(ConversationStore.open(old)) as store:
        ask(store, "still in the -wal file")
        upgrade(old, add_folder)
    with closing(ConversationStore.open(backup_path(old, len(MIGRATIONS)))) as store:
        assert [one.num_messages for one in store.conversations()] == [1, 2]


def test_an_older_read_only_database_says_what_it_needs(guarded_folder: Path) -> None:
    path = guarded_folder / "chatterm.db"
    path.touch()
    path.chmod(0o400)
    with pytest.raises(
        StoreError, match=f"has schema 0 and needs schema {len(MIGRATIONS)}, but it is read-only"
    ):
        ConversationStore.open(path)


def test_attachments_are_kept_once_as_long_as_they_are_linked(
    store: ConversationStore, database: Path
) -> None:
    first, second = ask(store), ask(store)
    with raw(database) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT INTO attachment (sha256, bytes) VALUES ('ab', x'00')")
        for message in (first, second):
            connection.execute("INSERT INTO message_attachment VALUES (?, 'ab', 0, 'a.txt')", (message.id,))
        links = "SELECT num_links FROM attachment"
        assert connection.execute(links).fetchall() == [(2,)]
        delete = "DELETE FROM conversation WHERE id = ?"
        connection.execute(delete, (first.conversation_id,))
        assert connection.execute(links).fetchall() == [(1,)]
        connection.execute(delete, (second.conversation_id,))
        assert connection.execute(links).fetchall() == []


def test_all_that_belongs_to_a_conversation_goes_with_it(store: ConversationStore, database: Path) -> None:
    reply = answer(store, ask(store))
    with raw(database) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        cid = (reply.conversation_id,)
        connection.execute("INSERT INTO tag VALUES (?, 'law')", cid)
        connection.execute("INSERT INTO partial_result VALUES (?, 'summary', 0, 'part', '2026')", cid)
        connection.execute("DELETE FROM conversation")
        for table in (
            "message",
            "reply",
            "tag",
            "partial_result",
            "message_index_docsize",
            "title_index_docsize",
        ):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    assert integrity(database) == "ok"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE message SET role = 'root'",
        "UPDATE message SET status = 'done'",
        "UPDATE message SET parent_id = 'nobody'",
        "UPDATE message SET conversation_id = 'nowhere'",
        "UPDATE conversation SET active_leaf = 'nobody'",
        "UPDATE reply SET finish_reason = 'bored'",
        "UPDATE conversation SET pinned = 2",
    ],
)
def test_the_schema_refuses_what_is_no_tree(store: ConversationStore, database: Path, statement: str) -> None:
    answer(store, ask(store))
    with raw(database) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_database_of_every_schema_reaches_the_newest(database: Path, version: int) -> None:
    """Rows of the first schema go through all steps so far, then through the rest as the store opens."""
    database.parent.mkdir()
    with raw(database) as connection:
        migrate(connection, None, MIGRATIONS[:1])
        connection.executescript("""
            INSERT INTO conversation (id, title, created, updated, pinned)
                VALUES ('aaaabbbbccccdddd', '留置权', '2026', '2026', 1);
            INSERT INTO message (id, conversation_id, role, content, status, created)
                VALUES ('q', 'aaaabbbbccccdddd', 'user', 'What is a lien?', 'complete', '2026');
            INSERT INTO message (id, conversation_id, parent_id, role, content, status, created)
                VALUES ('a', 'aaaabbbbccccdddd', 'q', 'assistant', 'A claim.', 'stopped', '2026');
            INSERT INTO reply (message_id, model_identity, model_name, engine, sampling, seed, sample, writer)
                VALUES ('a', 'sha256:ab', 'smol', 'local', '{"top_k": 5}', 7, 0, 'gone');
            INSERT INTO tag VALUES ('aaaabbbbccccdddd', 'law');
            INSERT INTO attachment (sha256, bytes) VALUES ('ab', x'00ff');
            INSERT INTO message_attachment VALUES ('q', 'ab', 0, 'deed.pdf');
            UPDATE conversation SET active_leaf = 'a';
        """)
        migrate(connection, None, MIGRATIONS[:version])
    with closing(ConversationStore.open(database)) as store:
        whole = store.whole("aaaabbbbccccdddd")
        assert [one.node.message.content for one in whole.messages] == ["What is a lien?", "A claim."]
        assert (whole.title, whole.tags, whole.pinned) == ("留置权", ("law",), True)
        assert [file.data for file in whole.messages[0].files] == [b"\x00\xff"]
        assert whole.messages[1].reply
        assert whole.messages[1].reply.record.sampling == {"top_k": 5}
        assert [hit.message_id for hit in store.search("lien")] == ["q"]
        assert [hit.message_id for hit in store.search("置权")] == [None]
    assert integrity(database) == "ok"
    assert backup_path(database, version).exists() is (version < len(MIGRATIONS))
