"""PlainRows: a text of any length cut into rows of a screen, without looking at what is not asked for.

Short lines are cut between words, longer ones after so many characters:
where a row is, is then arithmetic, whatever the length of the line.
"""

from bisect import bisect_right

MAX_WRAPPED = 2_000
"""Characters of a line that is still cut between words."""

_TAB = "    "


class PlainRows:
    """The rows of a text at one width. What is added must be sanitised."""

    def __init__(self, width: int) -> None:
        """`width` is in cells, 2 at least: the widest character must find room."""
        self.width = max(2, width)
        self._lines: list[str] = []
        self._starts = [0]
        """Of each line its first row, and the number of all rows at the end."""

    @property
    def num_rows(self) -> int:
        return self._starts[-1]

    def add(self, text: str) -> None:
        """Add `text` at the end; its first line goes on with the last one."""
        if not text:
            return
        added = text.replace("\t", _TAB).split("\n")
        if self._lines:
            added[0] = self._lines.pop() + added[0]
            self._starts.pop()
        for line in added:
            self._lines.append(line)
            self._starts.append(self._starts[-1] + self._num_rows_of(line))

    def place(self, number: int) -> tuple[int, int]:
        """Return the line, from 0, that a row is of, and which of that line's rows it is."""
        index = min(bisect_right(self._starts, number), len(self._lines)) - 1
        return index, number - self._starts[index]

    def first_row(self, line: int) -> int:
        """Return the first row of a line, counted from 0; of one that is not there yet, the end."""
        return self._starts[min(line, len(self._lines))]

    def row(self, number: int) -> str:
        """Return one row, empty where there is none."""
        if not 0 <= number < self.num_rows:
            return ""
        index, offset = self.place(number)
        line = self._lines[index]
        if self._is_wrapped(line):
            return _wrapped(line, self._chars_in_row(line))[offset]
        size = self._chars_in_row(line)
        return line[offset * size : (offset + 1) * size]

    def _num_rows_of(self, line: str) -> int:
        size = self._chars_in_row(line)
        if len(line) <= size:
            return 1
        return len(_wrapped(line, size)) if self._is_wrapped(line) else -(-len(line) // size)

    def _chars_in_row(self, line: str) -> int:
        """No character is wider than two cells, and telling how wide each is would take seconds."""
        return self.width if line.isascii() else self.width // 2

    def _is_wrapped(self, line: str) -> bool:
        return len(line) <= MAX_WRAPPED


def _wrapped(line: str, size: int) -> list[str]:
    """Cut a line into pieces of at most `size` characters, after a space where there is one."""
    pieces: list[str] = []
    start = 0
    while len(line) - start > size:
        cut = line.rfind(" ", start, start + size + 1) + 1
        end = min(cut, start + size) if cut > start else start + size
        pieces.append(line[start:end])
        start = end
    return [*pieces, line[start:]]
