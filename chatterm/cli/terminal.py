"""The terminal that the app needs: whether there is one, and its keys where standard input is a pipe."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatterm.errors import UsageError

MIN_COLUMNS, MIN_LINES = 40, 10

ADVICE = 'ask one question with: chatterm ask "..."'

_STDIN = 0


def check_screen() -> None:
    """Raise UsageError where the app cannot be shown, and name `chatterm ask`."""
    # The app draws on stderr, which is where Textual draws.
    if not (sys.stdin is not None and sys.stdout.isatty() and sys.stderr.isatty()):
        raise UsageError(f"the app needs a terminal, and this is none; {ADVICE}")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise UsageError(f"the app needs a terminal that can draw, found TERM=dumb; {ADVICE}")
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    if columns < MIN_COLUMNS or lines < MIN_LINES:
        found = f"found {columns}x{lines}, needed {MIN_COLUMNS}x{MIN_LINES}"
        raise UsageError(f"the terminal is too small for the app: {found}; enlarge it, or {ADVICE}")


@contextmanager
def keys_from(terminal: Path) -> Iterator[None]:
    """Let file descriptor 0 be the terminal instead of the pipe it is; the pipe is back afterwards.

    Textual reads its keys from there, and leaving.py restores that terminal. Raises UsageError where the
    process has no terminal of its own.
    """
    with _opened(terminal) as opened:
        piped = os.dup(_STDIN)
        os.dup2(opened, _STDIN)
    try:
        yield
    finally:
        os.dup2(piped, _STDIN)
        os.close(piped)


def check_keys(terminal: Path) -> None:
    """Raise as `keys_from` does, before anything is read from the pipe."""
    with _opened(terminal):
        pass


@contextmanager
def _opened(terminal: Path) -> Iterator[int]:
    try:
        opened = os.open(terminal, os.O_RDWR)
    except OSError as error:
        advice = 'ask about the document with: ... | chatterm ask "..."'
        raise UsageError(
            f"standard input is no terminal, and there is no other to read keys from "
            f"({terminal}: {error.strerror}); {advice}"
        ) from error
    try:
        yield opened
    finally:
        os.close(opened)
