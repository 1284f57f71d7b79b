"""How values stand in rows: ids, instants, texts and JSON going in; nodes, summaries and details coming out.

Pure, but for reading the clock, randomness and which processes run.
"""

import json
import os
import re
from base64 import b32encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chatterm.conversation import Message, MessageNode, Status, Usage
from chatterm.store.process import fate_of
from chatterm.store.records import ConversationSummary, PromptUse, ReplyDetail, ReplyRecord

Row = tuple[Any, ...]
"""As SQLite gives it: its columns have the types that the schema declares, which no checker sees."""

ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
"""Base32 of RFC 4648 in small letters: no digit looks like a letter."""

ID_LENGTH = 16

UNKNOWN_WRITER_GRACE = timedelta(days=1)
"""So long a reply counts as streaming whose writer is on another machine or in another container."""

_SURROGATES = re.compile("[\ud800-\udfff]")

NODE_COLUMNS = "m.id, m.conversation_id, m.parent_id, m.role, m.content, m.status, m.created, r.writer"
NODES = f"SELECT {NODE_COLUMNS} FROM message m LEFT JOIN reply r ON r.message_id = m.id"

SUMMARIES = """
    SELECT id, title, created, updated, (SELECT count(*) FROM message WHERE conversation_id = c.id),
        pinned, archived, (SELECT json_group_array(name) FROM tag WHERE conversation_id = c.id)
    FROM conversation c"""

DETAILS = """
    SELECT message_id, model_identity, model_name, engine, sampling, seed, sample, token_ids,
        log_probabilities, finish_reason, input_tokens, cached_tokens, output_tokens, prefill_s, decode_s,
        prompt_id, prompt_version, prompt_sha256, prompt_values
    FROM reply"""

INSERT_REPLY = """
    INSERT INTO reply (message_id, writer, model_identity, model_name, engine, sampling, seed, sample,
        prompt_id, prompt_version, prompt_sha256, prompt_values)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def new_id() -> str:
    """Return 80 random bits as 16 characters of ID_ALPHABET."""
    return b32encode(os.urandom(10)).decode().lower()


def instant() -> str:
    """Return the present, ISO 8601 in UTC, always of one length, so that texts order as instants do."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def storable(text: str) -> str:
    """Return `text` with U+FFFD for each lone surrogate, which UTF-8 cannot hold. All else stays as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    return text


def json_text(value: object) -> str:
    return storable(json.dumps(value, ensure_ascii=False))


def json_object(text: str) -> dict[str, Any]:
    """Return the object that `text` holds; what is damaged holds nothing."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def reply_row(message_id: str, writer: str, record: ReplyRecord) -> Row:
    """Return the values of INSERT_REPLY."""
    prompt = record.prompt
    used = (
        (prompt.id, prompt.version, prompt.sha256, json_text(dict(prompt.values))) if prompt else (None,) * 4
    )
    texts = tuple(storable(text) for text in (record.model_identity, record.model_name, record.engine))
    return (message_id, writer, *texts, json_text(dict(record.sampling)), record.seed, record.sample, *used)


def node_of(row: Row) -> MessageNode:
    """Return the message of a row of NODES."""
    identity, conversation_id, parent_id, role, content, status, created, writer = row
    return MessageNode(
        id=identity,
        conversation_id=conversation_id,
        parent_id=parent_id,
        message=Message(role, content),
        status=status_of(status, writer, created),
        created=created,
    )


def status_of(stored: Status, writer: str | None, created: str) -> Status:
    """Return the status as it is shown: a reply that streams without a living writer is interrupted.

    Nothing is declared interrupted that a live process may be writing: the writer is named so exactly that
    its end is certain (see process.py), and where it cannot be seen from here, a day must have passed. And
    as this is worked out at each reading, a writer that lives after all still finishes its reply.
    """
    if stored != "streaming":
        return stored
    fate = fate_of(writer or "")
    is_old = datetime.now(UTC) - datetime.fromisoformat(created) > UNKNOWN_WRITER_GRACE
    return "interrupted" if fate == "gone" or (fate == "unknown" and is_old) else stored


def summary_of(row: Row) -> ConversationSummary:
    """Return the conversation of a row of SUMMARIES."""
    identity, title, created, updated, num_messages, pinned, archived, tags = row
    return ConversationSummary(
        id=identity,
        title=title,
        created=created,
        updated=updated,
        num_messages=num_messages,
        pinned=bool(pinned),
        archived=bool(archived),
        tags=tuple(json.loads(tags)),
    )


def detail_of(row: Row) -> ReplyDetail:
    """Return the reply of a row of DETAILS. Raises ValueError where its JSON is damaged."""
    message_id, model_identity, model_name, engine, sampling, seed, sample, token_ids = row[:8]
    (chances, reason), usage, (prompt_id, version, sha256, values) = row[8:10], row[10:15], row[15:]
    options: Mapping[str, object] = json.loads(sampling)
    prompt = (
        PromptUse(id=prompt_id, version=version, sha256=sha256, values=json.loads(values))
        if prompt_id
        else None
    )
    return ReplyDetail(
        message_id=message_id,
        record=ReplyRecord(
            model_identity=model_identity,
            model_name=model_name,
            engine=engine,
            sampling=options,
            seed=seed,
            sample=sample,
            prompt=prompt,
        ),
        token_ids=tuple(json.loads(token_ids)),
        log_probabilities=tuple(map(tuple, json.loads(chances))) if chances else None,
        finish_reason=reason,
        usage=None if None in usage else Usage(*usage),
    )
