"""Search over titles and finished messages: what matches, in which order, and the words around it.

Rare terms are ranked by bm25; of common ones nobody wants the "best" of thousands, so the newest come first,
which also takes no look at the others. Newest is what was stored last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from chatterm.conversation import Role
from chatterm.store.driver import sqlite3
from chatterm.store.tokens import MARK_BEGIN, MARK_END, SEPARATOR, match_expression

MAX_RANKED = 1_000
"""With more messages than this the newest come first."""

_SNIPPET_TOKENS = 32

_MESSAGE = """
    SELECT c.id, c.title, m.id, m.role, m.created, snippet(message_index, 0, ?, ?, '…', ?)
    FROM message_index JOIN message m ON m.serial = message_index.rowid
    JOIN conversation c ON c.id = m.conversation_id
    WHERE message_index MATCH ? AND message_index.rowid = ?"""


@dataclass(frozen=True, slots=True)
class SnippetPart:
    """A piece of the text around what was found."""

    text: str
    is_match: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """A title or a message that holds what was searched for."""

    conversation_id: str
    title: str
    message_id: str | None
    """None: the title itself matches."""
    role: Role | None
    created: str
    """Of the message, or of the conversation. ISO 8601, UTC."""
    snippet: tuple[SnippetPart, ...]


def search(db: sqlite3.Connection, query: str, limit: int) -> list[SearchHit]:
    """Return at most `limit` titles and then at most `limit` messages. No query is an error."""
    expression = match_expression(query)
    if expression is None:
        return []
    return [*_titles(db, expression, limit), *_messages(db, expression, limit)]


def _titles(db: sqlite3.Connection, expression: str, limit: int) -> Iterator[SearchHit]:
    found = db.execute(
        "SELECT c.id, c.title, NULL, NULL, c.created, highlight(title_index, 0, ?, ?) "
        "FROM title_index JOIN conversation c ON c.serial = title_index.rowid "
        "WHERE title_index MATCH ? ORDER BY title_index.rowid DESC LIMIT ?",
        (MARK_BEGIN, MARK_END, expression, limit),
    )
    return map(_hit, found.fetchall())


def _messages(db: sqlite3.Connection, expression: str, limit: int) -> Iterator[SearchHit]:
    order = "rank" if _is_rare(db, expression) else "rowid DESC"
    serials = db.execute(
        f"SELECT rowid FROM message_index WHERE message_index MATCH ? ORDER BY {order} LIMIT ?",
        (expression, limit),
    ).fetchall()
    # One by one: in a sorted query every match would get its snippet made, wanted or not.
    for (serial,) in serials:
        row = db.execute(_MESSAGE, (MARK_BEGIN, MARK_END, _SNIPPET_TOKENS, expression, serial)).fetchone()
        if row:  # a damaged index may have what is gone
            yield _hit(row)


def _is_rare(db: sqlite3.Connection, expression: str) -> bool:
    found = db.execute(
        "SELECT count(*) FROM (SELECT 1 FROM message_index WHERE message_index MATCH ? LIMIT ?)",
        (expression, MAX_RANKED + 1),
    )
    number: int = found.fetchone()[0]
    return number <= MAX_RANKED


def _hit(row: tuple[str, str, str | None, Role | None, str, str]) -> SearchHit:
    conversation_id, title, message_id, role, created, marked = row
    return SearchHit(
        conversation_id=conversation_id,
        title=title,
        message_id=message_id,
        role=role,
        created=created,
        snippet=tuple(_parts(marked)),
    )


def _parts(marked: str) -> Iterator[SnippetPart]:
    """Cut at the marks, which take turns; join what only a part mark of one run lies between."""
    plain = marked.replace(SEPARATOR, "").replace(MARK_END + MARK_BEGIN, "")
    pieces = plain.replace(MARK_END, MARK_BEGIN).split(MARK_BEGIN)
    for is_match, text in zip(cycle((False, True)), pieces, strict=False):
        if text:
            yield SnippetPart(text, is_match)
