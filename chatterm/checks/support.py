"""Finds for each statement of a reply the lines of the sources that it rests on. Pure.

In this order: the quotes in it and its own wording, its numbers, its words. What is found says something
alike; that it says the same, no code can know. The bounds are measured: benchmarks/support.py.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple
from unicodedata import normalize

from chatterm.checks.denials import contradicts
from chatterm.checks.findings import Evidence, Finding
from chatterm.checks.folding import Lines, fold
from chatterm.checks.number_check import check_numbers
from chatterm.checks.number_index import NumberIndex, index_numbers
from chatterm.checks.quotes import Aligner, judge_text, quotes_in
from chatterm.checks.sources import MAX_EVIDENCE, first, make_source
from chatterm.checks.statements import statements
from chatterm.checks.tokens import Tokens, is_han, tokenize
from chatterm.checks.word_index import Place, WordIndex
from chatterm.lexicon import stem

How = Literal["quote", "numbers", "words", "nothing"]
"""By what it was found. `nothing`: no line says anything like it."""

_MAX_CHARS = 2000
"""Of a statement; what stands behind is not looked at."""
_MAX_JUDGED = 10
"""Places that are looked at for one statement."""
_FIGURE = re.compile(r"[0-9](?:[.,]?[0-9]){2}")
_FEW_WORDS = 2
"""A figure with so few words, as in a table's row, need not share them with its place."""
_MAX_ROWS = 60
"""How far above a row the head of its table is looked for."""
_BEFORE = 400
"""How many characters before a place are searched for the beginning of its sentence."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|(?<=[。！？])|\n[ \t]*\n")
_WORD = re.compile(r"[^\W\d_]+")
_NAME = re.compile(r"(?<=[a-z0-9,;’'] )(?!I\b)[A-Z][a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A statement of a reply, and where the sources say it."""

    start: int
    """Where the statement stands in the reply, in characters, without its list mark and spaces."""
    end: int
    text: str
    how: How
    evidence: tuple[Evidence, ...] = ()
    """The best places, the best first; empty where it rests on nothing."""

    @property
    def is_supported(self) -> bool:
        return self.how != "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """From where on a place says enough of a statement."""

    words: float = 0.5
    """Of a statement without numbers: the share of its words, by weight."""
    with_numbers: float = 0.3
    """Of one whose numbers stand in the same place."""
    apart: float = 0.4
    """Of each of several places that have its numbers together."""
    alike: float = 0.05
    """How much less a further place may say than the best."""


class _Judged(NamedTuple):
    """A place, and how it goes with the statement."""

    place: Place
    numbers: set[int]
    """Which of the statement's numbers it has."""
    is_denied: bool
    """Whether it denies what the statement says, or the other way round."""

    @property
    def value(self) -> float:
        return self.place.rank + len(self.numbers)


