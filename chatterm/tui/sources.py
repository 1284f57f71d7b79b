"""What a reply rests on: its statements, each with lines of the documents. Blocking: for a thread."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from chatterm.conversation import Document
from chatterm.errors import ChattermError
from chatterm.store import ConversationStore
from chatterm.tui.foreign import one_line

if TYPE_CHECKING:
    from chatterm.checks import Evidence
    from chatterm.checks.support import Support
    from chatterm.documents.places import Pages
    from chatterm.prompts import PromptLibrary
    from chatterm.prompts.output import OutputSpec
    from chatterm.tasks import Checked
    from chatterm.tasks.citing import Cited

MAX_STATEMENTS = 20_000
MAX_MARKED = 300
"""So many statements are marked in the text itself; the sources' own screen has more."""
MAX_TEXT = 4_000
"""Characters of a statement or an excerpt that are shown."""

_HOWS = {"quote": "the same words", "numbers": "its numbers", "words": "words like it"}


@dataclass(frozen=True, slots=True)
class Basis:
    """The documents that a reply may rest on, with their pages."""

    documents: tuple[Document, ...]
    """In the order in which `Evidence.source` counts them."""
    pages: "tuple[Pages, ...]"

    def where(self, place: "Evidence", lang: str) -> str:
        """Say where a place is; the document's name is told where there are several."""
        said = self.pages[place.source].place(place.first_line, place.last_line, lang=lang)
        if len(self.documents) == 1:
            return said
        return f"{one_line(self.documents[place.source].name, 80)}, {said}"

    def has(self, place: "Evidence") -> bool:
        return 0 <= place.source < len(self.documents)

    def excerpt(self, place: "Evidence") -> str:
        """Return the lines of a place as they stand in the document."""
        text = self.documents[place.source].text
        lines = text.split("\n", place.last_line)[place.first_line - 1 : place.last_line]
        return "\n".join(lines)[:MAX_TEXT].replace("\f", "")


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of a reply, or something that was checked in it, with the places it rests on."""

    text: str
    is_supported: bool
    how: str
    """In words: by what its lines were found, or what is amiss."""
    places: "tuple[Evidence, ...]"
    """Only such as the `Basis` has."""
    is_check: bool = False
    """It was checked beside the statements."""


def cited_of(
    store: ConversationStore, reply_id: str, checked: "Checked | None", library: "PromptLibrary | None"
) -> "Cited":
    """Return what a reply is held against: what it was when it came, else what is in the store.

    Raises StoreError, and UnknownName for a message that is gone.
    """
    from chatterm.tasks.citing import Cited
    from chatterm.tasks.grounds import Grounds
    from chatterm.tasks.reply_text import read_reply

    if checked and checked.cited.grounds:
        return checked.cited
    named: dict[str, str] = {}
    for one in documents_above(store, reply_id):
        named.setdefault(one.text, one.name)
    output = output_of(store, reply_id, library)
    schema = output.schema if output else None
    grounds = Grounds([(name, text) for text, name in named.items()])
    return Cited(grounds, read_reply(store.node(reply_id).message.content, schema), schema is not None)


def basis_of(cited: "Cited") -> Basis:
    from chatterm.documents.places import pages_of

    named = zip(cited.grounds.names, cited.grounds.texts, strict=True)
    documents = tuple(Document.of_text(name, text) for name, text in named)
    return Basis(documents, tuple(pages_of(one.text) for one in documents))


def claims_of(cited: "Cited") -> "Iterator[Claim]":
    """Yield the statements of a reply in their order, those of a text as they are found."""
    if cited.reply is None or not cited.grounds:
        return
    if cited.is_json:
        supports: Iterator[Support] = (one.support for one in cited.sources)
    else:
        supports = cited.grounds.cite_all(cited.reply.raw)
    for support in islice(supports, MAX_STATEMENTS):
        how = _HOWS.get(support.how, "")
        yield Claim(support.text[:MAX_TEXT], support.is_supported, how, support.evidence)


def marked(cited: "Cited", lang: str) -> str:
    """Return a reply as Markdown with its lines behind each statement; empty where none rests on anything."""
    if cited.reply is None or cited.is_json or not cited.grounds:
        return ""
    supports = list(islice(cited.grounds.cite_all(cited.reply.raw), MAX_MARKED + 1))
    if len(supports) > MAX_MARKED or not any(one.is_supported for one in supports):
        return ""
    pieces, place = [], 0
    for one in supports:
        mark = cited.grounds.mark(one, lang, is_markdown=True)
        pieces.append(f"{cited.reply.raw[place : one.end]} {mark}")
        place = one.end
    return "".join([*pieces, cited.reply.raw[place:]])


def checked_claims(checked: "Checked", basis: Basis, lang: str) -> "Iterator[Claim]":
    """Yield what the checks of this session looked at, what is amiss first, what was found alike once."""
    from chatterm.checks import describe

    if checked.misses_schema:
        yield Claim(f"the answer misses its schema: {checked.misses_schema}", False, "", (), is_check=True)
    for one in checked.phrasings:
        yield Claim(one.text, False, f"line {one.line} of the answer: {one.reason}", (), is_check=True)
    told: set[tuple[str, tuple[Evidence, ...]]] = set()
    for finding in sorted(checked.report.findings, key=lambda one: one.is_verified):
        places = tuple(filter(basis.has, finding.evidence))
        is_placed = finding.is_verified and bool(places)  # the places are told beside it
        text = describe(replace(finding, evidence=()) if is_placed else finding, lang)
        if not finding.is_verified or (text, places) not in told:
            told.add((text, places))
            yield Claim(text, finding.is_verified, "", places, is_check=True)


def documents_above(store: ConversationStore, message_id: str) -> tuple[Document, ...]:
    """Return what is attached to a question, or that of a reply, then what is to those before it.

    Raises StoreError, and UnknownName for a message that is gone.
    """
    from chatterm.tasks.attached import attached_to

    questions = [node for node in store.path_to(message_id) if node.message.role == "user"]
    return attached_to(store, [*questions[-1:], *questions[:-1]])


def output_of(
    store: ConversationStore, reply_id: str, library: "PromptLibrary | None"
) -> "OutputSpec | None":
    """Return what form its prompt gives a reply; None: it has none, or is gone. Raises StoreError."""
    detail = store.reply_detail(reply_id)
    if library is None or detail is None or detail.record.prompt is None:
        return None
    try:
        return library.get(detail.record.prompt.id).header.output
    except ChattermError:
        return None  # the reply is read as text
