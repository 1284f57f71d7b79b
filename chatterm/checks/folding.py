"""Makes texts comparable character by character, and finds lines. Knows nothing of what is compared.

`fold` keeps the length, so that a place in the folded text is the same place in the text.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain, islice

_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
_SPACES = "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000"
_QUOTES = {"’": "'", "‘": "'", "ʼ": "'", "＇": "'", "﹪": "%", "￥": "¥", "￡": "£", "～": "~", "〜": "~"}
_DIGIT_BLOCKS = (0x0660, 0x06F0, 0x0966, 0x09E6, 0xFF10)


def _make_table() -> dict[int, str]:
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    table |= {ord(char): "-" for char in _HYPHENS} | {ord(char): " " for char in _SPACES}
    table |= {first + digit: str(digit) for first in _DIGIT_BLOCKS for digit in range(10)}
    return table | {ord(char): plain for char, plain in _QUOTES.items()}


_TABLE = _make_table()


def fold(text: str) -> str:
    """Return the text with full-width forms, foreign digits, dashes and spaces as their ASCII ones.

    Line ends and letters stay as they are; the length does too.
    """
    return text.translate(_TABLE)


class Lines:
    """Where the lines of one text are; counted from 1."""

    __slots__ = ("_starts", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0]
        place = text.find("\n")
        while place >= 0:
            self._starts.append(place + 1)
            place = text.find("\n", place + 1)

    def at(self, place: int) -> int:
        """Return the line of the character at `place`."""
        return bisect_right(self._starts, place)

    def spans(self) -> Iterator[tuple[int, int]]:
        """Return where each line starts and ends, without its line feed."""
        ends = chain((start - 1 for start in islice(self._starts, 1, None)), (len(self._text),))
        return zip(self._starts, ends, strict=True)

    def start(self, line: int) -> int:
        """Return where a line starts."""
        return self._starts[line - 1]

    def text(self, line: int) -> str:
        """Return a line without its end."""
        start = self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(self._text)
        return self._text[start:end].rstrip("\r")
