"""What becomes of a paste: a short one is typed, a long one is a document, one over the cap is refused."""

from collections.abc import Iterable
from io import BytesIO

from chatterm.conversation import Document
from chatterm.documents.read import read_stream
from chatterm.errors import InputRefused

MAX_LINES = 20
MAX_CHARS = 2_000
"""What is longer than either becomes a document."""

NAME = "pasted text"


def is_long(text: str) -> bool:
    return len(text) > MAX_CHARS or text.count("\n") + text.count("\r") >= MAX_LINES


def pasted_document(text: str, names: Iterable[str]) -> Document:
    """Return a paste as a document under a name that is none of `names`; markup stays as it is.

    Raises InputRefused for what is no text or over the cap; what was refused is still on the clipboard.
    """
    taken = set(names)
    numbered = (NAME if number == 1 else f"{NAME} {number}" for number in range(1, len(taken) + 2))
    name = next(one for one in numbered if one not in taken)
    try:
        return read_stream(BytesIO(text.encode(errors="replace")), name, as_text=True)
    except InputRefused as error:
        raise InputRefused(f"{error}; it is still on the clipboard") from error
