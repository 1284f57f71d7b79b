"""Cuts documents into chunks by their structure, each with its lines and its title path.

A chunk is whole lines of one document, as they stand there; only a line that is longer than a chunk may be
is cut, at the end of a sentence where it has one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from chatterm.conversation import Document

Unit = Literal["row", "line", "review", "clause", "paragraph", "section", "page"]
"""What a chunk is, where it is not as much as fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A part of one document."""

    document: int
    """Which of the documents, from 0."""
    name: str
    """The document's."""
    text: str
    """As it stands in the document. Of a table the head is put before it (`head`), not in it."""
    first_line: int
    """From 1."""
    last_line: int
    title_path: tuple[str, ...] = ()
    """The headings it stands under, the outermost first."""
    head: str = ""
    """What is needed to understand it and stands elsewhere: a table's head, the last sentence before it."""


def cut(
    documents: Sequence[Document],
    count: Callable[[str], int],
    limit: int,
    unit: Unit | None = None,
) -> tuple[Chunk, ...]:
    """Cut into chunks of at most `limit` tokens by `count`, head and text together, in order.

    Every line that is not blank is in exactly one chunk. `unit`: one chunk for each of these.
    """
    raise NotImplementedError
