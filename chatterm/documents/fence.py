"""How a document stands in a message: named, opaque, in a fence that it cannot close itself."""

import re
from collections.abc import Sequence

from chatterm.conversation import Document
from chatterm.documents.places import without_page_marks

_MAX_NAME_CHARS = 100
_HEAD = re.compile(r"^\[[^\[\]\n]{0,120}\]\n(`{3,})\n", re.MULTILINE)
"""The name, at most 100 characters after a number, and the marks that end the document."""


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


def unfenced(content: str, num_documents: int) -> tuple[tuple[str, ...], str]:
    """Return the documents that stand in a message, and the rest of it, as `fence` put them together.

    The first `num_documents` are taken: what follows them only looks like one, and somebody typed it.
    """
    documents: list[str] = []
    rest: list[str] = []
    place = 0
    for head in _HEAD.finditer(content):
        if len(documents) == num_documents:
            break
        if head.start() < place:
            continue  # inside a document
        end = content.find(f"\n{head[1]}", head.end() - 1)
        while end >= 0 and content[end + 1 + len(head[1]) : end + 2 + len(head[1])] not in ("", "\n"):
            end = content.find(f"\n{head[1]}", end + 1)
        if end >= 0:
            documents.append(content[head.end() : end + 1])
            rest.append(content[place : head.start()])
            place = end + 1 + len(head[1])
    return tuple(documents), "".join([*rest, content[place:]])
