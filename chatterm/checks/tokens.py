"""Cuts texts into words and Han characters: quotes compare without spaces, punctuation, case and width."""

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from chatterm.checks.folding import fold

HAN = "\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+(?:(?<=[0-9])\.(?=[0-9])[^\W_{HAN}]+)*|%")

_MAX_INSIDE = 1000
"""Places inside words that are passed over; only numbers among numbers have more of them by chance."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one text and where they stand."""

    words: tuple[str, ...]
    starts: Sequence[int]
    """In the text, in characters."""
    ends: Sequence[int]
    joined: str
    """All tokens without a gap: a word broken over two lines is whole in it."""
    offsets: Sequence[int]
    """Where each token starts in `joined`."""

    def find(
        self,
        other: "Tokens",
        from_token: int = 0,
        *,
        is_cut_before: bool = False,
        is_cut_behind: bool = False,
    ) -> tuple[int, int] | None:
        """Return the first and last token of the next place that holds all of `other`.

        Only whole words, but for an end where `other` is cut: an ellipsis may stand in a word.
        """
        if not other.words or from_token >= len(self.words):
            return None
        place = self.offsets[from_token]
        for _ in range(_MAX_INSIDE):
            place = self.joined.find(other.joined, place)
            if place < 0:
                return None
            first = bisect_right(self.offsets, place) - 1
            end = place + len(other.joined)
            last = bisect_right(self.offsets, end - 1) - 1
            is_start = is_cut_before or self.offsets[first] == place
            if is_start and (is_cut_behind or self.offsets[last] + len(self.words[last]) == end):
                return first, last
            place += 1
        return None if is_cut_before or is_cut_behind else self._find_words(other.words, from_token)

    def _find_words(self, words: tuple[str, ...], place: int) -> tuple[int, int] | None:
        """Find the same words one by one, none of them broken."""
        with suppress(ValueError):
            while True:
                place = self.words.index(words[0], place)
                if self.words[place : place + len(words)] == words:
                    return place, place + len(words) - 1
                place += 1
        return None


def tokens_of(text: str) -> Tokens:
    """Cut any text, accents joined to their letters: the places are those of its NFC form."""
    return tokenize(fold(unicodedata.normalize("NFC", text)))


def tokenize(folded: str) -> Tokens:
    """Cut a text that `fold` has made plain; its places are the text's own."""
    lower = str.lower if folded.isascii() else _plain
    words: list[str] = []
    starts, ends, offsets = array("I"), array("I"), array("I")
    length = 0
    kept: dict[str, str] = {}  # a text has few different words
    for match in _TOKEN.finditer(folded):
        word = match[0]
        plain = kept.get(word)
        if plain is None:
            plain = kept[word] = word if is_han(word) else lower(word)
        words.append(plain)
        starts.append(match.start())
        ends.append(match.end())
        offsets.append(length)
        length += len(plain)
    return Tokens(tuple(words), starts, ends, "".join(words), offsets)


def _plain(word: str) -> str:
    return word.lower() if word.isascii() else unicodedata.normalize("NFKC", word).casefold()


def is_han(word: str) -> bool:
    return "\u3400" <= word[:1] <= "\u9fff"
