"""Whole conversations into and out of the tables. In the caller's transaction; ids stay as they are.

A message that is there already is left alone, so that importing a file again, or a longer version of it,
adds what is missing and nothing twice.
"""

from collections.abc import Iterable
from dataclasses import astuple, replace

from chatterm.conversation import Status
from chatterm.errors import InputRefused
from chatterm.store import rows
from chatterm.store.driver import sqlite3
from chatterm.store.organising import attach_in
from chatterm.store.reading import typed_in, unknown
from chatterm.store.records import AttachedFile, ReplyDetail
from chatterm.store.whole import Added, WholeConversation, WholeMessage

_IMPORTED = "imported"
"""Stands for the process that wrote a reply; it is none that could write on."""


def whole_in(db: sqlite3.Connection, conversation_id: str) -> WholeConversation:
    """Read a conversation. A reply that is being written counts as interrupted. Raises UnknownName."""
    row = db.execute(
        "SELECT id, title, has_own_title, created, updated, pinned, archived, active_leaf "
        "FROM conversation WHERE id = ?",
        (conversation_id,),
    ).fetchone()
    if not row:
        raise unknown("conversation", conversation_id)
    identity, title, has_own_title, created, updated, pinned, archived, active_leaf = row
    tags = db.execute("SELECT name FROM tag WHERE conversation_id = ? ORDER BY name", (identity,))
    return WholeConversation(
        id=identity,
        title=title,
        has_own_title=bool(has_own_title),
        created=created,
        updated=updated,
        pinned=bool(pinned),
        archived=bool(archived),
        tags=tuple(name for (name,) in tags),
        active_leaf=active_leaf,
        messages=tuple(_messages(db, identity)),
    )


def add_in(db: sqlite3.Connection, whole: WholeConversation) -> Added:
    """Write what is not there yet. Raises InputRefused for what is no tree, or lies in two conversations."""
    is_new = not db.execute("SELECT 1 FROM conversation WHERE id = ?", (whole.id,)).fetchone()
    if is_new:
        _add_conversation(db, whole)
    known = {
        identity
        for (identity,) in db.execute("SELECT id FROM message WHERE conversation_id = ?", (whole.id,))
    }
    number = len(known)
    num_known = 0
    for message in whole.messages:
        if message.node.id in known:
            num_known += 1
        else:
            _add_message(db, whole.id, message, known)
            known.add(message.node.id)
    if is_new:
        _check_leaf(whole, known)
        db.execute("UPDATE conversation SET active_leaf = ? WHERE id = ?", (whole.active_leaf, whole.id))
    elif len(known) > number:
        db.execute(
            "UPDATE conversation SET updated = max(updated, ?) WHERE id = ?", (whole.updated, whole.id)
        )
    return Added(num_conversations=int(is_new), num_messages=len(known) - number, num_known=num_known)


def total(parts: Iterable[Added]) -> Added:
    added = Added()
    for part in parts:
        added = Added(
            num_conversations=added.num_conversations + part.num_conversations,
            num_messages=added.num_messages + part.num_messages,
            num_known=added.num_known + part.num_known,
        )
    return added


def _messages(db: sqlite3.Connection, conversation_id: str) -> Iterable[WholeMessage]:
    of_this = "(SELECT id FROM message WHERE conversation_id = ?)"
    details = {
        detail.message_id: detail
        for detail in map(
            rows.detail_of, db.execute(f"{rows.DETAILS} WHERE message_id IN {of_this}", (conversation_id,))
        )
    }
    files: dict[str, list[AttachedFile]] = {}
    for message_id, name, data in db.execute(
        "SELECT message_id, name, bytes FROM message_attachment NATURAL JOIN attachment "
        f"WHERE message_id IN {of_this} ORDER BY message_id, position",
        (conversation_id,),
    ):
        files.setdefault(message_id, []).append(AttachedFile(name=name, data=bytes(data)))
    typed = typed_in(db, conversation_id)
    found = db.execute(f"{rows.NODES} WHERE m.conversation_id = ? ORDER BY m.serial", (conversation_id,))
    for node in map(rows.node_of, found):
        status: Status = "interrupted" if node.status == "streaming" else node.status
        yield WholeMessage(
            node=replace(node, status=status),
            reply=details.get(node.id),
            files=tuple(files.get(node.id, ())),
            typed=typed.get(node.id),
        )


def _add_conversation(db: sqlite3.Connection, whole: WholeConversation) -> None:
    db.execute(
        "INSERT INTO conversation (id, title, has_own_title, created, updated, pinned, archived) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            whole.id, rows.storable(whole.title), whole.has_own_title, whole.created, whole.updated,
            whole.pinned, whole.archived,
        ),
    )  # fmt: skip
    tags = [(whole.id, rows.storable(name)) for name in whole.tags]
    db.executemany("INSERT OR IGNORE INTO tag VALUES (?, ?)", tags)


def _add_message(
    db: sqlite3.Connection, conversation_id: str, message: WholeMessage, known: set[str]
) -> None:
    node = message.node
    if node.parent_id is not None and node.parent_id not in known:
        raise InputRefused(
            f"message {node.id} of conversation {conversation_id} has the parent {node.parent_id}, which "
            "is not before it; nothing was imported"
        )
    if db.execute("SELECT 1 FROM message WHERE id = ?", (node.id,)).fetchone():
        raise InputRefused(
            f"message {node.id} of conversation {conversation_id} is in another conversation already; "
            "nothing was imported"
        )
    db.execute(
        "INSERT INTO message (id, conversation_id, parent_id, role, content, status, created, typed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            node.id, conversation_id, node.parent_id, node.message.role, rows.storable(node.message.content),
            node.status, node.created, None if message.typed is None else rows.storable(message.typed),
        ),
    )  # fmt: skip
    if message.reply:
        _add_reply(db, node.id, message.reply)
    for file in message.files:
        attach_in(db, node.id, file.name, file.data)


def _add_reply(db: sqlite3.Connection, message_id: str, detail: ReplyDetail) -> None:
    db.execute(rows.INSERT_REPLY, rows.reply_row(message_id, _IMPORTED, detail.record))
    chances = detail.log_probabilities
    db.execute(
        "UPDATE reply SET (finish_reason, token_ids, log_probabilities, input_tokens, cached_tokens, "
        "output_tokens, prefill_s, decode_s) = (?, ?, ?, ?, ?, ?, ?, ?) WHERE message_id = ?",
        (
            detail.finish_reason,
            rows.json_text(list(detail.token_ids)),
            None if chances is None else rows.json_text(list(chances)),
            *(astuple(detail.usage) if detail.usage else (None,) * 5),
            message_id,
        ),
    )


def _check_leaf(whole: WholeConversation, known: set[str]) -> None:
    if whole.active_leaf is not None and whole.active_leaf not in known:
        raise InputRefused(
            f"the active leaf {whole.active_leaf} of conversation {whole.id} is none of its messages; "
            "nothing was imported"
        )
