"""ConversationPartials: what parts of a long task gave so far, so that a task that was stopped goes on.

A task is named by a key that only says whether two tasks are the same one. Results go with the conversation
in which they were made; until then they serve every conversation in which the same task is asked again.
"""

from chatterm.store import rows
from chatterm.store.reading import ConversationReader

OF_TASK = "FROM conversation c CROSS JOIN partial_result p ON p.conversation_id = c.id AND p.task = ?"
"""Looks the task up once a conversation, by the primary key: 5 ms where reading the table takes 40."""


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
                f"SELECT p.position, p.content {OF_TASK} ORDER BY p.created, p.rowid", (task,)
            ).fetchall()
        return dict(found)

    def partial_conversations(self, task: str) -> list[str]:
        """Return the ids of the conversations that hold results of a task, the newest result first."""
        with self._db.reading() as db:
            found = db.execute(
                f"SELECT c.id {OF_TASK} GROUP BY c.id ORDER BY max(p.created) DESC, max(p.rowid) DESC",
                (task,),
            ).fetchall()
        return [identity for (identity,) in found]
