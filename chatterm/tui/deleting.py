"""RecycleBin: what was deleted in this session, held in memory so that it can come back whole.

Blocking: its methods are for threads.
"""

import logging
import threading
from collections.abc import Sequence

from chatterm.errors import StoreError, UnknownName
from chatterm.store import ConversationStore, WholeConversation

logger = logging.getLogger(__name__)


class RecycleBin:
    """Deletes at once; nothing finds what was deleted, and `erase` takes it out of the files too."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store
        self._deleted: list[Sequence[WholeConversation]] = []
        self._lock = threading.Lock()
        self._must_erase = False

    @property
    def must_erase(self) -> bool:
        """Something was deleted since the files were cleaned, if only by a chatterm that was killed then."""
        return self._must_erase or self._store.must_erase

    def delete(self, conversation_ids: Sequence[str]) -> list[WholeConversation]:
        """Delete these and return what they were; those that are gone already are passed over.

        Raises StoreError, and then they are all still there.
        """
        with self._lock:
            held = [whole for identity in conversation_ids if (whole := self._whole(identity))]
            self._store.delete([whole.id for whole in held])
            if held:
                self._deleted.append(held)
                self._must_erase = True
            return held

    def undo(self) -> Sequence[WholeConversation]:
        """Bring back what was deleted last; nothing where nothing is left. Raises StoreError."""
        with self._lock:
            if not self._deleted:
                return ()
            held = self._deleted[-1]
            self._store.add_whole(held)
            return self._deleted.pop()

    def erase(self) -> None:
        """Clean the database's files of what was deleted. Harmless when repeated, or when nothing was."""
        with self._lock:
            if not self.must_erase or self._store.is_read_only:
                return
            try:
                self._store.erase_deleted()
            except StoreError as error:
                # Another chatterm uses the files: the next deletion, or the last one to leave, cleans them.
                logger.warning("what was deleted is not erased yet: %s", type(error).__name__)
            else:
                self._must_erase = False

    def _whole(self, conversation_id: str) -> WholeConversation | None:
        try:
            return self._store.whole(conversation_id)
        except UnknownName:
            return None
