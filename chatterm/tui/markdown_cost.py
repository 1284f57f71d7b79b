"""What a text would cost as Markdown, guessed from its beginning and marks, before anything is parsed.

A block of Markdown is a widget of a few tenths of a millisecond to a millisecond, an item of a list four of
them, a cell of a table one; and some marks make a parser's work grow with the square of a line's length. What
costs too much is shown as it was typed instead: a screen must not stand still.
"""

import re

MAX_CHARS = 60_000
MAX_LINE = 4_000
"""Characters. A paragraph of a model is seldom longer."""

MAX_WIDGETS = 1_200
MAX_WIDGETS_OF_BLOCK = 320
"""A block ends at an empty line or at a fence: what is mounted at once."""

_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_QUOTE = re.compile(r"[ \t]*(?:>[ \t]?)+")
_MARKS = re.compile(r"(?:[-*+][ \t]+|>[ \t]?|\d{1,9}[.)][ \t]+)+")
_FENCE = re.compile(r"[ \t]{0,3}(?:```|~~~)")


class MarkdownCost:
    """Adds up a text that comes in pieces. Each piece costs its own length, whatever came before."""

    def __init__(self) -> None:
        self._num_chars = 0
        self._line = ""
        self._line_length = 0
        self._in_fence = False
        self._num_widgets = 0
        self._num_of_block = 0
        self.is_too_much = False
        """Whether what came is better shown as it was typed. It does not become False again."""

    def add(self, text: str) -> None:
        if self.is_too_much:
            return
        self._num_chars += len(text)
        if self._num_chars > MAX_CHARS:
            self.is_too_much = True
            return
        first, *rest = text.split("\n")
        self._go_on(first)
        for line in rest:
            self._end_line()
            self._go_on(line)

    def _go_on(self, text: str) -> None:
        self._line_length += len(text)
        self._line = (self._line + text)[: MAX_LINE + 1]
        if self._line_length > MAX_LINE:
            self.is_too_much = True

    def _end_line(self) -> None:
        line, self._line, self._line_length = self._line, "", 0
        if _FENCE.match(line):
            self._in_fence = not self._in_fence
            self._num_widgets += 2
            self._num_of_block = 0
        elif not line.strip():
            self._num_of_block = 0
        elif not self._in_fence:
            num = _widgets_of(line)
            self._num_widgets += num
            self._num_of_block += num
        if self._num_widgets > MAX_WIDGETS or self._num_of_block > MAX_WIDGETS_OF_BLOCK:
            self.is_too_much = True


def is_too_much(text: str) -> bool:
    """Whether a whole text is better shown as it was typed."""
    cost = MarkdownCost()
    cost.add(text)
    cost.add("\n")
    return cost.is_too_much


def _widgets_of(line: str) -> int:
    marks = _MARKS.match(line.lstrip(" \t"))
    nested = min(len(marks[0].split(" ")) + marks[0].count(">"), 40) if marks else 0
    items = 4 if _ITEM.match(line) else 0
    cells = line.count("|") if line.lstrip().startswith("|") else 0
    return 1 + max(items, nested if _QUOTE.match(line) or items else 0) + cells
