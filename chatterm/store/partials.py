"""ConversationPartials: what parts of a long task gave so far, so that a task that was stopped goes on.

A task is named by a key that only says whether two tasks are the same one. Results go with the conversation
in which they were made; until then they serve every conversation in which the same task is asked again.
What is known of the task itself stands at a position of its own, before the first part.
"""

from collections.abc import Mapping
from typing import Any

from chatterm.conversation import MessageNode
from chatterm.store import rows
from chatterm.store.driver import sqlite3
from chatterm.store.reading import ConversationReader

OF_TASK = "FROM conversation c CROSS JOIN partial_result p ON p.conversation_id = c.id AND p.task = ?"
"""Looks the task up once a conversation, by the primary key: 5 ms where reading the table takes 40."""

_HEAD = -1
"""The position of what is known of the task."""

_QUESTION = "question"


class ConversationPartials(ConversationReader):
    """Keeps partial results. Each method is one transaction, and may be called from any thread.

    They raise StoreError where the database fails.
    """

    def keep_partial(self, conversation_id: str, task: str, position: int, content: str) -> None:
        """Keep what the part at `position` gave, in place of what this conversation has of it.

        For a conversation that was deleted meanwhile nothing is kept.
        """
        with self._db.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO partial_result (conversation_id, task, position, content, created) "
                "SELECT id, ?, ?, ?, ? FROM conversation WHERE id = ?",
                (task, position, rows.storable(content), rows.instant(), conversation_id),
            )

    def partials(self, task: str) -> dict[int, str]:
        """Return what is kept of a task by position, whatever conversation it is of: the newest."""
        with self._db.reading() as db:
            found = db.execute(
                f"SELECT p.position, p.content {OF_TASK} AND p.position >= 0 ORDER BY p.created, p.rowid",
                (task,),
            ).fetchall()
        return dict(found)

    def begin_task(self, task: str, question: MessageNode, details: Mapping[str, object]) -> None:
        """Keep which question a task answers, and `details`, as JSON can hold them, which nothing here reads.

        They take the place of those that the conversation has of this task.
        """
        known = rows.json_text({**details, _QUESTION: question.id})
        self.keep_partial(question.conversation_id, task, _HEAD, known)

    def task_questions(self, task: str) -> list[str]:
        """Return the ids of the questions that a task answers, one a conversation, the newest first."""
        with self._db.reading() as db:
            found = db.execute(
                f"SELECT p.content {OF_TASK} AND p.position = ? ORDER BY p.created DESC, p.rowid DESC",
                (task, _HEAD),
            ).fetchall()
            named = [rows.json_object(content).get(_QUESTION) for (content,) in found]
            is_there = "SELECT 1 FROM message WHERE id = ?"  # a salvaged database may lack it
            return [one for one in named if isinstance(one, str) and db.execute(is_there, (one,)).fetchone()]

    def num_partials(self, question_id: str) -> int:
        """Return of how many parts `partials` has something for the newest task that answers a question."""
        with self._db.reading() as db:
            task, _ = _task_of(db, question_id)
            query = f"SELECT count(DISTINCT p.position) {OF_TASK} AND p.position >= 0"
            return int(db.execute(query, (task,)).fetchone()[0])

    def task_details(self, question_id: str) -> Mapping[str, object]:
        """Return what `begin_task` was told with a question last; nothing where no task answers it."""
        with self._db.reading() as db:
            _, head = _task_of(db, question_id)
        return {name: value for name, value in head.items() if name != _QUESTION}


def _task_of(db: sqlite3.Connection, question_id: str) -> tuple[str, dict[str, Any]]:
    """Return the newest task that answers a question, and what is known of it; both empty without any."""
    found = db.execute(
        "SELECT p.task, p.content FROM message m JOIN partial_result p USING (conversation_id) "
        "WHERE m.id = ? AND p.position = ? ORDER BY p.created DESC, p.rowid DESC",
        (question_id, _HEAD),
    )
    heads = ((task, rows.json_object(content)) for task, content in found)
    return next(((task, head) for task, head in heads if head.get(_QUESTION) == question_id), ("", {}))
