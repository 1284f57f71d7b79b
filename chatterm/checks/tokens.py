"""Cuts texts into words and Han characters: quotes compare without spaces, punctuation, case and width."""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

HAN = "\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+|(?<=[0-9])\.(?=[0-9])|%")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one text and where they stand."""

    words: tuple[str, ...]
    starts: tuple[int, ...]
    """In the text, in characters."""
    ends: tuple[int, ...]
    joined: str
    """All tokens without a gap: a word broken over two lines is whole in it."""
    offsets: tuple[int, ...]
    """Where each token starts in `joined`."""

    def find(self, other: "Tokens", from_token: int = 0) -> tuple[int, int] | None:
        """Return the first and last token of the next place that holds all of `other`, whole words only."""
        if not other.words or from_token >= len(self.words):
            return None
        starts_of_tokens, place = self.offsets, self.offsets[from_token]
        for _ in range(1000):  # places inside words are passed over; no text has more of them by chance
            place = self.joined.find(other.joined, place)
            if place < 0:
                return None
            first = bisect_right(starts_of_tokens, place) - 1
            end = place + len(other.joined)
            last = bisect_right(starts_of_tokens, end - 1) - 1
            if starts_of_tokens[first] == place and starts_of_tokens[last] + len(self.words[last]) == end:
                return first, last
            place += 1
        return None


def tokenize(folded: str) -> Tokens:
    """Cut a text that `fold` has made plain."""
    words, starts, ends, offsets, length = [], [], [], [], 0
    for match in _TOKEN.finditer(folded):
        word = match[0]
        word = word.lower() if word.isascii() else unicodedata.normalize("NFKC", word).casefold()
        words.append(word)
        starts.append(match.start())
        ends.append(match.end())
        offsets.append(length)
        length += len(word)
    return Tokens(tuple(words), tuple(starts), tuple(ends), "".join(words), tuple(offsets))


def is_han(word: str) -> bool:
    return "\u3400" <= word[:1] <= "\u9fff"
