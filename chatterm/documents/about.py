"""What was read, in words: `12 pages, 4,210 lines, 182,344 bytes`."""

from collections.abc import Sequence

from chatterm.conversation import Document
from chatterm.documents.places import pages_of

_NUM_TOLD = 5
"""More documents than these are told together."""


def about(document: Document) -> str:
    """Say how long a document is; bytes are those of the file, before it was decoded or unpacked."""
    num_pages = len(pages_of(document.text))
    pages = [_count(num_pages, "page")] if num_pages else []
    return ", ".join([*pages, *_lines_and_bytes([document])])


def reading_report(documents: Sequence[Document]) -> tuple[str, ...]:
    """Return a line for each of a few documents, `report.pdf: 12 pages, ...`, one line for many."""
    if len(documents) <= _NUM_TOLD:
        return tuple(f"{document.name}: {about(document)}" for document in documents)
    return (f"{len(documents):,} documents: {', '.join(_lines_and_bytes(documents))}",)


def _lines_and_bytes(documents: Sequence[Document]) -> tuple[str, str]:
    num_lines = sum(document.num_lines for document in documents)
    num_bytes = sum(document.num_bytes for document in documents)
    return _count(num_lines, "line"), _count(num_bytes, "byte")


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"
