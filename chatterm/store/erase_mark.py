"""EraseMark: an empty file beside the database that says that deleted text may still be in its files.

A deletion is committed at once; the rewriting that erases it comes later, and a kill or a signal can come
between. The mark lets whoever uses the database next do it.
"""

import logging
from pathlib import Path

logger = logging.getLogger(__name__)


class EraseMark:
    """Of one database; None: one in memory, which needs none."""

    def __init__(self, database: Path | None) -> None:
        self._path = database.with_name(f"{database.name}-to-erase") if database else None

    @property
    def is_set(self) -> bool:
        return self._path is not None and self._path.exists()

    def set(self) -> None:
        """To be called before the deletion is committed. Where it cannot be set the deletion goes on."""
        if self._path:
            try:
                self._path.touch(0o600)
            except OSError as error:
                logger.warning("no mark for what is to be erased: %s", type(error).__name__)

    def clear(self) -> None:
        if self._path:
            self._path.unlink(missing_ok=True)
