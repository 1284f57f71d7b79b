"""Keys that a list of options cannot take while none of it is in sight."""

from textual._widget_navigation import Direction
from textual.widgets import OptionList

_move_page = OptionList._move_page


def _move_page_in_sight(self: OptionList, direction: Direction) -> None:
    if (self.highlighted or 0) in self._index_to_line:
        _move_page(self, direction)


def steady_lists() -> None:
    """Let PgUp and PgDn do nothing in a list without room: Textual 8.2 would end the app with a KeyError.

    So for every list, those of Textual's own command palette too. Harmless when repeated.
    """
    OptionList._move_page = _move_page_in_sight  # type: ignore[method-assign]  # there is no other way in
