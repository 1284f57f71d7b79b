"""How an answer reaches stdout: as plain text while it comes, as a whole, or as JSON; see also `rendered`.

stdout carries the answer and nothing else, sanitised, ending in one newline. A reader that goes away shows
as BrokenPipeError from `write` or `close`.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from chatterm.sanitize import DANGEROUS, Sanitizer, sanitize


class AnswerWriter(Protocol):
    """Takes a reply piece by piece."""

    def write(self, text: str) -> None:
        """Take more of the model's text, as it came."""
        ...

    def close(self) -> None:
        """End the answer."""
        ...


class PlainAnswer:
    """The model's own text, at once. Line ends are held back until text follows them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._sanitizer = Sanitizer()
        self._held = ""

    def write(self, text: str) -> None:
        text = self._held + self._sanitizer.feed(text)
        body = text.rstrip("\n")
        self._held = text[len(body) :]
        if body:
            self._stream.write(body)
            self._stream.flush()

    def close(self) -> None:
        self._stream.write("\n")
        self._stream.flush()


class WholeAnswer:
    """The whole answer at its end, through another writer."""

    def __init__(self, writer: AnswerWriter) -> None:
        self._writer = writer
        self._parts: list[str] = []

    def write(self, text: str) -> None:
        self._parts.append(text)

    def close(self) -> None:
        self._writer.write("".join(self._parts))
        self._writer.close()


class SilentAnswer:
    """Writes nothing: the answer is printed in another form at the end (JSON)."""

    def write(self, text: str) -> None:
        """Take the text, and do nothing with it."""

    def close(self) -> None:
        """Print nothing."""


def to_json(value: Mapping[str, Any] | list[Any] | str | float | None) -> str:
    """Return `value` as JSON in which every character a terminal may obey is escaped; other scripts stay."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return DANGEROUS.sub(lambda found: json.dumps(found[0])[1:-1], text)


READER_GONE = 141
"""128 + SIGPIPE, as a shell reports it."""


class ReaderGone(Exception):  # nothing failed: `| head` has read enough
    """Whoever read stdout has closed it. Not an OSError: Typer ends the process on those by itself."""


def print_safely(stream: TextIO, text: str) -> None:
    """Write lines of a listing, sanitised, ending in one newline. Raises ReaderGone."""
    try:
        stream.write(sanitize(text).rstrip("\n") + "\n")
        stream.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error


def silence_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter's own flush at exit says nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
