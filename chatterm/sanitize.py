"""Makes foreign text safe to show: the one place that decides what may reach a terminal or a screen.

Foreign is all that chatterm did not write itself: replies, documents, pastes, titles, file names, metadata
of models, error texts. The text around a dangerous character always stays; the character becomes something
visible and nothing after it is swallowed:

- line ends: CRLF, CR, U+2028 and U+2029 become a newline; newline and tab pass;
- other C0 controls and DEL become their control picture (ESC is shown as ␛);
- C1 controls, lone surrogates, and tag characters with the ignorable ones beside them become U+FFFD;
- bidi embeddings, overrides and isolates, and format characters nobody can see, become `<U+202E>` and so on;
- a soft hyphen becomes a hyphen.

Kept on purpose: ZWJ, ZWNJ and variation selectors (emoji, Persian, Indic scripts), combining marks, and the
implicit marks LRM, RLM and ALM, which ordinary Arabic and Hebrew text needs and which cannot override
letters (Unicode TS 55 gives the same advice). Tag characters are not kept in flags either: the one use
(three flags) is not worth a hiding place for text.

This module knows no markup: who shows the result must still show it as plain text.
"""

import re
import unicodedata
from itertools import pairwise

_LINE_ENDS = (0x0D, 0x2028, 0x2029)
_PICTURED = tuple(code for code in range(0x20) if chr(code) not in "\t\n\r")
_REPLACED = ((0x80, 0x9F), (0xD800, 0xDFFF), (0xE0000, 0xE00FF), (0xE01F0, 0xE0FFF))
_NAMED = (
    (0x180E, 0x180E),  # Mongolian vowel separator
    (0x200B, 0x200B),  # zero width space
    (0x202A, 0x202E),  # bidi embeddings and overrides
    (0x2060, 0x206F),  # word joiner, invisible operators, bidi isolates, deprecated controls
    (0x3164, 0x3164),  # Hangul filler: a letter that shows nothing
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
    (0xFFF9, 0xFFFB),  # interlinear annotation
    (0x1BCA0, 0x1BCA3),  # shorthand format controls
    (0x1D173, 0x1D17A),  # musical format controls
)


def _make_table() -> dict[str, str]:
    table = {code: chr(0x2400 + code) for code in _PICTURED}
    table |= dict.fromkeys(_LINE_ENDS, "\n") | {0x7F: "\u2421", 0xAD: "-"}
    table |= {code: "\ufffd" for first, last in _REPLACED for code in range(first, last + 1)}
    table |= {code: f"<U+{code:04X}>" for first, last in _NAMED for code in range(first, last + 1)}
    return {chr(code): shown for code, shown in table.items()}


def _anything_but_the_gaps(codes: list[int]) -> str:
    """Return a character class of `codes`, written as what lies between them.

    A class is searched range by range from its first: with the everyday characters standing there, clean
    text is passed over at 400-1200 MB/s, with the dangerous ones listed at 13-38.
    """
    gaps = [(last + 1, code - 1) for last, code in pairwise([-1, *codes, 0x110000]) if code - last > 1]
    return "[^" + "".join(f"{re.escape(chr(first))}-{re.escape(chr(end))}" for first, end in gaps) + "]"


_TABLE = _make_table()
DANGEROUS = re.compile(_anything_but_the_gaps(sorted(map(ord, _TABLE))))
"""A character that must not be shown as it is; for formats with an escape of their own, as JSON has."""
_LINE_TABLE = str.maketrans("\n\t", "  ")


def sanitize(text: str) -> str:
    """Return `text` with nothing in it that a terminal obeys or a reader cannot see.

    Clean text is returned as it is, and the result is clean. For text that comes in pieces see Sanitizer.
    """
    return DANGEROUS.sub(lambda found: _TABLE[found[0]], text.replace("\r\n", "\n"))


def sanitize_line(text: str) -> str:
    """Return `text` sanitised and on one line (newlines and tabs become spaces): titles, names, errors."""
    return sanitize(text).translate(_LINE_TABLE)


def num_cells(text: str) -> int:
    """Return how many cells of a terminal a line takes: a wide East Asian character two, a mark none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


class Sanitizer:
    """Sanitises text that comes in chunks; joined, they are `sanitize` of the whole, however it was cut.

    Only a CRLF can span chunks. Nothing is held back for it, so there is nothing to flush at the end.
    """

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, chunk: str) -> str:
        """Return what `chunk` adds to the sanitised text."""
        if not chunk:
            return ""
        rest = chunk[1:] if self._after_cr and chunk[0] == "\n" else chunk
        self._after_cr = chunk[-1] == "\r"
        return sanitize(rest)
