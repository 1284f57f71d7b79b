"""PlainText: a text of any length, shown as it was typed. Only the rows on the screen are drawn."""

import asyncio

from rich.segment import Segment
from textual import work
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from chatterm.sanitize import Sanitizer
from chatterm.tui.plain_rows import PlainRows

_PIECE = 32_768
"""So many characters are prepared between two looks at the keyboard."""


class _Cut:
    """A text as far as it is cut into rows of one width."""

    def __init__(self, width: int) -> None:
        self.rows = PlainRows(width)
        self.sanitizer = Sanitizer()
        self.num_pieces = 0


class PlainText(Widget):
    """Grows at its end. It prepares its rows piece by piece, so that keys and other views go on meanwhile."""

    DEFAULT_CSS = "PlainText { width: 1fr; height: auto; }"

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._pieces = [text] if text else []
        self._cut = _Cut(2)
        self._width = 0
        self._lock = asyncio.Lock()

    @property
    def source(self) -> str:
        return "".join(self._pieces)

    async def add(self, text: str) -> None:
        """Show more; returns when its rows are there."""
        self._pieces.append(text)
        if self._width:
            async with self._lock:
                await self._go_on(self._cut)
            self.refresh(layout=True)

    async def replace(self, text: str) -> None:
        """Show another text."""
        if text != self.source:
            self._pieces, self._width = [text], 0
            self._fit(self.content_size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        self._fit(width)
        return max(1, self._cut.rows.num_rows)

    def render_line(self, y: int) -> Strip:
        style = self.rich_style
        strip = Strip([Segment(self._cut.rows.row(y), style)])
        return strip.adjust_cell_length(self.content_size.width, style)

    def _fit(self, width: int) -> None:
        """Begin to cut the text anew where the width is another; the old rows stay until that is done."""
        if width > 0 and width != self._width:
            self._width = width
            self._cut_anew()

    @work(exclusive=True, group="rows")
    async def _cut_anew(self) -> None:
        cut = _Cut(self._width)
        async with self._lock:
            await self._go_on(cut)
            self._cut = cut
        self.refresh(layout=True)

    async def _go_on(self, cut: _Cut) -> None:
        while cut.num_pieces < len(self._pieces):
            piece = self._pieces[cut.num_pieces]
            cut.num_pieces += 1
            for start in range(0, len(piece), _PIECE):
                cut.rows.add(cut.sanitizer.feed(piece[start : start + _PIECE]))
                await asyncio.sleep(0)
