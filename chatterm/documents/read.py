"""Reads a stream or a file up to the cap, by its kind, and makes a Document of it."""

import re
import stat
from pathlib import Path
from typing import IO

from chatterm.conversation import Document
from chatterm.documents.decode import decode
from chatterm.documents.formats.kinds import declared_encoding, kind_of
from chatterm.errors import InputRefused, UsageError

CAP_BYTES = 16 * 1024 * 1024
"""What is longer is refused, never cut."""

_STEP_BYTES = 256 * 1024


def read_stream(stream: IO[bytes], name: str, cap: int = CAP_BYTES, *, as_text: bool = False) -> Document:
    """Read `stream` to its end, as what its bytes are; at most `cap` + 1 bytes are ever taken from it.

    `as_text`: as plain text, whatever it looks like.

    Raises InputRefused where there are more than `cap` bytes or no text can be read from them, UsageError
    where the stream cannot be read.
    """
    name = shown_name(name)
    try:
        data = _read_capped(stream, name, cap)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from error
    num_bytes = len(data)
    text, notices = decode(data, name) if as_text else _text_of(data, name)
    if not text or text.isspace():
        notices = (*notices, f"{name} is empty")
    return Document(name=name, text=text, num_bytes=num_bytes, notices=notices)


def read_file(path: Path, cap: int = CAP_BYTES) -> Document:
    """Read a file named by the user; a pipe or a device counts as one, and is capped alike.

    Raises what `read_stream` raises, and UsageError for a folder and for what is not there.
    """
    name = shown_name(str(path))
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise UsageError(f"{name} is a folder; name a file in it")
        with path.open("rb") as stream:
            return read_stream(stream, path.name, cap)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {name}; check the name and the folder you are in") from error
    except PermissionError as error:
        raise UsageError(f"you may not read {name}; check its permissions (ls -l)") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from error


def _text_of(data: bytearray, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the text and what people should know of it. `data` is emptied, to keep memory low."""
    kind = kind_of(data, name)
    if kind == "text":
        return decode(data, name)
    notices: tuple[str, ...] = ()
    if kind == "html":
        page, notices = decode(data, name, declared_encoding(data))
        data = bytearray(page.encode())
    from chatterm.documents.formats.extract import extract

    found = extract(data, kind, name)
    data.clear()
    return found.text, (*notices, *found.notices)


def _read_capped(stream: IO[bytes], name: str, cap: int) -> bytearray:
    data = bytearray()
    while len(data) <= cap:
        piece = stream.read(min(_STEP_BYTES, cap + 1 - len(data)))
        if piece is None:  # a pipe that its other end made non-blocking
            raise InputRefused(f"{name} stopped giving data without ending; write it to a file and use -f")
        if not piece:
            return data
        data += piece
    raise InputRefused(
        f"{name} has more than {cap:,} bytes, the most that is read; cut it into parts, or send what matters"
    )


def shown_name(name: str) -> str:
    """Replace what is no valid Unicode (file names may be any bytes)."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", name)
