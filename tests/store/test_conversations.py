"""What is stored comes back: trees, replies, titles, ids."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.conversation import Message, MessageNode
from chatterm.errors import StoreError, UnknownName, UsageError
from chatterm.store import AttachedFile, ConversationStore, TypedQuestion
from tests.store.samples import RECORD, USAGE, answer, ask, found_by, integrity, raw


def texts(nodes: tuple[MessageNode, ...]) -> list[str]:
    return [node.message.content for node in nodes]


def test_a_conversation_comes_back_after_reopening(database: Path) -> None:
    with closing(ConversationStore.open(database)) as store:
        question = ask(store)
        reply = answer(store, question)
    with closing(ConversationStore.open(database)) as store:
        assert store.path(question.conversation_id) == (question, reply)
        assert reply.parent_id == question.id
        assert (reply.status, reply.message) == ("complete", Message("assistant", "A claim on property."))


def test_a_reply_tells_how_it_was_made_and_what_it_cost(store: ConversationStore) -> None:
    question = ask(store)
    detail = store.reply_detail(answer(store, question).id)
    assert detail is not None
    assert detail.record == RECORD
    assert (detail.usage, detail.finish_reason, detail.token_ids) == (USAGE, "end", (1, 2))
    assert detail.log_probabilities == ((-0.5, -0.25), (-1.5, 0.0))
    assert store.reply_detail(question.id) is None


def test_a_reply_that_streams_already_tells_how_it_is_made(store: ConversationStore) -> None:
    reply = store.begin_reply(ask(store), RECORD)
    assert reply.status == "streaming"
    detail = store.reply_detail(reply.id)
    assert detail is not None
    assert (detail.record, detail.usage, detail.finish_reason) == (RECORD, None, None)


def test_editing_and_regenerating_add_siblings(store: ConversationStore) -> None:
    first = ask(store, "one")
    replies = (answer(store, first, "a"), answer(store, first, "b"))
    edited = store.append(first.conversation_id, first.parent_id, Message("user", "two"))
    assert store.children(first.id) == replies == store.siblings(replies[0].id)
    assert store.siblings(edited.id) == (first, edited)
    assert store.children(edited.id) == ()


def test_the_active_leaf_follows_what_was_added_last(store: ConversationStore) -> None:
    question = ask(store, "q")
    cid = question.conversation_id
    assert texts(store.path(cid)) == ["q"]
    first = answer(store, question, "a")
    assert texts(store.path(cid)) == ["q", "a"]
    store.begin_reply(question, RECORD, content="be")
    assert texts(store.path(cid)) == ["q", "be"]
    assert texts(store.path(cid, first.id)) == ["q", "a"] == texts(store.path_to(first.id))
    store.set_active_leaf(cid, first.id)
    assert texts(store.path(cid)) == ["q", "a"]


def test_a_reply_grows_by_checkpoints_and_then_never_changes(store: ConversationStore) -> None:
    reply = store.begin_reply(ask(store), RECORD)
    store.checkpoint(reply.id, "A claim")
    assert store.node(reply.id).message.content == "A claim"
    assert (
        store.finish_reply(reply.id, "A claim.", status="stopped", finish_reason="cancelled").status
        == "stopped"
    )
    with pytest.raises(StoreError, match="not open for writing"):
        store.checkpoint(reply.id, "forged")
    with pytest.raises(StoreError, match="not open for writing"):
        store.finish_reply(reply.id, "forged", status="complete")
    assert store.node(reply.id).message.content == "A claim."


def test_two_windows_of_one_conversation_keep_both_branches(database: Path) -> None:
    with (
        closing(ConversationStore.open(database)) as here,
        closing(ConversationStore.open(database)) as there,
    ):
        question = ask(here, "q")
        ours, theirs = here.begin_reply(question, RECORD), there.begin_reply(question, RECORD)
        here.checkpoint(ours.id, "o")
        there.checkpoint(theirs.id, "t")
        there.finish_reply(theirs.id, "theirs", status="complete")
        here.finish_reply(ours.id, "ours", status="complete")
        assert texts(here.children(question.id)) == ["ours", "theirs"] == texts(there.children(question.id))


def test_conversations_are_listed_by_their_last_change(store: ConversationStore) -> None:
    assert store.last_conversation() is None
    first = store.create_conversation("first")
    second = ask(store).conversation_id
    assert [one.id for one in store.conversations()] == [second, first]
    store.append(first, None, Message("user", "again"))
    assert store.last_conversation() == first
    assert [one.id for one in store.conversations(limit=1, offset=1)] == [second]


def test_looking_at_a_branch_is_no_change(store: ConversationStore) -> None:
    question = ask(store)
    newer = ask(store)
    store.set_active_leaf(question.conversation_id, question.id)
    store.set_title(question.conversation_id, "renamed")
    assert store.last_conversation() == newer.conversation_id


def test_a_summary_counts_the_messages_of_all_branches(store: ConversationStore) -> None:
    question = ask(store)
    answer(store, question)
    answer(store, question)
    store.set_title(question.conversation_id, "Liens 留置权")
    (summary,) = store.conversations()
    assert (summary.title, summary.num_messages) == ("Liens 留置权", 3)
    assert (summary.pinned, summary.archived) == (False, False)
    assert summary.created < summary.updated


def test_any_prefix_of_four_characters_names_a_conversation(store: ConversationStore) -> None:
    cid = store.create_conversation()
    assert len(cid) == 16
    assert store.resolve(cid[:4]) == store.resolve(f" {cid[:7].upper()} ") == store.resolve(cid) == cid


@pytest.mark.parametrize(
    "prefix", ["zzzz", "not-an-id", "'; DROP TABLE message", "\ud800abcde", "%%%%", "abcd\0"]
)
def test_a_prefix_of_no_conversation_is_unknown(store: ConversationStore, prefix: str) -> None:
    store.create_conversation()
    with pytest.raises(UnknownName, match="no conversation is called"):
        store.resolve(prefix)


@pytest.mark.parametrize("prefix", ["", "abc", "   a  "])
def test_a_short_prefix_is_refused(store: ConversationStore, prefix: str) -> None:
    with pytest.raises(UsageError, match="4 characters"):
        store.resolve(prefix)


def test_a_prefix_of_several_conversations_lists_some(store: ConversationStore, database: Path) -> None:
    with raw(database) as connection:
        for last in "abcdef":
            row = ("same" + last * 12, "", "2026-01-01", "2026-01-01")
            connection.execute(
                "INSERT INTO conversation (id, title, created, updated) VALUES (?, ?, ?, ?)", row
            )
    with pytest.raises(
        UsageError, match=r"begin with 'same': samea{12}, sameb{12}, samec{12}, samed{12}, \.\.\."
    ):
        store.resolve("same")
    assert store.resolve("samee") == "same" + "e" * 12


def test_unknown_ids_are_told(store: ConversationStore) -> None:
    question, other = ask(store), ask(store)
    message = Message("user", "lost")
    for call in (
        lambda: store.append("nowhere", None, message),
        lambda: store.append(question.conversation_id, "nothing", message),
        lambda: store.append(question.conversation_id, other.id, message),
        lambda: store.path("nowhere"),
        lambda: store.path(question.conversation_id, other.id),
        lambda: store.path_to("nothing"),
        lambda: store.node("nothing"),
        lambda: store.children("nothing"),
        lambda: store.set_active_leaf(question.conversation_id, other.id),
        lambda: store.set_title("nowhere", "x"),
    ):
        with pytest.raises(UnknownName):
            call()
    assert store.path(store.create_conversation()) == ()
    assert [one.num_messages for one in store.conversations()] == [0, 1, 1]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("nul \0 inside\0", "nul \0 inside\0"),
        ("lone \ud83d and \udc00", "lone \N{REPLACEMENT CHARACTER} and \N{REPLACEMENT CHARACTER}"),
        ("\x1b]52;c;aGk=\x07 \u202e \r\n\t 😀 汉字", "\x1b]52;c;aGk=\x07 \u202e \r\n\t 😀 汉字"),
        ("", ""),
        ('" AND NEAR( *', '" AND NEAR( *'),
        ("x" * 3_000_000, "x" * 3_000_000),
    ],
    ids=["nul", "surrogates", "controls", "empty", "query syntax", "long"],
)
def test_any_text_is_kept_as_it_came(
    store: ConversationStore, database: Path, text: str, stored: str
) -> None:
    question = ask(store, text)
    reply = answer(store, question, text)
    store.set_title(question.conversation_id, text)
    store.set_title(question.conversation_id, text)  # takes the first out of the index again
    assert texts(store.path(question.conversation_id)) == [stored, stored]
    assert question.message.content == reply.message.content == stored
    assert store.conversations()[0].title == stored
    assert integrity(database) == "ok"


def test_damaged_utf8_hides_nothing_else(store: ConversationStore, database: Path) -> None:
    question = ask(store, "before")
    answer(store, question, "after")
    with raw(database) as connection:
        connection.execute(
            "UPDATE message SET content = CAST(X'6869ff21' AS TEXT) WHERE id = ?", (question.id,)
        )
        connection.execute("UPDATE conversation SET title = CAST(X'c328' AS TEXT)")
    assert texts(store.path(question.conversation_id)) == ["hi\N{REPLACEMENT CHARACTER}!", "after"]
    assert store.conversations()[0].title == "\N{REPLACEMENT CHARACTER}("


def test_damaged_json_is_a_store_error(store: ConversationStore, database: Path) -> None:
    reply = answer(store, ask(store))
    with raw(database) as connection:
        connection.execute("UPDATE reply SET sampling = '{'")
    with pytest.raises(StoreError, match=reply.id):
        store.reply_detail(reply.id)


def test_the_index_holds_titles_and_finished_messages_only(store: ConversationStore, database: Path) -> None:
    question = ask(store, "what is Zürich")
    reply = store.begin_reply(question, RECORD)
    store.checkpoint(reply.id, "streaming quokka")
    assert found_by(database, "message_index", "zurich") == 1
    assert found_by(database, "message_index", "quokka") == 0
    store.finish_reply(reply.id, "finished quokka", status="stopped")
    assert found_by(database, "message_index", "quokka") == 1
    store.set_title(question.conversation_id, "Marsupials")
    store.set_title(question.conversation_id, "Wombats")
    assert [found_by(database, "title_index", word) for word in ("marsupials", "wombats")] == [0, 1]


def test_the_index_can_be_rebuilt_from_what_is_stored(store: ConversationStore, database: Path) -> None:
    reply = store.begin_reply(ask(store, "rebuilt"), RECORD)
    store.checkpoint(reply.id, "unfinished")
    with raw(database) as connection:
        connection.execute("INSERT INTO message_index (message_index) VALUES ('rebuild')")
    assert [found_by(database, "message_index", word) for word in ("rebuilt", "unfinished")] == [1, 0]
    assert integrity(database) == "ok"


def test_a_long_conversation_is_read_and_removed_whole(store: ConversationStore, database: Path) -> None:
    """A cascade along parents would stop at SQLite's 1,000 levels; a walk along them must not."""
    cid = store.create_conversation()
    below = [
        (str(n), cid, str(n - 1) if n else None, "user", str(n), "complete", "2026") for n in range(1200)
    ]
    columns = "(id, conversation_id, parent_id, role, content, status, created)"
    with raw(database) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO message {columns} VALUES (?, ?, ?, ?, ?, ?, ?)", below)
        connection.execute("COMMIT")
        assert texts(store.path(cid, "1199")) == [str(number) for number in range(1200)]
        connection.execute("DELETE FROM conversation")
        assert connection.execute("SELECT count(*) FROM message").fetchone() == (0,)
    assert integrity(database) == "ok"


