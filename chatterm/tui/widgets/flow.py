"""Flow: blocks of text below one another, cheap to lay out anew while one of them grows."""

from textual.containers import Vertical
from textual.geometry import Size
from textual.layout import ArrangeResult, Layout
from textual.layouts.vertical import VerticalLayout
from textual.widget import Widget


class FlowLayout(VerticalLayout):
    """A vertical layout for children whose heights are fixed or auto: none is a share of the container's.

    Textual keeps a child's measures for as long as its container has the same size. One that grows has
    another at each update, and all within it would be measured again, however long the reply is.
    """

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        return super().arrange(parent, children, size.with_height(0), greedy)


_FLOW = FlowLayout()


class Flowing:
    """To be inherited from before a container: lays out its children by FlowLayout, whatever its styles say.

    No widget itself: a widget's styles are those of its first base that is one.
    """

    @property
    def layout(self) -> Layout:
        return _FLOW


class Flow(Flowing, Vertical):
    """A column of blocks."""
