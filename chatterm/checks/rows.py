"""Whether values that were copied side by side stand side by side in the document too. Pure.

A value and the range of the row below it are both in a lab report, and yet say nothing of each other.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from chatterm.checks.folding import fold
from chatterm.checks.tokens import Tokens, tokens_of

_LIST_MARK = re.compile(r"\s*\d{1,2}[.)]\s")


class Rows:
    """The lines of the documents, made ready once."""

    __slots__ = ("_joined", "_lines", "_starts")

    def __init__(self, sources: Sequence[str]) -> None:
        lines = (_LIST_MARK.sub("", fold(line)) for source in sources for line in source.splitlines())
        self._lines = [tokens_of(line) for line in lines if line.strip()]
        self._joined = "\n".join(line.joined for line in self._lines)
        self._starts = [0, *accumulate(len(line.joined) + 1 for line in self._lines)]

    def are_apart(self, first: str, second: str) -> bool:
        """Return whether every line that has `first` has numbers of its own beside it, and lacks `second`.

        False where `first` stands alone in a line: what belongs to it may stand in the next.
        """
        wanted, other = tokens_of(first), tokens_of(second)
        own = list(self._with(wanted))
        numbers = _numbers(wanted)
        return bool(own) and all(_numbers(line) - numbers and not line.find(other) for line in own)

    def _with(self, wanted: Tokens) -> Iterator[Tokens]:
        """Yield the lines that have `wanted`; one search over all of them, for a document has many."""
        place = self._joined.find(wanted.joined)
        while wanted.joined and place >= 0:
            line = bisect_right(self._starts, place) - 1
            if self._lines[line].find(wanted):
                yield self._lines[line]
            place = self._joined.find(wanted.joined, self._starts[line + 1])


def _numbers(tokens: Tokens) -> set[str]:
    return {word for word in tokens.words if word[0].isdigit()}
