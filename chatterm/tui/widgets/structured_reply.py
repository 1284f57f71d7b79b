"""StructuredReply: a reply in JSON as people read it, a table or a list, with a mark beside what was checked.

Texts are the model's own. A mark is a sign and never a colour alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from chatterm.sanitize import sanitize, sanitize_line
from chatterm.tui.foreign import one_line

if TYPE_CHECKING:
    from chatterm.tasks import FieldMark
    from chatterm.tasks.views import View

VERIFIED, UNVERIFIED = "✓", "⚠"
MAX_ROWS = 60
_MAX_CELL = 600
_MAX_CHARS = 24_000
"""Of a cell, and of all cells together: a longer table would take more than 200 ms to draw."""

Marks = Mapping[tuple[int, str], bool]
"""Whether what was checked in a row and column was found."""


def marks_of(fields: "Sequence[FieldMark]") -> Marks:
    """Return the marks by row and column of the answer: a list of objects, or one object."""
    marks: dict[tuple[int, str], bool] = {}
    for field in fields:
        is_list = bool(field.path) and isinstance(field.path[0], int)
        row, rest = (int(field.path[0]), field.path[1:]) if is_list else (0, field.path)
        column = str(rest[0]) if rest else ""
        marks[row, column] = field.is_verified and marks.get((row, column), True)
    return marks


def drawn_rows(view: "View") -> Sequence[Sequence[str]]:
    """Return the first rows, as many as are drawn at once; one at least."""
    num_chars = 0
    for number, row in enumerate(view.rows[:MAX_ROWS]):
        num_chars += sum(min(len(text), _MAX_CELL) for text in row)
        if num_chars > _MAX_CHARS:
            return view.rows[: max(1, number)]
    return view.rows[:MAX_ROWS]


def cell_text(text: str, is_verified: bool | None) -> str:
    """Return what stands in a cell; None: nothing was checked there."""
    shown = sanitize(text if len(text) <= _MAX_CELL else f"{text[:_MAX_CELL]}…")
    if is_verified is None:
        return shown
    return f"{VERIFIED if is_verified else UNVERIFIED} {shown}"


class StructuredReply(Vertical):
    """Shows a View. What checks found comes later, and is shown by `mark`."""

    def __init__(self, view: "View", marks: Marks | None = None) -> None:
        super().__init__(classes="structured")
        self._view = view
        self._rows = drawn_rows(view)
        self._marks = marks or {}
        self._body = Static(self._drawn(), markup=False)

    def compose(self) -> ComposeResult:
        yield self._body
        if lines := "\n".join(self._remarks()):
            yield Static(Content(sanitize(lines)), classes="hint")

    def mark(self, marks: Marks) -> None:
        self._marks = marks
        self._body.update(self._drawn())

    def _drawn(self) -> Table | Content:
        return self._table() if self._view.kind == "table" else self._list()

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
        for column in self._view.columns:
            name = self._heading(column)
            table.add_column(Text(name, style="bold"), overflow="fold", ratio=None)
        for number, row in enumerate(self._rows):
            table.add_row(*(Text(text) for text in self._cells(number, row)))
        return table

    def _list(self) -> Content:
        lines: list[Content] = []
        for number, row in enumerate(self._rows):
            if number:
                lines.append(Content(""))
            for column, text in zip(self._view.columns, self._cells(number, row), strict=True):
                name = f"{self._heading(column)}: " if column else "- "
                lines.append(Content.assemble((name, "bold"), text))
        return Content("\n").join(lines)

    def _heading(self, column: str) -> str:
        """Computed columns are told from those that the model wrote."""
        return one_line(column, 40) + (" =" if column in self._view.computed else "")

    def _cells(self, number: int, row: Sequence[str]) -> Iterator[str]:
        for column, text in zip(self._view.columns, row, strict=True):
            yield cell_text(text, self._marks.get((number, column)))

    def _remarks(self) -> Iterator[str]:
        view = self._view
        if num_more := len(view.rows) - len(self._rows):
            yield f"and {num_more:,} more rows; T in the messages shows the JSON, which has all"
        if view.totals:
            yield "over all: " + " · ".join(
                f"{name} {sanitize_line(text)}" for name, text in view.totals.items()
            )
        if view.computed or view.totals:
            yield "= worked out by the program, not by the model"
        if view.is_truncated:
            yield "the reply was cut: its last part is missing here"
        yield from view.notices
