"""Export and import: nothing is lost on the way, nothing comes twice, and bad files change nothing."""

import json
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.conversation import Message, MessageNode, Role, Usage
from chatterm.errors import ChattermError, InputRefused, UsageError
from chatterm.store import (
    AttachedFile,
    ConversationStore,
    PromptUse,
    ReplyDetail,
    ReplyRecord,
    WholeConversation,
    WholeMessage,
)
from chatterm.store.driver import sqlite3
from chatterm.store.exporting import json_pieces
from chatterm.store.foreign import read_conversations
from chatterm.store.markdown import active_path, to_markdown
from chatterm.store.rows import ID_ALPHABET
from tests.store.samples import RECORD, answer, ask, integrity

TEXTS = st.text(max_size=20)
NAMES = st.text(min_size=1, max_size=20)
IDS = st.text(ID_ALPHABET, min_size=16, max_size=16)
INSTANTS = st.datetimes().map(lambda moment: moment.isoformat(timespec="microseconds") + "+00:00")
NUMBERS = st.integers(0, 2**40)
SECONDS = st.floats(0, 1e6)
JSON_VALUES = st.none() | st.booleans() | NUMBERS | SECONDS | TEXTS | st.lists(TEXTS, max_size=2)
USAGES = st.builds(Usage, NUMBERS, NUMBERS, NUMBERS, SECONDS, SECONDS)
PROMPTS = st.builds(
    PromptUse, id=NAMES, version=NUMBERS, sha256=TEXTS,
    values=st.dictionaries(TEXTS, TEXTS, max_size=2),
)  # fmt: skip
RECORDS = st.builds(
    ReplyRecord, model_identity=TEXTS, model_name=TEXTS, engine=TEXTS,
    sampling=st.dictionaries(TEXTS, JSON_VALUES, max_size=3), seed=st.integers(0, 2**63 - 1), sample=NUMBERS,
    prompt=st.none() | PROMPTS,
)  # fmt: skip
FILES = st.lists(st.builds(AttachedFile, name=TEXTS, data=st.binary(max_size=8)), max_size=2).map(tuple)
LOG_PROBABILITIES = st.lists(st.tuples(st.floats(-50, 0), st.floats(-50, 0)), min_size=1, max_size=2).map(
    tuple
)


@st.composite
def details(draw: st.DrawFn, message_id: str) -> ReplyDetail:
    return ReplyDetail(
        message_id=message_id,
        record=draw(RECORDS),
        token_ids=tuple(draw(st.lists(NUMBERS, max_size=3))),
        log_probabilities=draw(st.none() | LOG_PROBABILITIES),
        finish_reason=draw(st.sampled_from(["end", "stop", "length", "loop", "cancelled", None])),
        usage=draw(st.none() | USAGES),
    )


@st.composite
def wholes(draw: st.DrawFn) -> WholeConversation:
    """A tree of random shape: each message below any earlier one, or a root."""
    cid, *ids = draw(st.lists(IDS, min_size=1, max_size=8, unique=True))
    messages: list[WholeMessage] = []
    for number, identity in enumerate(ids):
        role: Role = draw(st.sampled_from(["system", "user", "assistant"]))
        node = MessageNode(
            id=identity,
            conversation_id=cid,
            parent_id=draw(st.sampled_from([None, *ids[:number]])),
            message=Message(role, draw(TEXTS)),
            status=draw(st.sampled_from(["complete", "stopped", "interrupted", "failed"])),
            created=draw(INSTANTS),
        )
        reply = draw(details(identity)) if role == "assistant" and draw(st.booleans()) else None
        typed = draw(st.none() | TEXTS)
        messages.append(WholeMessage(node=node, reply=reply, files=draw(FILES), typed=typed))
    return WholeConversation(
        id=cid,
        title=draw(TEXTS),
        has_own_title=draw(st.booleans()),
        created=draw(INSTANTS),
        updated=draw(INSTANTS),
        pinned=draw(st.booleans()),
        archived=draw(st.booleans()),
        tags=tuple(sorted(draw(st.sets(NAMES, max_size=2)), key=str.encode)),
        active_leaf=draw(st.sampled_from([None, *ids])),
        messages=tuple(messages),
    )


def exported(store: ConversationStore, path: Path) -> Path:
    ids = [one.id for one in store.conversations(archived=None, limit=1000)]
    path.write_text("".join(json_pieces(store.whole, ids)), encoding="utf-8")
    return path


