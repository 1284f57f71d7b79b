"""Titles, pins, archive, tags and attachments; and that deleted text is in none of the files."""

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.errors import StoreError, UnknownName, UsageError
from chatterm.store import ConversationStore
from chatterm.store.titles import MAX_CELLS, title_of
from tests.store.samples import RECORD, answer, ask, integrity, raw


def title(store: ConversationStore, conversation_id: str) -> str:
    (found,) = [one.title for one in store.conversations(archived=None) if one.id == conversation_id]
    return found


@pytest.mark.parametrize(
    ("question", "reply", "expected"),
    [
        ("What is a lien?", "A claim.", "What is a lien?"),
        ("  what\n is\ta lien ", "A claim.", "what is a lien"),
        ("Hi! Could you please explain liens?", "Sure.", "Explain liens?"),
        ("你好，请问什么是留置权？", "一种担保。", "什么是留置权？"),
        ("hi", "# Liens\n\nA lien is a claim.", "Liens"),
        ("继续", "留置权是一种担保物权。它由法律规定。", "留置权是一种担保物权。"),
        ("hello", "", "hello"),
        ("", "**A lien** is a claim. It binds.", "A lien is a claim."),
        ("", "", ""),
        ("[a.txt]\n```\nlong text\n```\n\nWhat does *it* say?", "x", "What does *it* say?"),
        ("```py\nprint()\n```", "This prints. Nothing more.", "This prints."),
        ("## Fix `parse()` in [the lexer](http://x.org)", "ok", "Fix parse() in the lexer"),
        ("Why is it slow?\n\nTraceback: a lot follows", "x", "Why is it slow?"),
        ("First sentence is long enough. " + "Then a lot of context follows. " * 5, "x",
         "First sentence is long enough."),
        ("word " * 40, "x", "word " * 10 + "word…"),
        ("字" * 100, "x", "字" * 29 + "…"),
        ("[TODO] escape \x1b[1m stays", "x", "[TODO] escape \x1b[1m stays"),
    ],
)  # fmt: skip
def test_a_title_is_made_of_the_first_exchange(question: str, reply: str, expected: str) -> None:
    assert title_of(question, reply) == expected


HOSTILE = (
    "`" * 50_000,
    "```\n" * 50_000,
    "hi, " * 20_000,
    "[" * 50_000,
    "*" * 50_000,
    "a" * 10**6,
    "\n" * 50_000,
)


@pytest.mark.parametrize("question", HOSTILE, ids=range(len(HOSTILE)))
def test_a_title_of_hostile_text_is_short_and_soon_made(question: str) -> None:
    begun = time.process_time()
    assert len(title_of(question, question)) <= MAX_CELLS
    assert time.process_time() - begun < 1


def test_the_first_reply_gives_the_title(store: ConversationStore) -> None:
    question, (reply,) = store.begin_turn([Message("user", "[a]\n```\nx\n```\n\nhi")], (RECORD,), title="hi")
    store.finish_reply(reply.id, "Liens explained. More.", status="complete")
    assert title(store, question.conversation_id) == "Liens explained."
    again = store.begin_reply(question, RECORD)
    store.finish_reply(again.id, "Deeds explained. More.", status="complete")
    assert title(store, question.conversation_id) == "Liens explained."


def test_a_failed_reply_gives_no_title(store: ConversationStore) -> None:
    question = ask(store, "hi")
    reply = store.begin_reply(question, RECORD)
    store.finish_reply(reply.id, "half a", status="failed")
    assert title(store, question.conversation_id) == ""
    answer(store, question, "A whole reply. More.")
    assert title(store, question.conversation_id) == "A whole reply."


def test_a_title_that_was_given_stays(store: ConversationStore) -> None:
    question = ask(store, "What is a lien?")
    store.set_title(question.conversation_id, "Mine")
    answer(store, question)
    assert title(store, question.conversation_id) == "Mine"


