"""What the reduce step reads in place of the documents: what the parts gave, as one short document. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatterm.conversation import Document

if TYPE_CHECKING:
    from chatterm.tasks.reading.facts import Fact

_NAMES = {"en": "facts", "zh": "要点"}


def digest(facts: "Sequence[Fact]", lang: str) -> Document:
    """Return the facts as a document, a line each: line n is `facts[n - 1]`.

    It has no line numbers and no marks: a model would take them for part of the facts, and garble them.
    """
    return as_document([" ".join(fact.text.split()) for fact in facts], lang)


def as_document(lines: Sequence[str], lang: str) -> Document:
    """Return a document of these lines, none of which has a line end."""
    text = "".join(f"{line}\n" for line in lines)
    return Document.of_text(_NAMES.get(lang, _NAMES["en"]), text)
