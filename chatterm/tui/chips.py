"""What a draft holds beside its text, told line by line: documents, prompt, system message, options."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chatterm.conversation import Document
from chatterm.documents.places import pages_of
from chatterm.tui.drafts import Draft
from chatterm.tui.foreign import one_line

Part = Literal["document", "prompt", "system", "setting"]

_SHOWN_CHARS = 60
MAX_DOCUMENTS = 12
"""More, as a folder brings, are one thing, taken out together."""
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Rider:
    """One thing that goes with the text."""

    part: Part
    key: str
    """Of a document its index, or that it stands for all; of an option its name."""
    label: str
    """One line, safe to show."""


def riders(draft: Draft, num_tokens: Sequence[int] = ()) -> tuple[Rider, ...]:
    """`num_tokens`: those of each document, where they are counted."""
    return tuple(_riders(draft, num_tokens))


def document_of(draft: Draft, rider: Rider) -> Document | None:
    """Return the one document that a rider stands for."""
    return draft.documents[int(rider.key)] if rider.part == "document" and rider.key != _ALL else None


def without(draft: Draft, rider: Rider) -> Draft:
    """Return `draft` with that thing taken out."""
    match rider.part:
        case "document":
            if rider.key == _ALL:
                return replace(draft, documents=())
            index = int(rider.key)
            return replace(draft, documents=draft.documents[:index] + draft.documents[index + 1 :])
        case "prompt":
            return replace(draft, prompt_id=None, values={})
        case "system":
            return replace(draft, system="")
        case "setting":
            return replace(draft, settings={k: v for k, v in draft.settings.items() if k != rider.key})


def _riders(draft: Draft, num_tokens: Sequence[int]) -> Iterator[Rider]:
    if draft.prompt_id:
        yield Rider("prompt", "", f"prompt: {one_line(draft.prompt_id, _SHOWN_CHARS)}")
    if draft.system:
        yield Rider("system", "", f"system: {one_line(draft.system, _SHOWN_CHARS)}")
    for name, value in draft.settings.items():
        yield Rider("setting", name, f"{name}: {one_line(str(value), _SHOWN_CHARS)}")
    if len(draft.documents) > MAX_DOCUMENTS:
        yield Rider("document", _ALL, f"{len(draft.documents):,} documents · {_size_of(draft.documents)}")
        return
    for index, document in enumerate(draft.documents):
        tokens = f", {num_tokens[index]:,} tokens" if len(num_tokens) == len(draft.documents) else ""
        name = one_line(document.name, _SHOWN_CHARS)
        yield Rider("document", str(index), f"{name} · {size_of(document)}{tokens}")


def size_of(document: Document) -> str:
    """Say how long a document is: `12 lines, 3.4 KB`, with its pages where it has some."""
    num_pages = len(pages_of(document.text))
    pages = f"{num_pages:,} pages, " if num_pages else ""
    return f"{pages}{_size_of([document])}"


def _size_of(documents: Sequence[Document]) -> str:
    num_lines = sum(document.num_lines for document in documents)
    lines = "1 line" if num_lines == 1 else f"{num_lines:,} lines"
    return f"{lines}, {bytes_text(sum(document.num_bytes for document in documents))}"


def bytes_text(number: int) -> str:
    if number < 1000:
        return f"{number} bytes"
    return f"{number / 1e3:.1f} KB" if number < 1e6 else f"{number / 1e6:.1f} MB"
