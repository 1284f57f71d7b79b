"""DocumentView: a document by its lines, with their numbers. Only the rows on the screen are drawn.

It is cut into rows piece by piece, so that keys act meanwhile, however long the document or a line of it is.
"""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from chatterm.conversation import Document
from chatterm.documents.places import pages_of, without_page_marks
from chatterm.sanitize import sanitize
from chatterm.tui.plain_rows import PlainRows

_PIECE = 32_768
"""So many characters are cut between two looks at the keyboard."""
_ABOVE = 3
"""So many rows are shown above the lines that were jumped to."""

Lines = tuple[int, int]
"""The first and the last, from 1."""


class DocumentView(ScrollView, can_focus=True):
    """Shows lines that are marked first; n and p walk them."""

    DEFAULT_CSS = "DocumentView { overflow-x: hidden; overflow-y: scroll; }"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"document-view--number", "document-view--marked"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "A row down", show=False, id="document.down"),
        Binding("k", "scroll_up", "A row up", show=False, id="document.up"),
        Binding("g", "scroll_home", "The beginning", show=False, id="document.first"),
        Binding("G", "scroll_end", "The end", show=False, id="document.last"),
        Binding("n", "walk(1)", "Next marked lines", show=False, id="document.next"),
        Binding("p", "walk(-1)", "Marked lines before", show=False, id="document.previous"),
    ]

    def __init__(self, document: Document, marked: Sequence[Lines] = ()) -> None:
        """`marked` are places in the document, the first to be shown first."""
        super().__init__()
        self._text = _by_lines(document.text)
        self._num_lines = document.num_lines
        self._pages = pages_of(document.text)
        self._marked = marked
        self._at = 0
        """Which of the marked places was jumped to."""
        self._rows = PlainRows(2)
        self._width = 0
        self._is_cut = False
        self._top: int | None = None
        """The line that is to be at the top once it is there."""
        numbers = 1 + len(str(self._num_lines))
        self._gutter = numbers + (len(str(len(self._pages))) if self._pages else 0) + 2

    def on_resize(self) -> None:
        width = self.scrollable_content_region.width - self._gutter
        if width > 0 and width != self._width:
            if self._is_cut:
                self._top = self._rows.place(round(self.scroll_y))[0]
            self._width = width
            self._cut()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._tell_place()

    def action_walk(self, step: int) -> None:
        """Jump to the next of the marked places, or the one before."""
        if self._marked:
            self._at = (self._at + step) % len(self._marked)
            self._jump()

    def render_line(self, y: int) -> Strip:
        style, number = self.rich_style, y + round(self.scroll_y)
        width = self.scrollable_content_region.width
        if number >= self._rows.num_rows:
            return Strip.blank(width, style)
        line, offset = self._rows.place(number)
        text = self._rows.row(number)
        is_marked = any(first <= line + 1 <= last for first, last in self._marked)
        label = "" if offset else self._label(line)
        gutter = f"{label:>{self._gutter - 2}}{'▶' if is_marked else ' '} "
        numbers = style + self.get_component_rich_style("document-view--number", partial=True)
        marked = style + self.get_component_rich_style("document-view--marked", partial=True)
        strip = Strip([Segment(gutter, numbers), Segment(text, marked if is_marked else style)])
        return strip.adjust_cell_length(width, style)

    @work(exclusive=True, group="rows")
    async def _cut(self) -> None:
        self._rows, self._is_cut = PlainRows(self._width), False
        for start in range(0, len(self._text), _PIECE):
            self._rows.add(sanitize(self._text[start : start + _PIECE]))
            if start == 0:
                self._fit()
            await asyncio.sleep(0)
        self._is_cut = True
        self._fit()
        if self._top is not None:
            self.scroll_to(y=self._rows.first_row(self._top), animate=False, force=True)
            self._top = None
        elif self._marked:
            self._jump()

    def _fit(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, self._rows.num_rows)
        self.refresh()
        self._tell_place()

    def _jump(self) -> None:
        if self._is_cut:
            first, _ = self._marked[self._at]
            row = self._rows.first_row(first - 1)
            self.scroll_to(y=max(0, row - _ABOVE), animate=False, force=True)
            self._tell_place()

    def _tell_place(self) -> None:
        if not self._rows.num_rows:
            self.border_subtitle = Content("empty")
            return
        top = self._rows.place(min(round(self.scroll_y), self._rows.num_rows - 1))[0]
        told = f"line {top + 1:,} of {self._num_lines:,}"
        if self._pages:
            place = self._pages.place(top + 1, top + 1)
            told = f"{place} · {len(self._pages):,} pages"
        if len(self._marked) > 1:
            told = f"place {self._at + 1} of {len(self._marked)} · {told}"
        self.border_subtitle = Content(told)

    def _label(self, line: int) -> str:
        page = self._pages.page_of(line + 1)
        if page is None:
            return str(line + 1)
        return f"{page}:{line + 2 - self._pages.first_lines[page - 1]}"


def _by_lines(text: str) -> str:
    """Return `text` with no other line ends than those that a document's lines are counted by."""
    for other in ("\r", "\u2028", "\u2029"):
        text = text.replace(other, " ")
    return without_page_marks(text).removesuffix("\n")
