"""Finds the lines of the sources that say most of the words of a statement. Knows no numbers and no quotes.

Words weigh by how rare they are in the sources; English words count without their endings, Chinese text
counts by pairs of characters. Sources are cut into segments: lines, and the sentences of long lines.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from math import log
from typing import NamedTuple

from chatterm.checks.sources import Source
from chatterm.checks.tokens import is_han
from chatterm.lexicon import STOP_HAN, STOP_WORDS, stem

MAX_SEGMENTS = 4
"""How many neighbours a place may take."""
_LONG_LINE = 320
_LONGEST_SEGMENT = 480
_SENTENCE_END = re.compile(r"[。！？；]|[.!?;][\"')]*(?=\s)")
_MAX_LINES = 7
"""Of a place: empty lines between its segments count."""

_MAX_POSTINGS = 400
"""Places that are kept of one word; what stands everywhere tells little of where."""
_MAX_CANDIDATES = 16
_UNKNOWN = 0.85
"""How much a word weighs that no source has, beside one that stands there once: it may be a synonym."""
_COST_OF_SEGMENT = 0.03
"""How much more of the statement a further segment must say to be taken along."""


class Place(NamedTuple):
    """A run of segments of one source."""

    source: int
    """Its place among the sources."""
    start: int
    end: int
    """In characters of the source's text."""
    score: float
    """The share of the statement that it says, 0 to 1, by the weights of the words."""
    rank: float
    """The score, less what each further segment costs."""


@dataclass(frozen=True, slots=True)
class _Segments:
    """The segments of all sources, one behind the other."""

    sources: "array[int]"
    starts: "array[int]"
    ends: "array[int]"
    lines: "array[int]"


def units(words: Sequence[str]) -> Iterator[str]:
    """Yield what of a text is compared: stems, and pairs of Chinese characters."""
    before = ""
    for word in words:
        if not is_han(word):
            if word not in STOP_WORDS:
                yield stem(word)
            before = ""
            continue
        if before and not (before in STOP_HAN and word in STOP_HAN):
            yield before + word
        before = word


