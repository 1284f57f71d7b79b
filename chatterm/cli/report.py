"""Report owns stderr: notices, errors and progress, sanitised. What it says never mixes with an answer."""

import io
import os
import sys
from typing import TextIO

from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize, sanitize_line

_CLEAR_LINE = "\r\x1b[K"


class Report:
    """Writes to stderr. Quiet: errors only. Progress: only on a terminal that can redraw a line."""

    @classmethod
    def to_stderr(cls, *, is_quiet: bool = False) -> "Report":
        return cls(sys.stderr or io.StringIO(), is_quiet=is_quiet, term=os.environ.get("TERM", ""))

    def __init__(self, stream: TextIO, *, is_quiet: bool = False, term: str = "") -> None:
        """`term` is the TERM variable."""
        self._stream = stream
        self._is_quiet = is_quiet
        self._draws = stream.isatty() and term != "dumb" and not is_quiet
        self._progress = ""

    def notice(self, text: str) -> None:
        """Say what the user should know, on a line of its own."""
        if not self._is_quiet:
            self._write(f"chatterm: {sanitize_line(text)}\n")

    @property
    def is_for_person(self) -> bool:
        """Whether somebody reads along."""
        return self._stream.isatty() and not self._is_quiet

    def usage(self, text: str) -> None:
        """Say what was asked for with `-u`, quiet or not."""
        self._write(f"{sanitize_line(text)}\n")

    def error(self, error: ChattermError | str) -> None:
        """Tell an error, quiet or not; it may have several lines."""
        self._write(f"chatterm: {sanitize(str(error)).rstrip()}\n")

    def progress(self, text: str) -> None:
        """Show `text` in place of the progress before it, until anything else is written or `clear`."""
        if self._draws and text != self._progress:
            self._emit(_CLEAR_LINE + sanitize_line(text))
            self._progress = text

    def clear(self) -> None:
        """Take the progress away, so that an answer can be written to the same terminal."""
        if self._progress:
            self._progress = ""
            self._emit(_CLEAR_LINE)

    def _write(self, text: str) -> None:
        self.clear()
        self._emit(text)

    def _emit(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # Whoever read stderr has gone, its disk is full, or it was closed; the exit code still tells.
            self._draws = False