@settings(max_examples=60)
@given(whole=wholes())
def test_export_then_import_gives_the_same_trees(
    tmp_path_factory: pytest.TempPathFactory, whole: WholeConversation
) -> None:
    path = tmp_path_factory.getbasetemp() / "export.json"
    with closing(ConversationStore.in_memory()) as first, closing(ConversationStore.in_memory()) as second:
        first.add_whole([whole])
        assert first.whole(whole.id) == whole
        (read,) = read_conversations(exported(first, path))
        assert read == whole
        added = second.add_whole([read])
        assert second.whole(whole.id) == whole
        assert (added.num_messages, added.num_known) == (len(whole.messages), 0)
        for message in whole.messages:
            siblings = [one.node for one in whole.messages if one.node.parent_id == message.node.parent_id]
            assert list(second.siblings(message.node.id)) == siblings
        assert second.add_whole([read]).num_known == len(whole.messages)
        assert second.whole(whole.id) == whole


def test_a_streaming_reply_is_exported_as_interrupted(store: ConversationStore) -> None:
    question = ask(store)
    reply = store.begin_reply(question, RECORD)
    store.checkpoint(reply.id, "half a")
    last = store.whole(question.conversation_id).messages[-1].node
    assert (last.message.content, last.status) == ("half a", "interrupted")


def test_a_longer_version_adds_what_is_missing(store: ConversationStore, tmp_path: Path) -> None:
    question = ask(store)
    path = exported(store, tmp_path / "e.json")
    (short,) = read_conversations(path)
    answer(store, question)
    longer = store.whole(question.conversation_id)
    with closing(ConversationStore.in_memory()) as other:
        other.add_whole([short])
        other.set_title(short.id, "mine")
        added = other.add_whole([longer])
        assert (added.num_conversations, added.num_messages, added.num_known) == (0, 1, 1)
        assert other.conversations()[0].title == "mine"
        assert other.whole(short.id).messages == longer.messages


def test_what_was_deleted_can_be_put_back(store: ConversationStore) -> None:
    reply = answer(store, ask(store, "quokka"))
    store.attach(reply.id, "a.txt", b"data")
    whole = store.whole(reply.conversation_id)
    store.delete([whole.id])
    store.add_whole([whole])
    assert store.whole(whole.id) == whole
    assert len(store.search("quokka")) == 2


def sample(tmp_path: Path) -> dict[str, Any]:
    with closing(ConversationStore.in_memory()) as store:
        reply = answer(store, ask(store))
        store.attach(reply.id, "a.txt", b"data")
        values: dict[str, Any] = json.loads(exported(store, tmp_path / "e.json").read_text(encoding="utf-8"))
    return values


BROKEN: Sequence[tuple[list[str | int], object, str]] = [
    (["version"], 2, "version 2"),
    (["version"], True, "version"),
    (["conversations"], {}, "not a list"),
    (["conversations", 0], 7, "not an object"),
    (["conversations", 0, "id"], "../../etc", "a-z and 2-7"),
    (["conversations", 0, "title"], None, "null, not a text"),
    (["conversations", 0, "created"], "yesterday", "not a moment"),
    (["conversations", 0, "pinned"], 1, "not true or false"),
    (["conversations", 0, "active_leaf"], "a" * 16, "none of its messages"),
    (["conversations", 0, "messages", 1, "parent_id"], "b" * 16, "not before it"),
    (["conversations", 0, "messages", 0, "role"], "root", "not one of"),
    (["conversations", 0, "messages", 0, "status"], "streaming", "not one of"),
    (["conversations", 0, "messages", 0, "status"], ["complete"], "not one of"),
    (["conversations", 0, "messages", 1, "reply", "seed"], 2**63, "not a whole number"),
    (["conversations", 0, "messages", 1, "reply", "usage", "decode_s"], 10**400, "not a number"),
    (["conversations", 0, "messages", 1, "reply", "log_probabilities"], [[1]], "1 numbers"),
    (["conversations", 0, "messages", 1, "files", 0, "sha256"], "00", "not in the file"),
    (["conversations", 0, "files"], {"00": "ZGF0YQ=="}, "another SHA-256"),
    (["conversations", 0, "files"], {"00": "%"}, "not base64"),
]


@pytest.mark.parametrize(("way", "value", "words"), BROKEN)
def test_a_broken_export_is_refused_whole(
    tmp_path: Path, store: ConversationStore, way: list[str | int], value: object, words: str
) -> None:
    values = sample(tmp_path)
    good = json.loads(json.dumps(values["conversations"][0]))
    inner: Any = values
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = value
    if len(way) > 1 and isinstance(values["conversations"], list):
        good["id"], good["messages"], good["active_leaf"] = "c" * 16, [], None
        values["conversations"].insert(0, good)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputRefused, match=words) as caught:
        store.add_whole(read_conversations(path))
    assert len(str(caught.value)) < 300
    assert not store.conversations()


