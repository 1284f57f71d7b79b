"""The facts that the parts of a document gave: statements with the lines they rest on, each said once.

The lines are found by code in the part's own text; no model writes one. Pure.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chatterm.checks.folding import Lines
from chatterm.checks.statements import statements
from chatterm.checks.support import Citer, Support
from chatterm.documents.chunks import Chunk
from chatterm.tasks.reading.events import Partial
from chatterm.tasks.reading.likeness import Gist, content_words, gist_of, is_nearly

_FEWEST_WORDS, _LONGEST_QUOTED = 4, 400
"""Words that carry sense, and characters, of a sentence that is quoted."""
_PAIRED = '"“”「」『』'
_MARKS = _PAIRED + "'‘’ "
_MAX_NEIGHBOURS = 200
"""Facts of one line that one is compared with: a page on one line holds no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A statement, and where the documents say it."""

    text: str
    """On one line, without its list mark."""
    document: int
    """Which of the documents, from 0."""
    first_line: int
    """From 1. Of what rests on nothing, the lines of the part it came from."""
    last_line: int
    is_supported: bool


def facts_of(partial: Partial) -> tuple[Fact, ...]:
    """Return the statements of a part's reply in text, each with the document's lines it rests on."""
    if partial.is_failed:
        return ()
    chunk = partial.chunk
    return tuple(
        _fact(support, chunk)
        for support in Citer([chunk.text]).cite_all(partial.text)
        if support.text.strip()
    )


def _fact(support: Support, chunk: Chunk) -> Fact:
    first, last = chunk.first_line, chunk.last_line
    if support.evidence:
        best = support.evidence[0]
        first, last = first + best.first_line - 1, min(first + best.last_line - 1, last)
    return Fact(
        text=_unquoted(support.text),
        document=chunk.document,
        first_line=first,
        last_line=last,
        is_supported=support.is_supported,
    )


def _unquoted(statement: str) -> str:
    """Return a statement on one line, without quotation marks around it or left open."""
    text = " ".join(statement.split())
    bare = text.strip(_MARKS)
    is_whole = text[:1] in _MARKS and not any(mark in bare for mark in _PAIRED)
    return bare if is_whole and bare else text


def sentences_of(chunk: Chunk) -> tuple[Fact, ...]:
    """Return the sentences of a part itself, but for those too short or too long to be quoted, and halves."""
    lines = Lines(chunk.text)
    found = []
    for start, end in statements(chunk.text):
        text = " ".join(chunk.text[start:end].split())
        is_half = text[:1].islower()  # a line that was taken for an item, or the end of a cut one
        if not is_half and len(text) <= _LONGEST_QUOTED and content_words(text).total() >= _FEWEST_WORDS:
            first, last = (chunk.first_line + lines.at(place) - 1 for place in (start, max(start, end - 1)))
            found.append(
                Fact(
                    text=text,
                    document=chunk.document,
                    first_line=first,
                    last_line=min(last, chunk.last_line),
                    is_supported=True,
                )
            )
    return tuple(found)


def quoted(facts: Sequence[Fact], sentences: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return in place of each fact the sentence of its lines that shares most words with it, in their order.

    A fact whose lines hold no such sentence is left out.
    """
    bags = [content_words(one.text) for one in sentences]
    found: set[Fact] = set()
    for fact in facts:
        words = content_words(fact.text)
        near = [
            place
            for place, one in enumerate(sentences)
            if one.first_line <= fact.last_line and fact.first_line <= one.last_line
        ]
        best = max(near, key=lambda place: _share(words, bags[place]), default=None)
        if best is not None and _share(words, bags[best]):
            found.add(sentences[best])
    return tuple(dict.fromkeys(one for one in sentences if one in found))


def _share(words: Counter[str], other: Counter[str]) -> float:
    """Return how alike two counts of words are, 0 to 1 (Dice)."""
    return 2 * (words & other).total() / max(1, words.total() + other.total())


def supported(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Return those that rest on something: the others are not handed on."""
    return tuple(fact for fact in facts if fact.is_supported)


def distinct(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return each fact once, the earliest, in order.

    The same is what has the same words, wherever it stands (a date in every page's footer); and, on the
    same lines, nearly the same words. Facts whose numbers or negations differ are never one. Of equal words,
    those that rest on something go before those that do not.
    """
    gists = [gist_of(fact.text) for fact in facts]
    first: dict[object, int] = {}
    for place, (fact, gist) in enumerate(zip(facts, gists, strict=True)):
        key = (gist.words, gist.numbers)  # words have no signs and no currencies
        known = first.setdefault(key, place)
        if fact.is_supported and not facts[known].is_supported:
            first[key] = place
    kept: list[Fact] = []
    on_line: dict[tuple[int, int], list[tuple[Fact, Gist]]] = defaultdict(list)
    for place in sorted(first.values()):
        fact, gist = facts[place], gists[place]
        if not _is_known(fact, gist, on_line):
            kept.append(fact)
            for line in range(fact.first_line, fact.last_line + 1) if fact.is_supported else ():
                on_line[fact.document, line].append((fact, gist))
    return tuple(kept)


def _is_known(fact: Fact, gist: Gist, on_line: dict[tuple[int, int], list[tuple[Fact, Gist]]]) -> bool:
    lines = range(fact.first_line, fact.last_line + 1) if fact.is_supported else ()
    return any(
        is_nearly(gist, other)
        for line in lines
        for _, other in on_line[fact.document, line][:_MAX_NEIGHBOURS]
    )


def facts_from_digest(reply: str, facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return the statements of a reply to the digest of `facts`, each with the place of the fact it rests on.

    What says none of them rests on nothing, and has the first one's place.
    """
    texts = "\n".join(fact.text for fact in facts)
    return tuple(
        replace(
            facts[support.evidence[0].first_line - 1 if support.evidence else 0],
            text=" ".join(support.text.split()),
            is_supported=support.is_supported,
        )
        for support in (Citer([texts]).cite_all(reply) if facts else ())
    )
