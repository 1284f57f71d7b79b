"""BranchReader: where a conversation parts into branches, and what a screen tells of its messages.

A system message is no step of its own: questions below different system messages, which stand at the same
place of what was said, are branches of one another.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chatterm.conversation import Usage
from chatterm.store.driver import sqlite3
from chatterm.store.reading import ConversationReader, node_in, typed_in, unknown
from chatterm.store.records import AskedSummary, Attachment, ReplyEnding


@dataclass(frozen=True, slots=True)
class BranchPoint:
    """Which of several messages at one place of the conversation this is."""

    number: int
    """From 1, the oldest first."""
    total: int


class BranchReader(ConversationReader):
    """Reads what the messages of one conversation are to each other. Each method is a query or three.

    All raise StoreError where the database fails, and UnknownName for a message that is not there.
    """

    def branches(self, conversation_id: str) -> dict[str, BranchPoint]:
        """Return, by message id, where each message stands that has others beside it."""
        with self._db.reading() as db:
            tree = _tree_in(db, conversation_id)
        return {
            identity: BranchPoint(number, len(group))
            for group in tree.groups()
            if len(group) > 1
            for number, identity in enumerate(group, 1)
        }

    def alternatives(self, message_id: str) -> tuple[str, ...]:
        """Return the ids of all messages at the place of this one, itself among them, oldest first."""
        with self._db.reading() as db:
            tree = _tree_in(db, node_in(db, message_id).conversation_id)
        return tuple(next((group for group in tree.groups() if message_id in group), [message_id]))

    def branch_beside(self, message_id: str, step: int) -> str | None:
        """Return the newest message below the branch `step` further on; None where there is no such branch.

        Making it the active leaf walks to that branch.
        """
        group = self.alternatives(message_id)
        index = group.index(message_id) + step
        return self.newest_leaf(group[index]) if 0 <= index < len(group) else None

    def newest_leaf(self, message_id: str) -> str:
        """Return the newest message below this one, itself where there is none."""
        with self._db.reading() as db:
            tree = _tree_in(db, node_in(db, message_id).conversation_id)
        return tree.newest_below(message_id)

    def endings(self, conversation_id: str) -> dict[str, ReplyEnding]:
        """Return, by message id, how the replies of a conversation ended."""
        with self._db.reading() as db:
            found = db.execute(
                "SELECT message_id, finish_reason, input_tokens, cached_tokens, output_tokens, prefill_s, "
                "decode_s, model_name FROM reply JOIN message m ON m.id = message_id "
                "WHERE m.conversation_id = ?",
                (conversation_id,),
            ).fetchall()
        return {
            identity: ReplyEnding(
                finish_reason=reason,
                usage=None if None in usage else Usage(*usage),
                model_name=model_name,
            )
            for identity, reason, *usage, model_name in found
        }

    def asked(self, conversation_id: str) -> dict[str, AskedSummary]:
        """Return, by message id, what was typed and attached where a question does not tell it itself."""
        with self._db.reading() as db:
            typed = typed_in(db, conversation_id)
            files = db.execute(
                "SELECT l.message_id, l.name, l.sha256, length(a.bytes) FROM message_attachment l "
                "JOIN attachment a ON a.sha256 = l.sha256 JOIN message m ON m.id = l.message_id "
                "WHERE m.conversation_id = ? ORDER BY l.message_id, l.position",
                (conversation_id,),
            ).fetchall()
        attached: dict[str, list[Attachment]] = {identity: [] for identity in typed}
        for identity, name, digest, size in files:
            attached.setdefault(identity, []).append(Attachment(name=name, sha256=digest, num_bytes=size))
        return {
            identity: AskedSummary(text=typed.get(identity), attachments=tuple(attachments))
            for identity, attachments in attached.items()
        }


@dataclass(frozen=True, slots=True)
class _Tree:
    """A conversation's messages without their texts, parents before children."""

    children: Mapping[str | None, list[str]]
    """Oldest first; None: of no message."""
    order: Mapping[str, int] = field(default_factory=dict)
    """A newer message has a greater number."""
    systems: frozenset[str] = frozenset()

    def groups(self) -> Iterable[list[str]]:
        """Yield the messages that stand at one place, for each place."""
        for parent, below in self.children.items():
            if parent not in self.systems:
                yield sorted(self._said_below(below), key=self.order.__getitem__)

    def newest_below(self, message_id: str) -> str:
        newest, waiting = message_id, [message_id]
        while waiting:
            one = waiting.pop()
            newest = max(newest, one, key=self.order.__getitem__)
            waiting += self.children.get(one, [])
        return newest

    def _said_below(self, messages: Iterable[str]) -> list[str]:
        said: list[str] = []
        waiting = list(messages)
        while waiting:
            one = waiting.pop()
            if one in self.systems:
                waiting += self.children.get(one, [])
            else:
                said.append(one)
        return said


def _tree_in(db: sqlite3.Connection, conversation_id: str) -> _Tree:
    found = db.execute(
        "SELECT id, parent_id, role, serial FROM message WHERE conversation_id = ? ORDER BY serial",
        (conversation_id,),
    ).fetchall()
    if not found:
        raise unknown("conversation", conversation_id)
    children: dict[str | None, list[str]] = {}
    for identity, parent_id, _, _ in found:
        children.setdefault(parent_id, []).append(identity)
    return _Tree(
        children,
        {identity: serial for identity, _, _, serial in found},
        frozenset(identity for identity, _, role, _ in found if role == "system"),
    )