def test_a_message_of_another_conversation_is_refused(store: ConversationStore) -> None:
    reply = answer(store, ask(store))
    whole = store.whole(reply.conversation_id)
    with pytest.raises(InputRefused, match="in another conversation"):
        store.add_whole([replace(whole, id="c" * 16)])
    assert [one.id for one in store.conversations()] == [whole.id]


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", InputRefused, "neither JSON"),
        (b"{", InputRefused, "line 1, column 2"),
        (b"[" * 100_000, InputRefused, "no JSON that can be read"),
        (b"\xff\xfe\xff", InputRefused, "UTF-8|neither JSON"),
        (b"\x00\x01\x02", InputRefused, "neither JSON|UTF-8"),
        (b"PK\x03\x04 zip", InputRefused, "unpack it"),
        (b"SQLite format 3\x00" + b"\x00" * 200, InputRefused, "cannot be read|lacks"),
        (b"{}", InputRefused, "not chatterm's JSON"),
        (b"[1]", InputRefused, "not chatterm's JSON"),
        (b"7", InputRefused, "not chatterm's JSON"),
        (b"9" * 10_000, InputRefused, "no JSON that can be read"),
        (b'{"format": "other"}', InputRefused, "not one of chatterm"),
        (b'[{"mapping": {}}]', InputRefused, "'id' is missing"),
        (b'[{"id": "a", "mapping": []}]', InputRefused, "not an object"),
        (b'[{"id": "a", "mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}}]', InputRefused, "circle"),
        (b'[{"id": "a", "create_time": 1e300, "mapping": {}}]', InputRefused, "no moment"),
    ],
    ids=range(16),
)
def test_what_is_no_export_is_refused(
    tmp_path: Path, data: bytes, error: type[ChattermError], words: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(error, match=words):
        read_conversations(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.json"):
        read_conversations(tmp_path / "gone.json")
    with pytest.raises(UsageError, match="cannot read"):
        read_conversations(tmp_path)


@given(st.recursive(JSON_VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["format", "version", "conversations", "mapping", "id", "message", "parent", "x"]), inner,
    max_size=4)))  # fmt: skip
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with suppress(InputRefused):
        assert isinstance(read_conversations(path), list)


def chatgpt_node(
    key: str, parent: str | None, role: str | None, text: str = "", **extra: object
) -> dict[str, Any]:
    message = role and {
        "id": key, "author": {"role": role}, "create_time": 1_700_000_000.5 + len(key),
        "content": {"content_type": "text", "parts": [text]}, "status": "finished_successfully",
        "metadata": {"model_slug": "gpt-x"} | extra,
    }  # fmt: skip
    return {"id": key, "message": message, "parent": parent, "children": []}


def test_chatgpt_conversations_keep_their_branches(tmp_path: Path, store: ConversationStore) -> None:
    nodes = [
        chatgpt_node("root", None, None),
        chatgpt_node("sys", "root", "system", "", is_visually_hidden_from_conversation=True),
        chatgpt_node("q", "sys", "user", "What is a lien?"),
        chatgpt_node("tool", "q", "tool", "search results"),
        chatgpt_node("a1", "tool", "assistant", "A claim."),
        chatgpt_node("a2", "q", "assistant", "留置权。"),
        chatgpt_node("q2", "a1", "user", "Why?"),
    ]
    mapping = {node["id"]: node for node in nodes}
    mapping["q"]["children"] = ["a2", "tool"]
    mapping["q2"]["message"]["content"] = {
        "content_type": "multimodal_text",
        "parts": [{"content_type": "image_asset_pointer"}, "Why?"],
    }
    conversation = {
        "id": "abc", "title": "Liens", "create_time": 1_700_000_000, "update_time": 1_700_000_100.25,
        "mapping": mapping, "current_node": "a2",
    }  # fmt: skip
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([conversation]), encoding="utf-8")
    read = read_conversations(path)
    store.add_whole(read)
    (summary,) = store.conversations()
    assert (summary.title, summary.num_messages, summary.updated[:19]) == ("Liens", 4, "2023-11-14T22:15:00")
    path_texts = [node.message.content for node in store.path(summary.id)]
    assert path_texts == ["What is a lien?", "留置权。"]
    question = store.path(summary.id)[0]
    assert [one.message.content for one in store.children(question.id)] == ["留置权。", "A claim."]
    deepest = store.children(store.children(question.id)[1].id)[0]
    assert deepest.message == Message("user", "[image_asset_pointer]\nWhy?")
    detail = store.reply_detail(store.children(question.id)[0].id)
    assert detail
    assert detail.record.model_name == "gpt-x"
    assert store.add_whole(read).num_messages == 0