def test_what_was_replaced_is_not_in_the_file(database: Path) -> None:
    with closing(ConversationStore.open(database)) as store:
        cid = store.create_conversation("xylophagous")
        store.set_title(cid, "plain")
    assert [path.name for path in database.parent.iterdir()] == [database.name]
    assert b"plain" in database.read_bytes()
    assert b"xylophag" not in database.read_bytes()


def test_a_closed_store_says_so(database: Path) -> None:
    store = ConversationStore.open(database)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.create_conversation()


def test_a_turn_begins_whole_or_not_at_all(store: ConversationStore) -> None:
    messages = [Message("system", "s"), Message("user", "q")]
    question, (reply,) = store.begin_turn(messages, (RECORD,), title="t")
    assert [node.message for node in store.path(question.conversation_id)] == [
        *messages,
        Message("assistant", ""),
    ]
    assert (question.message.content, reply.parent_id, reply.status) == ("q", question.id, "streaming")
    with pytest.raises(UnknownName):
        store.begin_turn(messages, (RECORD,), conversation_id=question.conversation_id, parent_id="nowhere")
    with pytest.raises(UnknownName):
        store.begin_turn(messages, (RECORD,), parent_id=question.id, title="another's parent")
    assert [one.title for one in store.conversations()] == ["t"]
    assert len(store.siblings(store.path(question.conversation_id)[0].id)) == 1


