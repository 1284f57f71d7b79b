"""How a document stands in a message: named, opaque, in a fence that it cannot close itself."""

import re
from collections.abc import Sequence

from chatterm.conversation import Document
from chatterm.documents.places import without_page_marks

_MAX_NAME_CHARS = 100


def fence(documents: Sequence[Document]) -> str:
    """Return each document under its name, numbered where there are several.

    Without documents, and where all of them are blank, there is no text: a model given an empty fence
    makes something up for it.

    The fence is one backtick longer than the longest run inside, as CommonMark asks (section 4.5).
    A fence tells the model where the document ends; it cannot make it ignore what stands inside.
    Form feeds, which begin pages, are left out.
    """
    if all(not document.text or document.text.isspace() for document in documents):
        return ""
    if len(documents) == 1:
        return _fenced(documents[0], "")
    return "\n\n".join(_fenced(document, f"{number}: ") for number, document in enumerate(documents, 1))


def _fenced(document: Document, number: str) -> str:
    text = without_page_marks(document.text)
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    end = "" if text.endswith("\n") or not text else "\n"
    return f"[{number}{_one_line(document.name)}]\n{marks}\n{text}{end}{marks}"


def _one_line(name: str) -> str:
    """Keep a file name from looking like anything but a name."""
    plain = "".join(c if c.isprintable() and c not in "`[]" else " " for c in name)
    return " ".join(plain.split())[:_MAX_NAME_CHARS]
