"""Holds what a reply puts in quotation marks, or in a line that starts with >, against the sources.

White space, punctuation, case and width do not count, words and digits do. A quote may leave out words at an
ellipsis. What is not there word for word is aligned: `near` where three quarters of its words are, in
their order.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from chatterm.checks.findings import Evidence, Finding, Kind
from chatterm.checks.sources import Source, first
from chatterm.checks.tokens import Tokens, is_han, tokens_of

NEAR = 0.75
_MIN_WORDS, _MIN_HAN = 3, 6
_MAX_TOKENS = 400
_MAX_PLACES = 40
_QUOTED = re.compile(
    "“([^“”]{2,2000})”|„([^„“”]{2,2000})[“”]|「([^「」]{2,2000})」|『([^『』]{2,2000})』|«([^«»]{2,2000})»"
    '|"([^"\n]{2,2000})"|(?:^|\n)>[ \t]?([^\n]{2,2000})'
)
_ELLIPSIS = re.compile(r"\s*(?:\[\s*(?:…|\.\.\.)\s*\]|\((?:…|\.\.\.)\)|…+|\.{3,})\s*")


def quotes_in(reply: str) -> Iterator[tuple[int, int]]:
    """Yield where the quotes of a reply stand, without their marks; few words are a term, not a quote."""
    for match in _QUOTED.finditer(reply):
        start, end = match.span(match.lastindex or 0)
        if _is_long(tokens_of(reply[start:end])):
            yield start, end


def _is_long(tokens: Tokens) -> bool:
    num_han = sum(map(is_han, tokens.words))
    return len(tokens.words) - num_han >= _MIN_WORDS or num_han >= _MIN_HAN


def check_quotes(reply: str, sources: Sequence[Source]) -> Iterator[Finding]:
    """Yield a finding for each quote of the reply."""
    aligner = Aligner(sources)
    for start, end in quotes_in(reply):
        yield judge_text("quote", reply[start:end], start, sources, aligner)


def check_copies(values: Sequence[str], sources: Sequence[Source]) -> Iterator[Finding]:
    """Yield a finding for each value that was to be copied from the sources, however short it is."""
    aligner = Aligner(sources)
    for value in values:
        yield judge_text("copy", value, -1, sources, aligner)


def judge_text(kind: Kind, text: str, start: int, sources: Sequence[Source], aligner: "Aligner") -> Finding:
    """Look for a text in the sources, exactly and then nearly. `start` is its place in the reply, or -1."""
    end = start + len(text) if start >= 0 else -1
    if exact := first(_find_parts([tokens_of(part) for part in _ELLIPSIS.split(text)], sources)):
        return Finding(kind, "found", start, end, text, "", exact)
    near = aligner.nearest(tokens_of(text))
    if near:
        return Finding(kind, "near", start, end, text, "wording", (near,))
    return Finding(kind, "absent", start, end, text)


def _find_parts(parts: Sequence[Tokens], sources: Sequence[Source]) -> Iterator[Evidence]:
    """Yield for each source the place where all parts stand, one behind the other."""
    for source in sources:
        found: list[tuple[int, int]] = []
        for place, part in enumerate(parts):
            if not part.words:
                continue  # the quote starts or ends with an ellipsis
            after = found[-1][1] + 1 if found else 0
            is_last = place + 1 == len(parts)
            span = source.tokens.find(part, after, is_cut_before=place > 0, is_cut_behind=not is_last)
            if not span:
                break
            found.append(span)
        else:
            if found:
                yield _evidence(source, found[0][0], found[-1][1])


def _evidence(source: Source, first_token: int, last_token: int) -> Evidence:
    return source.evidence(source.tokens.starts[first_token], source.tokens.ends[last_token])


class Aligner:
    """Finds the stretch of the sources that is most like a text. Indexes them at the first question."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._indexes: list[dict[tuple[str, str], list[int]]] = []

    def nearest(self, tokens: Tokens) -> Evidence | None:
        """Return the best stretch if it is near enough."""
        words = tokens.words[:_MAX_TOKENS]
        if len(words) < 2:
            return None
        best, found = NEAR, None
        for source, index in zip(self._sources, self._index(), strict=True):
            for start in _likely_starts(words, index):
                ratio, span = _aligned(words, source.tokens.words, start)
                if ratio >= best and span:
                    best, found = ratio, _evidence(source, *span)
        return found

    def _index(self) -> list[dict[tuple[str, str], list[int]]]:
        if not self._indexes:
            self._indexes = [_pairs(source.tokens.words) for source in self._sources]
        return self._indexes


def _pairs(words: Sequence[str]) -> dict[tuple[str, str], list[int]]:
    """Return where each pair of neighbours stands; only the first places of a pair that is everywhere."""
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, pair in enumerate(pairwise(words)):
        places = index[pair]
        if len(places) < _MAX_PLACES:
            places.append(place)
    return index


def _likely_starts(words: Sequence[str], index: dict[tuple[str, str], list[int]]) -> list[int]:
    """Return where the text would start for most of its pairs to fall on theirs in the source."""
    votes: dict[int, int] = defaultdict(int)
    for offset, pair in enumerate(pairwise(words)):
        for place in index.get(pair, ()):
            votes[place - offset] += 1
    return sorted(votes, key=lambda start: -votes[start])[:3]


def _aligned(words: Sequence[str], source: Sequence[str], start: int) -> tuple[float, tuple[int, int] | None]:
    """Return how alike the text and the source from `start` are, and which of its tokens take part."""
    low = max(0, start - 3)
    window = source[low : max(0, start) + len(words) + 3]
    blocks = SequenceMatcher(None, words, window, autojunk=False).get_matching_blocks()[:-1]
    if not blocks:
        return 0.0, None
    matched = sum(block.size for block in blocks)
    span = blocks[0].b, blocks[-1].b + blocks[-1].size - 1
    length = max(len(words), span[1] - span[0] + 1)
    return matched / length, (low + span[0], low + span[1])