class Citer:
    """Finds the lines that statements rest on. Each index of the sources is made once, when needed."""

    def __init__(self, sources: Sequence[str], bounds: Bounds | None = None) -> None:
        self._sources = [make_source(text, place) for place, text in enumerate(sources)]
        self._bounds = bounds or Bounds()
        self._aligner = Aligner(self._sources)
        self._word_index: WordIndex | None = None
        self._number_index: NumberIndex | None = None
        self._found: dict[str, Support] = {}

    def cite_all(self, reply: str) -> Iterator[Support]:
        """Yield one for each statement of `reply`, in order."""
        for start, end in statements(reply):
            yield replace(self.cite(reply[start:end]), start=start, end=end)

    def cite(self, statement: str) -> Support:
        """Return where the sources say `statement`; its places count in it."""
        if statement not in self._found:
            how, evidence = self._find(statement[:_MAX_CHARS])
            self._found[statement] = Support(
                start=0, end=len(statement), text=statement, how=how, evidence=evidence
            )
        return self._found[statement]

    def _find(self, statement: str) -> tuple[How, tuple[Evidence, ...]]:
        statement = normalize("NFC", statement)  # as the sources are
        tokens = tokenize(fold(statement))
        if not tokens.words:
            return "nothing", ()
        if exact := self._exact(tokens):
            return "quote", exact
        numbers = list(check_numbers(statement, self._numbers))
        if any(not one.is_verified and one.why != "rounded" for one in numbers):
            return "nothing", ()
        if quoted := self._quoted(statement):
            return "quote", quoted
        if self._has_unknown_name(statement):
            return "nothing", ()
        return self._by_likeness(statement, tokens, numbers)

    def _exact(self, tokens: Tokens) -> tuple[Evidence, ...]:
        """Return where the statement stands word for word."""
        num_han = sum(map(is_han, tokens.words))
        if len(tokens.words) - num_han < 3 and num_han < 4:
            return ()
        return first(
            source.evidence(source.tokens.starts[span[0]], source.tokens.ends[span[1]])
            for source in self._sources
            if (span := source.tokens.find(tokens))
        )

    def _quoted(self, statement: str) -> tuple[Evidence, ...]:
        """Return where its quotes stand; nothing where one of them stands nowhere."""
        found: list[Evidence] = []
        for start, end in quotes_in(statement):
            finding = judge_text("quote", statement[start:end], start, self._sources, self._aligner)
            if finding.verdict == "absent":
                return ()
            found += finding.evidence[:1]
        return tuple(dict.fromkeys(found))[:MAX_EVIDENCE]

    def _has_unknown_name(self, statement: str) -> bool:
        """Return whether it names what no source has: a capital letter inside a sentence makes a name."""
        names = _NAME.findall(statement)
        capitals = sum(word[0].isupper() for word in _WORD.findall(statement))
        if capitals * 2 > len(_WORD.findall(statement)):
            return False  # a title
        return any(not self._words.is_known(stem(name.lower())) for name in names)

    def _by_likeness(
        self, statement: str, tokens: Tokens, numbers: Sequence[Finding]
    ) -> tuple[How, tuple[Evidence, ...]]:
        weights = self._weights(tokens, numbers)
        places = [*self._at_numbers(numbers, weights), *self._words.places(weights)]
        judged = [self._judge(statement, numbers, place) for place in places[:_MAX_JUDGED]]
        agreeing = [one for one in judged if not one.is_denied]
        best = max((one.value for one in agreeing), default=0.0)
        if any(one.is_denied and one.place.rank > best - self._bounds.alike for one in judged):
            return "nothing", ()
        kept = self._resting(agreeing, numbers, len(weights))
        evidence = [self._evidence(one.place) for one in kept]
        how: How = "numbers" if numbers else "words"
        return (how, tuple(dict.fromkeys(evidence))[:MAX_EVIDENCE]) if evidence else ("nothing", ())

    def _resting(
        self, judged: Sequence["_Judged"], numbers: Sequence[Finding], num_words: int
    ) -> list["_Judged"]:
        """Return the places that together say the statement: all of its numbers, and enough of its words."""
        bounds, wanted = self._bounds, set(range(len(numbers)))
        order = sorted(judged, key=lambda one: -one.value)
        if not wanted:
            kept = [one for one in order if one.place.score >= bounds.words]
            return [one for one in kept if one.value >= kept[0].value - bounds.alike]
        is_figure = num_words <= _FEW_WORDS and all(_FIGURE.search(one.text) for one in numbers)
        bound = 0.0 if is_figure else bounds.with_numbers
        whole = [one for one in order if one.numbers == wanted and one.place.score >= bound]
        if whole:
            return [one for one in whole if one.value >= whole[0].value - bounds.alike]
        parts: list[_Judged] = []
        missing = set(wanted)
        for one in order:
            if missing & one.numbers and one.place.score >= bounds.apart:
                parts.append(one)
                missing -= one.numbers
        return [] if missing else parts

    def _weights(self, tokens: Tokens, numbers: Sequence[Finding]) -> dict[str, float]:
        """Return what the words of a statement weigh; its numbers are judged apart."""
        inside = {place for one in numbers for place in range(one.start, one.end)}
        words = [word for word, start in zip(tokens.words, tokens.starts, strict=True) if start not in inside]
        return self._words.weights(words)

    def _at_numbers(self, numbers: Sequence[Finding], weights: dict[str, float]) -> list[Place]:
        """Return the lines on which the numbers stand, which may be written in another way there."""
        found = {}
        for one in numbers:
            for evidence in one.evidence:
                start = self._sources[evidence.source].lines.start(evidence.first_line)
                found[evidence.source, start] = self._words.around(weights, evidence.source, start)
        return sorted(found.values(), key=lambda one: -one.rank)

    def _judge(self, statement: str, numbers: Sequence[Finding], place: Place) -> "_Judged":
        text = self._sources[place.source].text
        here = text[place.start : place.end]
        before = text[max(0, place.start - _BEFORE) : place.start]
        sentence = _SENTENCE_END.split(before)[-1] + here
        return _Judged(place, self._numbers_at(statement, numbers, place), contradicts(statement, sentence))

    def _numbers_at(self, statement: str, numbers: Sequence[Finding], place: Place) -> set[int]:
        """Return which of the numbers stand in a place, as they are or by what is said above them."""
        if not numbers:
            return set()
        lines, source = self._sources[place.source].lines, place.source
        top, bottom = lines.at(place.start), lines.at(place.end - 1)
        text = self._head_above(lines, top) + self._sources[source].text[place.start : place.end]
        local = check_numbers(statement, index_numbers([make_source(text)]))
        starts = {one.start for one in local if one.is_verified}
        return {
            number
            for number, one in enumerate(numbers)
            if one.start in starts
            or any(found.source == source and top <= found.first_line <= bottom for found in one.evidence)
        }

    def _head_above(self, lines: Lines, line: int) -> str:
        """Return the head of the table that a row stands in: its figures are the row's too."""
        head = line
        while head > max(1, line - _MAX_ROWS) and lines.text(head).lstrip().startswith("|"):
            head -= 1
        return f"{lines.text(head + 1)}\n" if head + 1 < line else ""

    def _evidence(self, place: Place) -> Evidence:
        return self._sources[place.source].evidence(place.start, place.end)

    @property
    def _words(self) -> WordIndex:
        if self._word_index is None:
            self._word_index = WordIndex(self._sources)
        return self._word_index

    @property
    def _numbers(self) -> NumberIndex:
        if self._number_index is None:
            self._number_index = index_numbers(self._sources)
        return self._number_index
