"""What the child process that reads a format hands back, as bytes: a line of JSON, then the text."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""Of the text of one document, in UTF-8; longer ones are refused, never cut."""


class Unreadable(Exception):
    """The bytes cannot be read as their format. Says why, so that it reads on after the document's name."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a document, and what people should know of it."""

    text: str
    notices: tuple[str, ...] = ()
    """Each reads on after the document's name."""


def bounded(pieces: Iterable[str]) -> list[str]:
    """Collect the pieces of a text. Raises Unreadable as soon as they are too long together."""
    found: list[str] = []
    room = MAX_TEXT_BYTES
    for piece in pieces:
        room -= len(piece.encode())
        if room < 0:
            raise Unreadable(
                f"holds more than {MAX_TEXT_BYTES:,} bytes of text, the most that is read; cut it into parts"
            )
        found.append(piece)
    return found


def packed(extracted: Extracted) -> bytes:
    head = json.dumps({"notices": extracted.notices}).encode()
    return head + b"\n" + extracted.text.encode(errors="replace")


def packed_refusal(reason: str) -> bytes:
    return json.dumps({"refused": reason}).encode() + b"\n"


def unpacked(raw: bytes) -> Extracted:
    """Undo `packed`. Raises Unreadable for a refusal, and where a child that went wrong wrote neither."""
    head, _, text = raw.partition(b"\n")
    try:
        found = json.loads(head)
        if "refused" in found:
            raise Unreadable(str(found["refused"]))
        return Extracted(text.decode(), tuple(map(str, found["notices"])))
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable("could not be read: what reads it gave no sensible answer") from error
