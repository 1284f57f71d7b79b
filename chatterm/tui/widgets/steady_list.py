"""SteadyList: a list of options that takes every key whatever the window's size."""

from textual._widget_navigation import Direction
from textual.widgets import OptionList


class SteadyList(OptionList):
    """Ignores PgUp and PgDn while none of it is in sight: Textual 8.2 would end the app with a KeyError."""

    def _move_page(self, direction: Direction) -> None:
        if self.scrollable_content_region:
            super()._move_page(direction)
