"""What earlier turns bring along: whole documents from what is attached, words from what was said."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.conversation import Message, MessageNode
from chatterm.store import ConversationStore, PromptUse, ReplyRecord, TypedQuestion
from chatterm.store.migrations import MIGRATIONS, migrate
from chatterm.store.records import AttachedFile
from chatterm.tasks import earlier_in
from chatterm.tasks.attached import attached_to
from tests.store.samples import raw

REPORT = "Sales grew by 42 %.\n\fUnits: 3,200.\n"


@pytest.fixture
def store() -> Iterator[ConversationStore]:
    with closing(ConversationStore.in_memory()) as opened:
        yield opened


def ask(
    store: ConversationStore,
    content: str,
    *files: AttachedFile,
    typed: str | None = None,
    after: MessageNode | None = None,
) -> MessageNode:
    question, _ = store.begin_turn(
        [Message("user", content)], (), parent_id=after.id if after else None,
        conversation_id=after.conversation_id if after else None,
        asked=TypedQuestion(text=content if typed is None else typed, files=files),
    )  # fmt: skip
    return question


def file(text: str | bytes, name: str = "report.txt") -> AttachedFile:
    return AttachedFile(name=name, data=text if isinstance(text, bytes) else text.encode())


def test_a_document_that_was_read_in_parts_is_a_whole_source(store: ConversationStore) -> None:
    question = ask(store, "[report.txt: 3 lines]\n\nby 17 %?", file(REPORT), typed="by 17 %?")
    earlier = earlier_in(store, question.id)
    assert earlier.sources == (REPORT,)
    assert "17 %" in earlier.given
    assert "42" not in earlier.given


def test_a_document_in_the_message_is_a_source_and_no_word_of_the_users(store: ConversationStore) -> None:
    shown = REPORT.replace("\f", "")
    content = f"[1: report.txt]\n```\n{shown}```\n\n[2: b]\n```\ntwo\n```\n\nwhy?"
    question = ask(store, content, file(REPORT), file("two", "b"), typed="why?")
    earlier = earlier_in(store, question.id)
    assert earlier.sources == (REPORT, "two")
    assert earlier.given.strip() == "why?"


def test_the_same_document_twice_is_one_source(store: ConversationStore) -> None:
    first = ask(store, "one?", file(REPORT))
    second = ask(store, "two?", file(REPORT), file(REPORT, "copy.txt"), after=first)
    assert earlier_in(store, second.id).sources == (REPORT,)
    assert [one.name for one in attached_to(store, [first, second])] == ["report.txt", "copy.txt"]
    assert attached_to(store, []) == ()


def test_what_imported_conversations_attach_counts_where_it_is_text(store: ConversationStore) -> None:
    files = (file(b"\x89PNG\r\n\xff 42", "a.png"), file(b"a\0b 42", "b.bin"), file("留置权", "c.txt"))
    earlier = earlier_in(store, ask(store, "what is it?", *files).id)
    assert earlier.sources == ("留置权",)


def test_the_values_of_a_prompt_were_given_too(store: ConversationStore) -> None:
    question = ask(store, "[report.txt: 3 lines]", file(REPORT), typed="")
    prompt = PromptUse(id="legal/clauses", version=1, sha256="ab", values={"party": "Acme 1889"})
    reply = store.begin_reply(
        question,
        ReplyRecord(model_identity="m", model_name="m", engine="echo", sampling={}, seed=0, prompt=prompt),
    )
    earlier = earlier_in(store, reply.id)
    assert "Acme 1889" in earlier.given
    assert earlier.told == {"legal/clauses", "legal"}


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_conversations_of_every_schema_have_their_documents(tmp_path: Path, version: int) -> None:
    path = tmp_path / "chatterm.db"
    with raw(path) as connection:
        migrate(connection, None, MIGRATIONS[:version])
        typed = "" if version < 2 else ", typed"
        value = "" if version < 2 else ", 'why?'"
        connection.executescript(f"""
            INSERT INTO conversation (id, title, created, updated) VALUES ('aaaabbbbccccdddd', '', '1', '1');
            INSERT INTO message (id, conversation_id, role, content, status, created{typed}) VALUES
                ('q', 'aaaabbbbccccdddd', 'user', '[a.txt]' || char(10) || '```' || char(10) || 'by 42 %' ||
                char(10) || '```' || char(10, 10) || 'why?', 'complete', '1'{value});
            INSERT INTO attachment (sha256, bytes) VALUES ('ab', CAST('by 42 %' AS BLOB));
            INSERT INTO message_attachment VALUES ('q', 'ab', 0, 'a.txt');
        """)
    with closing(ConversationStore.open(path)) as store:
        earlier = earlier_in(store, "q")
        assert (earlier.sources, earlier.given.strip()) == (("by 42 %",), "why?")
