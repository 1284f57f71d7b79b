"""Runs the checks over one reply. Pure: a reply and its sources go in, a `Report` comes out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from chatterm.checks.citations import check_citations
from chatterm.checks.findings import Finding, Kind, Level, Report
from chatterm.checks.folding import fold
from chatterm.checks.leaks import check_leaks
from chatterm.checks.number_check import check_numbers
from chatterm.checks.number_index import index_numbers
from chatterm.checks.numbers import read_numbers
from chatterm.checks.quotes import check_copies, check_quotes
from chatterm.checks.sources import Source, make_source
from chatterm.checks.structure import check_structure
from chatterm.checks.tokens import tokens_of

DEFAULT_LEVELS: Mapping[Kind, Level] = {
    "number": "mark",
    "quote": "mark",
    "citation": "mark",
    "copy": "mark",
    "leak": "mark",
    "coverage": "off",
    "structure": "off",
    "language": "off",
}
OWN_WORDS = -1
"""The place of the user's own words among the sources."""

_KEYS: Mapping[str, Kind] = {
    "numbers": "number",
    "quotes": "quote",
    "citations": "citation",
    "copies": "copy",
    "coverage": "coverage",
    "example_leak": "leak",
    "structure": "structure",
    "language": "language",
}


def levels_of(settings: Mapping[str, str | bool]) -> dict[Kind, Level]:
    """Return the levels that the `verify:` of a prompt asks for; what it does not name keeps its default.

    `example_leak: true` fails a reply that must be strict; its `false` turns the check off.
    """
    levels = dict(DEFAULT_LEVELS)
    for key, value in settings.items():
        if kind := _KEYS.get(key):
            levels[kind] = _level(value)
    return levels


def _level(value: str | bool) -> Level:
    if value in ("strict", True):
        return "strict"
    return "mark" if value == "mark" else "off"


@dataclass(frozen=True, slots=True)
class Basis:
    """What a reply may rest on."""

    sources: tuple[str, ...]
    """The documents; lines count from 1 in each."""
    given: str = ""
    """The user's own words and the prompt's instruction, which a reply may repeat."""
    examples: tuple[str, ...] = ()
    """Those that were sent with the prompt; what a reply has from them alone is a leak."""


def verify(
    reply: str,
    basis: Basis | str,
    *,
    copies: Sequence[str] = (),
    terms: Sequence[str] = (),
    levels: Mapping[Kind, Level] = DEFAULT_LEVELS,
) -> Report:
    """Hold a reply against its basis, or against one document.

    `copies` are the values of fields that were to be copied. `terms` are words of the source, such as
    medicines, that coverage asks for beside its numbers and dates. A kind that `levels` does not name has its
    default. Takes time in proportion to the texts, hostile ones included.
    """
    basis = Basis((basis,)) if isinstance(basis, str) else basis
    documents = [make_source(text, place) for place, text in enumerate(basis.sources)]
    grounds = [*documents, make_source(basis.given, OWN_WORDS)] if basis.given else documents
    wanted = {kind for kind, level in {**DEFAULT_LEVELS, **levels}.items() if level != "off"}
    found = list(_checked(reply, grounds, wanted, examples=basis.examples, copies=copies))
    found.sort(key=lambda finding: (finding.start < 0, finding.start, finding.end))
    if "coverage" in wanted:
        found += _uncovered(reply, documents, terms)
    if "structure" in wanted:
        is_strict = levels.get("structure") == "strict"
        for document in documents:
            found += check_structure(reply, document, keeps_placeholders=is_strict)
    return Report(tuple(found), {**DEFAULT_LEVELS, **levels})


def _checked(
    reply: str,
    grounds: Sequence[Source],
    wanted: set[Kind],
    *,
    examples: Sequence[str],
    copies: Sequence[str],
) -> Iterator[Finding]:
    cited = list(check_citations(reply, grounds)) if "citation" in wanted else []
    may_leak = bool(examples) and "leak" in wanted
    has_numbers = (may_leak or "number" in wanted) and bool(read_numbers(fold(reply)))
    numbers = list(check_numbers(reply, index_numbers(grounds))) if has_numbers else []
    yield from cited
    yield from _outside(numbers, cited) if "number" in wanted else ()
    yield from check_quotes(reply, grounds) if "quote" in wanted else ()
    yield from check_copies(copies, grounds) if "copy" in wanted else ()
    yield from check_leaks(reply, examples, grounds, numbers) if may_leak else ()


def _outside(numbers: Sequence[Finding], cited: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the numbers that are no part of a citation: that was judged as a whole. Both are in order."""
    place = 0
    for number in numbers:
        while place < len(cited) and cited[place].end <= number.start:
            place += 1
        if place == len(cited) or number.end <= cited[place].start:
            yield number


def _uncovered(reply: str, documents: Sequence[Source], terms: Sequence[str]) -> Iterator[Finding]:
    """Yield the numbers, dates and terms of the documents that the reply lacks."""
    own = make_source(reply)
    index = index_numbers([own])
    for document in documents:
        missing = (one for one in check_numbers(document.text, index) if not one.is_verified)
        for finding in chain(missing, _missing_terms(terms, document, own)):
            place = document.evidence(finding.start, finding.end)
            yield replace(
                finding, kind="coverage", verdict="absent", start=-1, end=-1, why="missing", evidence=(place,)
            )


def _missing_terms(terms: Sequence[str], document: Source, reply: Source) -> Iterator[Finding]:
    for term in terms:
        tokens = tokens_of(term)
        place = document.tokens.find(tokens)
        if place and not reply.tokens.find(tokens):
            start, end = document.tokens.starts[place[0]], document.tokens.ends[place[1]]
            yield Finding("coverage", "absent", start, end, document.text[start:end])
