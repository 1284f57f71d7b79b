"""Search: what is found, in which order, how it is shown, and that nothing typed is an error."""

import string
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.conversation import Message
from chatterm.store import ConversationStore, SearchHit
from chatterm.store.search import MAX_RANKED
from tests.store.samples import RECORD, ask, raw

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=12)


def found(store: ConversationStore, query: str) -> list[str]:
    """The texts of the messages that a search finds."""
    return [store.node(hit.message_id).message.content for hit in store.search(query) if hit.message_id]


def shown(hit: SearchHit) -> str:
    return "".join(f"[{part.text}]" if part.is_match else part.text for part in hit.snippet)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("What is a lien?", "lien"),
        ("What is a LIEN?", "What lien"),
        ("Zürich", "zurich"),
        ("a lien on property", '"lien on"'),
        ("state-of-the-art", "state-of-the-art"),
        ("snake_case_name", "case_name"),
        ("costs 3.14 euros", "3.14"),
        ("合同的违约责任", "违约"),
        ("合同的违约责任", "约"),
        ("合同的违约责任", "合同 责任"),
        ("用GPU加速训练", "GPU加速"),
        ("用GPU加速训练", "gpu"),
        ("量子。纠缠", "纠缠"),
        ("食べる", "べる"),
        ("𠮷野家", "𠮷"),
        ("\x02marked\x03 \x1funit", "marked unit"),
        ("no\x00thing", "thing no"),
        ("no thing", "no\x00thing"),
    ],
)
def test_it_finds(store: ConversationStore, text: str, query: str) -> None:
    ask(store, "something else, 别的")
    ask(store, text)
    assert found(store, query) == [text]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a lien on property", '"on lien"'),
        ("a lien on property", "lien deed"),
        ("合同的违约责任", "约违"),
        ("合同的违约责任", "违约金"),
        ("lien OR deed", "lien NOT deed"),
        ("this and that", "this OR nothing"),
    ],
)
def test_it_does_not_find(store: ConversationStore, text: str, query: str) -> None:
    ask(store, text)
    assert not store.search(query)


@pytest.mark.parametrize(
    "query",
    [
        "", " ", '"', '""', '"""', "'", "*", "a*", "AND", "OR", "NOT", "AND AND", "NEAR(", "NEAR(a b, 2)",
        "(", ")",
        "content:", "content : a", "-a", "^a", "{a b}:c", "a + b", "\x00", "a\x00b", "\x02\x03\x1f", "😀",
        "👩‍👩‍👧",
        "!?.,;", "\ud800", "%_", "\\", "; DROP TABLE message", "x" * 10_000, "x " * 5_000, "的" * 3_400,
        '"' * 10_000, "a AND " * 1_700, "(" * 10_000,
    ],
)  # fmt: skip
def test_nothing_typed_is_an_error(store: ConversationStore, query: str) -> None:
    ask(store, "a b c AND content 的")
    assert isinstance(store.search(query), list)


@given(st.text(max_size=200) | st.text(string.punctuation + " aAND的", max_size=40))
def test_no_text_is_an_error(query: str) -> None:
    with closing(ConversationStore.in_memory()) as store:
        ask(store, "words 文字")
        store.search(query)


@given(HAN, st.data())
def test_any_run_of_chinese_is_found(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    with closing(ConversationStore.in_memory()) as store:
        ask(store, f"before{text}，after")
        (hit,) = store.search(text[start:end])
        assert any(text[start:end] in part.text for part in hit.snippet if part.is_match)


def test_what_was_found_is_marked_in_what_stands_around_it(store: ConversationStore) -> None:
    ask(store, "far " * 100 + "the tenant pays RENT, and rent is due; 租金每月支付" + " away" * 100)
    (hit,) = store.search("rent tenant")
    assert "the [tenant] pays [RENT], and [rent] is due; 租金每月" in shown(hit)
    assert shown(hit).startswith("…")
    assert "[租金]每月支付" in shown(store.search("租金")[0])
    assert sum(len(part.text) for part in hit.snippet) < 300


def test_titles_are_found_before_messages(store: ConversationStore) -> None:
    question = ask(store, "what is a lien")
    cid = store.create_conversation("Liens and 留置权")
    hits = store.search("留置")
    assert [(hit.conversation_id, hit.message_id, shown(hit)) for hit in hits] == [
        (cid, None, "Liens and [留置]权")
    ]
    store.set_title(question.conversation_id, "A lien")
    assert [hit.message_id for hit in store.search("lien")] == [None, question.id]


def test_rare_words_are_ranked_and_common_ones_come_newest_first(
    store: ConversationStore, database: Path
) -> None:
    best = ask(store, "heron heron heron")
    ask(store, "one heron among " + "many other words " * 20)
    assert store.search("heron")[0].message_id == best.id
    with raw(database) as connection:
        connection.execute("BEGIN")
        columns = "(id, conversation_id, role, content, status, created)"
        connection.executemany(
            f"INSERT INTO message {columns} VALUES (?, ?, 'user', 'a heron', 'complete', '2026')",
            [(str(n), best.conversation_id) for n in range(MAX_RANKED)],
        )
        connection.execute("COMMIT")
    assert [hit.message_id for hit in store.search("heron", limit=3)] == ["999", "998", "997"]


def test_a_streaming_reply_is_not_found_before_it_ends(store: ConversationStore) -> None:
    reply = store.begin_reply(ask(store), RECORD)
    store.checkpoint(reply.id, "quokka")
    assert not store.search("quokka")
    store.finish_reply(reply.id, "quokka", status="stopped")
    assert len(store.search("quokka")) == 1


def test_damaged_utf8_is_found_and_can_be_deleted(store: ConversationStore, database: Path) -> None:
    question = ask(store, "sound")
    with raw(database) as connection:
        connection.execute("UPDATE message SET content = CAST(x'ff20776f6d626174' AS TEXT)")
    assert shown(store.search("wombat")[0]) == "\N{REPLACEMENT CHARACTER} [wombat]"
    store.append(question.conversation_id, question.id, Message("user", "more"))
    assert store.delete([question.conversation_id]) == 1
    assert not store.search("wombat")


def test_what_the_index_has_of_a_message_that_is_gone_is_passed_over(
    store: ConversationStore, database: Path
) -> None:
    gone, there = ask(store, "a lien"), ask(store, "another lien")
    with raw(database) as connection:
        connection.execute("DROP TRIGGER message_removed")
        connection.execute("DELETE FROM message WHERE id = ?", (gone.id,))
    assert [hit.message_id for hit in store.search("lien")] == [there.id]