def llm_logs(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript("""
            CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
            CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT,
                prompt_json TEXT, options_json TEXT, response TEXT, response_json TEXT, conversation_id TEXT,
                duration_ms INTEGER, datetime_utc TEXT, input_tokens INTEGER, output_tokens INTEGER);
            CREATE TABLE attachments (id TEXT PRIMARY KEY, type TEXT, path TEXT, url TEXT, content BLOB);
            CREATE TABLE prompt_attachments (response_id TEXT, attachment_id TEXT, "order" INTEGER);
            CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT);
            CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER);
            INSERT INTO conversations VALUES ('c1', 'Liens', 'm');
            INSERT INTO responses VALUES ('r1', 'm', 'What?', 'Be brief.', NULL, '{"temperature": 0.5}',
                'A claim.', NULL, 'c1', 1500, '2025-03-01T10:00:00.5', 12, 3);
            INSERT INTO responses VALUES ('r2', 'm', 'Why?', 'Be brief.', NULL, NULL, 'So.', NULL, 'c1', 100,
                '2025-03-01T10:01:00+00:00', NULL, NULL);
            INSERT INTO responses VALUES ('r3', 'n', 'Alone', NULL, NULL, '{}', NULL, NULL, NULL, NULL,
                '2025-03-02T10:01:00', NULL, NULL);
            INSERT INTO attachments VALUES ('a', 'text/plain', NULL, NULL, x'00ff');
            INSERT INTO prompt_attachments VALUES ('r1', 'a', 0);
            INSERT INTO fragments VALUES (1, 'h', 'a fragment');
            INSERT INTO prompt_fragments VALUES ('r2', 1, 0);
        """)
    return path


def test_the_logs_of_llm_become_conversations(tmp_path: Path, store: ConversationStore) -> None:
    path = llm_logs(tmp_path / "logs.db")
    before = path.read_bytes()
    added = store.add_whole(read_conversations(path))
    assert (added.num_conversations, added.num_messages) == (2, 6)
    alone, liens = store.conversations()
    assert (alone.title, liens.title, liens.updated[:16]) == ("Alone", "Liens", "2025-03-01T10:01")
    nodes = store.path(liens.id)
    assert [node.message for node in nodes] == [
        Message("system", "Be brief."), Message("user", "What?"), Message("assistant", "A claim."),
        Message("user", "a fragment\nWhy?"), Message("assistant", "So."),
    ]  # fmt: skip
    detail = store.reply_detail(nodes[2].id)
    assert detail
    assert (detail.record.sampling, detail.usage) == ({"temperature": 0.5}, Usage(12, 0, 3, 0.0, 1.5))
    assert store.attachment_bytes(store.attachments(nodes[1].id)[0].sha256) == b"\x00\xff"
    assert store.add_whole(read_conversations(path)).num_messages == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DROP TABLE responses", "no logs.db of llm"),
        ("UPDATE responses SET options_json = '{'", "no JSON"),
        ("UPDATE responses SET options_json = '[]'", "not an object"),
        ("UPDATE responses SET datetime_utc = 'x'", "not a moment"),
    ],
)
def test_a_broken_logs_db_is_refused(tmp_path: Path, statement: str, words: str) -> None:
    path = llm_logs(tmp_path / "logs.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
    with pytest.raises(InputRefused, match=words):
        read_conversations(path)


def test_a_database_of_chatterm_is_no_import(store: ConversationStore, database: Path) -> None:
    with pytest.raises(InputRefused, match="database of chatterm"):
        read_conversations(database)


def test_markdown_shows_the_active_path_and_nothing_a_terminal_obeys(store: ConversationStore) -> None:
    question = ask(store, "What is \x1b]0;x\x07 a lien?")
    answer(store, question, "Not this.")
    reply = answer(store, question, "A claim.\n")
    store.set_title(question.conversation_id, 'A "title": \u202e\nwith - colons')
    store.attach(question.id, "deed\x1b.pdf", b"")
    store.add_tag(question.conversation_id, "law")
    whole = store.whole(question.conversation_id)
    assert [one.node.id for one in active_path(whole)] == [question.id, reply.id]
    text = to_markdown(whole)
    assert text.startswith('---\ntitle: "A \\"title\\": <U+202E>\\nwith - colons"\nid: ')
    assert 'tags: ["law"]\nmodels: ["smol"]\nprompts: ["legal/clauses@3+' in text
    assert "messages_on_other_branches: 1\n---\n\n## User\n\nWhat is \u241b]0;x\u2407 a lien?\n\n" in text
    assert text.endswith("Attached: deed\u241b.pdf\n\n## Assistant\n\nA claim.\n")
    assert "Not this" not in text
    labelled = to_markdown(whole, label="made by a machine")
    assert 'messages_on_other_branches: 1\nlabel: "made by a machine"\n---' in labelled
    assert labelled.endswith("A claim.\n\n*made by a machine*\n")


def test_an_import_leaves_the_database_sound(
    tmp_path: Path, store: ConversationStore, database: Path
) -> None:
    store.add_whole(read_conversations(llm_logs(tmp_path / "logs.db")))
    assert [hit.snippet[0].text for hit in store.search("fragment why")]
    assert integrity(database) == "ok"