def test_several_replies_begin_at_once_and_the_first_is_read_on_from(store: ConversationStore) -> None:
    records = [replace(RECORD, sample=number) for number in range(3)]
    question, replies = store.begin_turn([Message("user", "q")], records, content="so")
    assert [node.message.content for node in replies] == ["so"] * 3
    assert [node.parent_id for node in replies] == [question.id] * 3
    assert store.path(question.conversation_id)[-1] == replies[0]
    for number, node in enumerate(store.begin_replies(question, records[1:])):
        detail = store.reply_detail(node.id)
        assert detail
        assert detail.record.sample == number + 1
    assert len(store.children(question.id)) == 5


def test_what_was_typed_and_attached_is_kept_with_the_question(
    store: ConversationStore, database: Path
) -> None:
    files = (AttachedFile(name="deed.txt", data=b"deed"), AttachedFile(name="copy.txt", data=b"deed"))
    asked = TypedQuestion(text="why? \ud800", files=files)
    question, _ = store.begin_turn([Message("user", "[deed]\n\nwhy?")], [RECORD], asked=asked)
    plain, _ = store.begin_turn(
        [Message("user", "and?")],
        [RECORD],
        asked=TypedQuestion(text="and?"),
        conversation_id=question.conversation_id,
    )
    told = store.asked(question.conversation_id)
    assert plain.id not in told
    assert told[question.id].text == "why? \ufffd"
    assert [one.name for one in told[question.id].attachments] == ["deed.txt", "copy.txt"]
    assert store.attachment_bytes(told[question.id].attachments[0].sha256) == b"deed"
    with raw(database) as connection:
        assert connection.execute("SELECT count(*), max(num_links) FROM attachment").fetchone() == (1, 2)


def test_a_turn_that_cannot_begin_leaves_no_attachment(store: ConversationStore, database: Path) -> None:
    asked = TypedQuestion(text="t", files=(AttachedFile(name="a", data=b"a"),))
    with pytest.raises(UnknownName):
        store.begin_turn([Message("user", "q")], [RECORD], asked=asked, parent_id="nowhere")
    with raw(database) as connection:
        assert connection.execute("SELECT count(*) FROM attachment").fetchone() == (0,)