class WordIndex:
    """The words of the sources, and in which segments they stand."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._segments = _segments(sources)
        self._postings: dict[str, array[int]] = defaultdict(lambda: array("I"))
        self._counts: dict[str, int] = defaultdict(int)
        self._stems = _Stems()
        self._spans = array("I")
        """Where the words of each segment begin and end in its source's tokens, two numbers a segment."""
        self._fill()

    def weight(self, unit: str) -> float:
        """Return how much a word tells: much where it is rare, most where no source has it."""
        count = self._counts.get(unit)
        weight = log(1 + len(self._segments.starts) / (count or 1)) * (1 if count else _UNKNOWN)
        return weight / 2 if unit[0] in STOP_HAN or unit[-1] in STOP_HAN else weight

    def weights(self, words: Sequence[str]) -> dict[str, float]:
        """Return what the words of a statement weigh, each once."""
        return {unit: self.weight(unit) for unit in units(words)}

    def is_known(self, unit: str) -> bool:
        return unit in self._counts

    def places(self, weights: dict[str, float]) -> list[Place]:
        """Return the places that say most of these units, the best first; none overlaps a better one."""
        total = sum(weights.values())
        if not total:
            return []
        found = {}
        for segment in self._candidates(weights):
            place = self._widened(segment, weights, total)
            found[place[:3]] = place
        return _apart(sorted(found.values(), key=lambda one: (-one.rank, one.source, one.start)))

    def around(self, weights: dict[str, float], source: int, start: int) -> Place:
        """Return the best place that has the segment at `start` of a source; it scores 1 without units."""
        rows = self._segments
        first = bisect_left(rows.sources, source)
        segment = bisect_right(rows.starts, start, first, bisect_right(rows.sources, source)) - 1
        return self._widened(max(first, segment), weights, sum(weights.values()))

    def _candidates(self, weights: dict[str, float]) -> list[int]:
        """Return the segments with most of the units, each with what its next neighbours have."""
        scores: dict[int, float] = defaultdict(float)
        for unit, weight in weights.items():
            for segment in self._postings.get(unit, ()):
                scores[segment] += weight
        return nlargest(
            _MAX_CANDIDATES,
            scores,
            key=lambda one: (scores[one] + max(scores.get(one - 1, 0.0), scores.get(one + 1, 0.0)) / 2, -one),
        )

    def _widened(self, segment: int, weights: dict[str, float], total: float) -> Place:
        """Return the best run of segments that has this one."""
        rows = self._segments
        low = max(0, segment - MAX_SEGMENTS + 1)
        high = min(len(rows.starts), segment + MAX_SEGMENTS)
        have = {one: self._units_of(one, weights) for one in range(low, high)}
        best, found = -1.0, (segment, segment)
        for first in range(low, segment + 1):
            united: set[str] = set()
            for last in range(first, min(first + MAX_SEGMENTS, high)):
                if (
                    rows.sources[last] != rows.sources[first]
                    or rows.lines[last] - rows.lines[first] >= _MAX_LINES
                ):
                    break
                united |= have[last]
                score = sum(weights[unit] for unit in united) / total if total else 1.0
                score -= _COST_OF_SEGMENT * (last - first)
                if last >= segment and score > best + 1e-9:
                    best, found = score, (first, last)
        first, last = found
        share = best + _COST_OF_SEGMENT * (last - first)
        return Place(rows.sources[first], rows.starts[first], rows.ends[last], share, best)

    def _units_of(self, segment: int, wanted: dict[str, float]) -> set[str]:
        words = self._sources[self._segments.sources[segment]].tokens.words
        start, end = self._spans[2 * segment], self._spans[2 * segment + 1]
        return self._units(words[start:end]) & wanted.keys()

    def _fill(self) -> None:
        rows = self._segments
        place = 0
        before = -1
        for segment in range(len(rows.starts)):
            if rows.sources[segment] != before:
                place, before = 0, rows.sources[segment]
            tokens = self._sources[before].tokens
            start, end = place, rows.ends[segment]
            while place < len(tokens.starts) and tokens.starts[place] < end:
                place += 1
            self._spans.extend((start, place))
            for unit in self._units(tokens.words[start:place]):
                self._counts[unit] += 1
                if len(self._postings[unit]) < _MAX_POSTINGS:
                    self._postings[unit].append(segment)

    def _units(self, words: Sequence[str]) -> set[str]:
        """Return what `units` yields, each once."""
        if any(map(is_han, words)):
            return set(units(words))
        found = set(map(self._stems.__getitem__, words))
        found.discard("")
        return found


class _Stems(dict[str, str]):
    """The stem of each word that was met, empty for one that tells nothing: different words are few."""

    def __missing__(self, word: str) -> str:
        self[word] = "" if word in STOP_WORDS else stem(word)
        return self[word]


def _segments(sources: Sequence[Source]) -> _Segments:
    rows = _Segments(array("I"), array("I"), array("I"), array("I"))
    for number, source in enumerate(sources):
        for line, (start, end) in enumerate(source.lines.spans(), 1):
            for first, last in _cut(source.folded, start, end):
                rows.sources.append(number)
                rows.starts.append(first)
                rows.ends.append(last)
                rows.lines.append(line)
    return rows


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a long line, a short one as it is, nothing of an empty one."""
    if end - start <= _LONG_LINE:
        if not text[start:end].isspace() and end > start:
            yield start, end
        return
    while end - start > _LONG_LINE:
        stop = _end_of_sentence(text, start, min(end, start + _LONGEST_SEGMENT))
        yield start, stop
        start = stop + (text[stop : stop + 1] == " ")
    if end > start:
        yield start, end


def _end_of_sentence(text: str, start: int, limit: int) -> int:
    found = None
    for found in _SENTENCE_END.finditer(text, start, limit):
        if found.end() - start >= 60:
            return found.end()
    space = text.rfind(" ", start + 1, limit)
    return found.end() if found else space if space > start else limit


def _apart(places: Iterable[Place]) -> list[Place]:
    kept: list[Place] = []
    for place in places:
        if all(
            one.source != place.source or one.end <= place.start or place.end <= one.start for one in kept
        ):
            kept.append(place)
    return kept