def test_lists_can_be_narrowed(store: ConversationStore) -> None:
    pinned, archived, plain = (store.create_conversation(name) for name in ("pinned", "archived", "plain"))
    store.set_pinned(pinned, True)
    store.set_archived(archived, True)
    store.add_tag(plain, " law  office ")
    store.add_tag(plain, "law office")
    store.add_tag(plain, "2026")
    assert [one.id for one in store.conversations()] == [plain, pinned]
    assert [one.id for one in store.conversations(archived=True)] == [archived]
    assert [one.id for one in store.conversations(archived=None)] == [plain, archived, pinned]
    assert [one.id for one in store.conversations(pinned=True)] == [pinned]
    assert [one.tags for one in store.conversations(tag="law office")] == [("2026", "law office")]
    store.remove_tag(plain, "law office")
    assert not store.conversations(tag="law office")
    store.set_archived(archived, False)
    store.set_pinned(pinned, False)
    assert len(store.conversations()) == 3
    assert not store.conversations(pinned=True)


@pytest.mark.parametrize("name", ["", " \n", "x" * 51])
def test_a_tag_has_a_name(store: ConversationStore, name: str) -> None:
    with pytest.raises(UsageError, match="a tag has"):
        store.add_tag(store.create_conversation(), name)


def test_what_is_not_there_cannot_be_put_in_order(store: ConversationStore) -> None:
    there = store.create_conversation()
    for attempt in (
        lambda: store.set_pinned("nowhere", True),
        lambda: store.set_archived("nowhere", True),
        lambda: store.set_title("nowhere", "x"),
        lambda: store.add_tag("nowhere", "x"),
        lambda: store.remove_tag(there, "x"),
        lambda: store.attach("nobody", "a.txt", b"x"),
        lambda: store.attachment_bytes("ab"),
    ):
        with pytest.raises(UnknownName):
            attempt()
    assert store.delete(["nowhere"]) == 0


def test_an_attachment_is_kept_once_under_all_its_names(store: ConversationStore, database: Path) -> None:
    first, second = ask(store), ask(store)
    data = bytes(range(256)) * 100
    attached = store.attach(first.id, "a.bin", data)
    store.attach(second.id, "b.bin", data)
    store.attach(second.id, "c.txt", b"other")
    assert attached == store.attachments(first.id)[0]
    assert [one.name for one in store.attachments(second.id)] == ["b.bin", "c.txt"]
    assert store.attachment_bytes(attached.sha256) == data
    with raw(database) as connection:
        assert connection.execute("SELECT count(*) FROM attachment").fetchone() == (2,)
    store.delete([first.conversation_id])
    assert store.attachment_bytes(attached.sha256) == data
    store.delete([second.conversation_id])
    with raw(database) as connection:
        assert connection.execute("SELECT count(*) FROM attachment").fetchone() == (0,)


def files_with(database: Path, words: list[str]) -> dict[str, list[str]]:
    """Which of the database's files hold which of `words`, in any case."""
    found = {}
    for path in database.parent.iterdir():
        data = path.read_bytes().lower()
        if held := [word for word in words if word.lower().encode() in data]:
            found[path.name] = held
    return found


def secrets(number: int, count: int) -> list[str]:
    """Words that occur nowhere else, unlike enough that the index cannot keep one as a prefix of another."""
    chance = random.Random(number)
    return ["".join(chance.choices("bcdfghjklmnpqrstvwxz", k=14)) for _ in range(count)]


def fill(store: ConversationStore, words: list[str]) -> str:
    question, (reply,) = store.begin_turn(
        [Message("system", words[0]), Message("user", f"{words[1]} 机密 " + "filler text " * 30)], (RECORD,),
        title=words[2],
    )  # fmt: skip
    for end in range(1, 6):
        store.checkpoint(reply.id, f"{words[3]} grows " * end * 40)
    store.finish_reply(reply.id, f"{words[3]} {words[4]} " * 200, status="complete")
    store.attach(question.id, words[5], words[6].encode() * 500)
    store.add_tag(question.conversation_id, words[7])
    return question.conversation_id


