"""Whether values that were copied side by side stand side by side in the document too. Pure.

A value and the range of the row below it are both in a lab report, and yet say nothing of each other.
"""

import re
from collections.abc import Sequence

from chatterm.checks.folding import fold
from chatterm.checks.tokens import Tokens, tokens_of

_LIST_MARK = re.compile(r"\s*\d{1,2}[.)]\s")


class Rows:
    """The lines of the documents, made ready once."""

    __slots__ = ("_lines",)

    def __init__(self, sources: Sequence[str]) -> None:
        lines = (_LIST_MARK.sub("", fold(line)) for source in sources for line in source.splitlines())
        self._lines = [tokens_of(line) for line in lines if line.strip()]

    def are_apart(self, first: str, second: str) -> bool:
        """Return whether every line that has `first` has numbers of its own beside it, and lacks `second`.

        False where `first` stands alone in a line: what belongs to it may stand in the next.
        """
        wanted, other = tokens_of(first), tokens_of(second)
        own = [line for line in self._lines if line.find(wanted)]
        numbers = _numbers(wanted)
        return bool(own) and all(_numbers(line) - numbers and not line.find(other) for line in own)


def _numbers(tokens: Tokens) -> set[str]:
    return {word for word in tokens.words if word[0].isdigit()}
