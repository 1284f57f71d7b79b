"""The texts a reply may rest on, made ready once for all checks."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from chatterm.checks.findings import Evidence
from chatterm.checks.folding import Lines, fold
from chatterm.checks.tokens import Tokens, tokenize

MAX_EVIDENCE = 3
_LONGEST_SHOWN = 400


@dataclass(frozen=True)
class Source:
    """One text, folded, with its lines."""

    text: str
    folded: str
    lines: Lines
    place: int
    """Which of the sources it is, from 0; -1: the user's own words."""

    @cached_property
    def tokens(self) -> Tokens:
        """Cut when first asked for: those of two megabytes take 10 MB, and few checks need them."""
        return tokenize(self.folded)

    def evidence(self, start: int, end: int) -> Evidence:
        shown = self.text[start:end]
        if len(shown) > _LONGEST_SHOWN:
            shown = shown[: _LONGEST_SHOWN - 1] + "…"
        return Evidence(shown, self.lines.at(start), self.lines.at(max(start, end - 1)), self.place)


def make_source(text: str, place: int = 0) -> Source:
    """Return the text made ready; accents that stand apart from their letters are joined to them."""
    composed = unicodedata.normalize("NFC", text)
    folded = fold(composed)
    return Source(composed, folded, Lines(composed), place)


def first(places: Iterator[Evidence]) -> tuple[Evidence, ...]:
    """Return the first few places, as many as are worth showing."""
    return tuple(dict.fromkeys(place for place, _ in zip(places, range(MAX_EVIDENCE), strict=False)))