def test_deleted_text_is_in_none_of_the_files(store: ConversationStore, database: Path) -> None:
    words = {number: secrets(number, 8) for number in range(60)}
    ids = {number: fill(store, words[number]) for number in words}
    assert files_with(database, words[7]) != {}
    order = list(words)
    random.Random(0).shuffle(order)
    for start in range(0, 40, 8):
        gone = order[start : start + 8]
        assert store.delete([ids[number] for number in gone]) == 8
        store.erase_deleted()
        assert files_with(database, [word for number in gone for word in words[number]]) == {}
    kept = [word for number in order[40:] for word in words[number]]
    assert sorted(files_with(database, kept)["chatterm.db"]) == sorted(kept)
    assert integrity(database) == "ok"


def test_deleted_text_is_gone_though_another_window_is_open(store: ConversationStore, database: Path) -> None:
    words = secrets(1, 8)
    with closing(ConversationStore.open(database)) as other:
        cid = fill(store, words)
        assert other.search(words[4])
        store.delete([cid])
        assert not other.search(words[4])
        store.erase_deleted()
        assert files_with(database, words) == {}
        assert other.conversations() == []


def test_who_opens_it_next_knows_what_is_still_to_be_erased(store: ConversationStore, database: Path) -> None:
    words = secrets(4, 8)
    cid, kept = fill(store, words), fill(store, secrets(5, 8))
    assert store.delete(["absent"]) == 0
    assert not store.must_erase
    store.delete([cid])
    store.close()  # as a process does that is told to end
    with closing(ConversationStore.open(database)) as following:
        told = [following.must_erase]
        following.erase_deleted()
        assert [*told, following.must_erase] == [True, False]
        assert files_with(database, words) == {}
        assert [one.id for one in following.conversations()] == [kept]
    with closing(ConversationStore.in_memory()) as nowhere:
        nowhere.delete([fill(nowhere, words)])
        assert not nowhere.must_erase


def converse(store: ConversationStore, chance: random.Random) -> tuple[str, list[str]]:
    """A conversation of some length, and the words it is made of."""
    words = ["".join(chance.choices("bcdfghjklmnpqrstvwxz", k=12)) for _ in range(chance.randint(2, 30))]
    cid = parent = None
    for _ in range(chance.randint(1, 6)):
        text = " ".join(chance.choices(words, k=chance.choice([1, 3, 20, 400])))
        question, (reply,) = store.begin_turn(
            [Message("user", text)], (RECORD,), conversation_id=cid, parent_id=parent, title=words[0]
        )
        cid, parent = question.conversation_id, reply.id
        for number in range(chance.randint(0, 3)):
            store.checkpoint(reply.id, " ".join(chance.choices(words, k=50 * (number + 1))))
        text = " ".join(chance.choices(words, k=chance.choice([1, 10, 300])))
        store.finish_reply(reply.id, text, status="complete")
    assert cid
    store.add_tag(cid, words[1])
    store.set_title(cid, f"{words[1]} {words[0]}")
    return cid, words


def test_no_copy_stays_in_the_unused_part_of_a_page(store: ConversationStore, database: Path) -> None:
    """Rows that SQLite moved within a page leave copies: after this history it does, without VACUUM."""
    chance = random.Random(2)
    live: dict[str, list[str]] = {}
    for _ in range(9):
        for _ in range(chance.randint(1, 12)):
            cid, words = converse(store, chance)
            live[cid] = words
        if chance.random() < 0.6:
            gone = chance.sample(list(live), min(len(live), chance.randint(1, 8)))
            store.delete(gone)
            store.erase_deleted()
            assert files_with(database, [word for cid in gone for word in live.pop(cid)]) == {}


def test_a_replaced_title_can_be_erased(store: ConversationStore, database: Path) -> None:
    old, new = secrets(2, 2)
    cid = store.create_conversation(old)
    store.set_title(cid, new)
    store.erase_deleted()
    assert files_with(database, [old]) == {}
    assert store.search(new)


def test_what_another_program_reads_is_erased_when_it_ends(store: ConversationStore, database: Path) -> None:
    words = secrets(3, 8)
    cid = fill(store, words)
    with closing(ConversationStore.open(database, timeout_s=0.1)) as hasty, raw(database) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        hasty.delete([cid])
        with pytest.raises(StoreError, match="-wal"):
            hasty.erase_deleted()
        reader.execute("COMMIT")
        hasty.erase_deleted()
    assert files_with(database, words) == {}
