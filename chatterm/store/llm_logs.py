"""Conversations of the `llm` tool, as its logs.db has them. The file is only read.

A response is a prompt and its reply, and with a new system text a system message. Older files lack columns
and tables; tool calls and files that were only named are left out.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chatterm.conversation import Message, MessageNode, Role, Usage
from chatterm.errors import InputRefused
from chatterm.store.driver import sqlite3
from chatterm.store.json_fields import Fields
from chatterm.store.migrations import APPLICATION_ID
from chatterm.store.records import AttachedFile, ReplyDetail, ReplyRecord
from chatterm.store.whole import WholeConversation, WholeMessage, derived_id

_COLUMNS = (
    "id", "model", "prompt", "system", "options_json", "response", "conversation_id", "duration_ms",
    "datetime_utc", "input_tokens", "output_tokens",
)  # fmt: skip
_NEEDED = {"id", "model", "prompt", "response", "conversation_id", "datetime_utc"}

Row = dict[str, Any]
"""A response by column; SQLite's columns hold whatever was put in them, so each use converts."""


def read_logs(path: Path) -> list[WholeConversation]:
    """Read the file. Raises InputRefused where it is no logs.db, or damaged."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            _check(connection, path)
            return _conversations(connection, path.name)
    except sqlite3.Error as error:
        raise InputRefused(f"{path.name} cannot be read ({error}); nothing was imported") from error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
        advice = "export from it (`chatterm history export --all --json`), or set CHATTERM_HOME to its folder"
        raise InputRefused(f"{path.name} is a database of chatterm; {advice}")
    if missing := _NEEDED - _columns(connection, "responses"):
        names = ", ".join(sorted(missing))
        raise InputRefused(
            f"{path.name} is no logs.db of llm: its table responses lacks {names}; nothing was imported"
        )


def _conversations(connection: sqlite3.Connection, name: str) -> list[WholeConversation]:
    columns = [one for one in _COLUMNS if one in _columns(connection, "responses")]
    found = connection.execute(f"SELECT {', '.join(columns)} FROM responses ORDER BY datetime_utc, id")
    turns: dict[str, list[Row]] = {}
    for values in found:
        row = dict(zip(columns, values, strict=True))
        turns.setdefault(str(row["conversation_id"] or row["id"]), []).append(row)
    titles = {}
    if {"id", "name"} <= _columns(connection, "conversations"):
        titles = dict(connection.execute("SELECT id, name FROM conversations").fetchall())
    return [
        _conversation(connection, key, str(titles.get(key) or ""), rows, name) for key, rows in turns.items()
    ]


def _conversation(
    connection: sqlite3.Connection, key: str, title: str, turns: list[Row], name: str
) -> WholeConversation:
    identity = derived_id("llm", key)
    messages: list[WholeMessage] = []
    system = ""
    for turn in turns:
        for message in _messages(connection, turn, identity, system, name):
            parent_id = messages[-1].node.id if messages else None
            messages.append(_below(message, parent_id))
        system = _with_fragments(connection, "system_fragments", turn, "system") or system
    moments = [message.node.created for message in messages]
    return WholeConversation(
        id=identity,
        title=title,
        has_own_title=bool(title),
        created=min(moments),
        updated=max(moments),
        active_leaf=messages[-1].node.id,
        messages=tuple(messages),
    )


def _messages(
    connection: sqlite3.Connection, turn: Row, conversation_id: str, system: str, name: str
) -> Iterator[WholeMessage]:
    """Yield the messages of one response, without their parents."""
    created = _moment(turn, name)

    def node(role: Role, text: str) -> MessageNode:
        return MessageNode(
            id=derived_id("llm", str(turn["id"]), role),
            conversation_id=conversation_id,
            parent_id=None,
            message=Message(role, text),
            status="complete",
            created=created,
        )

    own_system = _with_fragments(connection, "system_fragments", turn, "system")
    if own_system and own_system != system:
        yield WholeMessage(node=node("system", own_system))
    prompt = _with_fragments(connection, "prompt_fragments", turn, "prompt")
    yield WholeMessage(node=node("user", prompt), files=tuple(_files(connection, turn)))
    if turn["response"] is not None:
        reply = node("assistant", str(turn["response"]))
        yield WholeMessage(node=reply, reply=_reply(turn, reply.id, name))


def _below(message: WholeMessage, parent_id: str | None) -> WholeMessage:
    return replace(message, node=replace(message.node, parent_id=parent_id))


def _reply(turn: Row, message_id: str, name: str) -> ReplyDetail:
    model = str(turn["model"])
    return ReplyDetail(
        message_id=message_id,
        record=ReplyRecord(
            model_identity=f"llm:{model}",
            model_name=model,
            engine="llm",
            sampling=_options(turn, name),
            seed=0,
        ),
        token_ids=(),
        log_probabilities=None,
        finish_reason=None,
        usage=_usage(turn),
    )


def _options(turn: Row, name: str) -> dict[str, object]:
    try:
        return dict(Fields.of(json.loads(turn.get("options_json") or "{}"), name).values)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputRefused(
            f"{name}: the options of response {turn['id']} are no JSON; nothing was imported"
        ) from error


def _usage(turn: Row) -> Usage | None:
    tokens = turn.get("input_tokens"), turn.get("output_tokens")
    duration = turn.get("duration_ms")
    if not all(isinstance(number, int) for number in (*tokens, duration)):
        return None
    return Usage(
        input_tokens=tokens[0] or 0,
        cached_tokens=0,
        output_tokens=tokens[1] or 0,
        prefill_s=0.0,
        decode_s=(duration or 0) / 1000,
    )


def _with_fragments(connection: sqlite3.Connection, table: str, turn: Row, column: str) -> str:
    """Return a prompt or a system text after the fragments that llm put before it."""
    parts: list[str] = []
    if {"response_id", "fragment_id", "order"} <= _columns(connection, table):
        found = connection.execute(
            f"SELECT f.content FROM {table} p JOIN fragments f ON f.id = p.fragment_id "
            'WHERE p.response_id = ? ORDER BY p."order"',
            (turn["id"],),
        )
        parts = [str(content) for (content,) in found]
    own = turn.get(column)
    return "\n".join([*parts, *([str(own)] if own else [])])


def _files(connection: sqlite3.Connection, turn: Row) -> Iterator[AttachedFile]:
    if not {"response_id", "attachment_id", "order"} <= _columns(connection, "prompt_attachments"):
        return
    found = connection.execute(
        "SELECT coalesce(a.path, a.url, a.type, 'attachment'), a.content FROM prompt_attachments p "
        'JOIN attachments a ON a.id = p.attachment_id WHERE p.response_id = ? ORDER BY p."order"',
        (turn["id"],),
    )
    for name, content in found:
        if isinstance(content, bytes):
            yield AttachedFile(name=Path(str(name)).name or "attachment", data=content)


def _moment(turn: Row, name: str) -> str:
    """Return when the response came; llm writes UTC without saying so."""
    if turn["datetime_utc"] is None:
        return datetime.fromtimestamp(0, UTC).isoformat(timespec="microseconds")
    return Fields(turn, f"{name}: response {turn['id']}").instant("datetime_utc")


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of a table's columns, none where there is no such table."""
    return {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
