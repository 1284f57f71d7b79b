"""StatementList: many short texts, each with where it is from below it. Only what is in sight is drawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from chatterm.tui.foreign import fitted

_ROWS = 2
"""Of each item."""


@dataclass(frozen=True, slots=True)
class Item:
    """What is listed. Its texts are one line each, and safe to show."""

    text: str
    below: str = ""


class StatementList(ScrollView, can_focus=True):
    """One of its items is highlighted."""

    DEFAULT_CSS = "StatementList { overflow-x: hidden; overflow-y: scroll; }"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "statement-list--highlighted",
        "statement-list--below",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Next", show=False, id="statements.next"),
        Binding("up,k", "cursor_up", "Previous", show=False, id="statements.previous"),
        Binding("pagedown", "cursor_page(1)", "A page down", show=False, id="statements.page_down"),
        Binding("pageup", "cursor_page(-1)", "A page up", show=False, id="statements.page_up"),
        Binding("home,g", "cursor_first", "First", show=False, id="statements.first"),
        Binding("end,G", "cursor_last", "Last", show=False, id="statements.last"),
        Binding("enter", "choose", "Go to its lines", show=False, id="statements.choose"),
    ]

    @dataclass
    class Highlighted(Message):
        """Another item is highlighted."""

        index: int

    @dataclass
    class Chosen(Message):
        """An item was chosen."""

        index: int

    def __init__(self) -> None:
        super().__init__()
        self._items: list[Item] = []
        self.highlighted: int | None = None

    def add(self, items: Iterable[Item]) -> None:
        self._items += items
        self._fit()
        if self.highlighted is None and self._items:
            self.highlight(0)

    def show(self, items: Iterable[Item], index: int) -> None:
        """List other items, that at `index` highlighted."""
        self._items = list(items)
        self._fit()
        self.highlight(index)

    def highlight(self, index: int) -> None:
        """Highlight the item, or the nearest there is."""
        if not self._items:
            return
        self.highlighted = min(max(index, 0), len(self._items) - 1)
        place = Region(0, self.highlighted * _ROWS, 1, _ROWS)
        self.scroll_to_region(place, animate=False, force=True)
        self.refresh()
        self.post_message(self.Highlighted(self.highlighted))

    def on_resize(self) -> None:
        self._fit()
        if self.highlighted is not None:
            self.highlight(self.highlighted)

    def render_line(self, y: int) -> Strip:
        index, row = divmod(y + round(self.scroll_y), _ROWS)
        width, style = self.scrollable_content_region.width, self.rich_style
        if index >= len(self._items):
            return Strip.blank(width, style)
        item, is_highlighted = self._items[index], index == self.highlighted
        if is_highlighted:
            style += self.get_component_rich_style("statement-list--highlighted", partial=True)
        elif row:
            style += self.get_component_rich_style("statement-list--below", partial=True)
        text = f"    {item.below}" if row else f"{'>' if is_highlighted else ' '} {item.text}"
        return Strip([Segment(fitted(text, width), style)], width)

    def action_cursor_down(self) -> None:
        self.highlight((-1 if self.highlighted is None else self.highlighted) + 1)

    def action_cursor_up(self) -> None:
        self.highlight((self.highlighted or 0) - 1)

    def action_cursor_page(self, pages: int) -> None:
        step = max(1, self.scrollable_content_region.height // _ROWS - 1)
        self.highlight((self.highlighted or 0) + pages * step)

    def action_cursor_first(self) -> None:
        self.highlight(0)

    def action_cursor_last(self) -> None:
        self.highlight(len(self._items) - 1)

    def action_choose(self) -> None:
        if self.highlighted is not None:
            self.post_message(self.Chosen(self.highlighted))

    def on_click(self, event: Click) -> None:
        event.stop()
        place = event.get_content_offset(self)
        if place is None:
            return
        index = (place.y + round(self.scroll_y)) // _ROWS
        if index < len(self._items):
            is_again = index == self.highlighted
            self.highlight(index)
            if is_again:
                self.action_choose()

    def _fit(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._items) * _ROWS)
        self.refresh()
