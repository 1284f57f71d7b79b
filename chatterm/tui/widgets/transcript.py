"""Transcript: the messages of the conversation on screen, following the end until the reader scrolls up."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from chatterm.conversation import MessageNode
from chatterm.tui.reading import Reading
from chatterm.tui.widgets.message import ReplyView, view_of

WINDOW = 20
"""So many messages are drawn at once; earlier ones when the reader comes to the top."""


WELCOME = "Ask anything below.\nThe model runs on this machine, and nothing you write leaves it."


class Transcript(VerticalScroll):
    """Shows the questions and replies of a path, and a reply that grows at its end."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "next_message(1)", "Next message", show=False),
        Binding("k", "next_message(-1)", "Previous message", show=False),
        Binding("g", "scroll_home", "Top", show=False),
        Binding("G", "scroll_end", "End", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._messages = Vertical(classes="messages")
        self._earlier: list[MessageNode] = []
        self._notes: Mapping[str, str] = {}
        self._is_loading = False

    def compose(self) -> ComposeResult:
        yield self._messages

    async def show(self, reading: Reading) -> None:
        """Show a conversation at its end, or a welcome where it is empty."""
        said = [node for node in reading.nodes if node.message.role != "system"]
        self._notes = reading.notes
        self._earlier = said[:-WINDOW]
        views = self._views(said[-WINDOW:]) or [Static(Content(WELCOME), classes="welcome")]
        with self.app.batch_update():
            await self._messages.remove_children()
            await self._messages.mount_all(views)
        self.anchor()

    async def add(self, *views: Widget) -> None:
        """Show more below, and go to the end."""
        await self.query(".welcome").remove()
        await self._messages.mount_all(views)
        self.anchor()

    async def remove_turn(self, reply: ReplyView) -> None:
        """Take away a reply and the question above it."""
        views = list(self._messages.children)
        index = views.index(reply)
        for view in views[max(index - 1, 0) : index + 1]:
            await view.remove()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 0 < old_value and self._earlier and not self._is_loading:
            self._is_loading = True
            self.call_later(self._load_earlier)

    def action_scroll_home(self) -> None:
        self.scroll_home(animate=False)

    def action_scroll_end(self) -> None:
        self.scroll_end(animate=False)

    def action_next_message(self, step: int) -> None:
        tops = [view.virtual_region.y for view in self._messages.children]
        beyond = [top for top in tops if (top - round(self.scroll_y)) * step > 0]
        if beyond:
            self.scroll_to(y=min(beyond) if step > 0 else max(beyond), animate=False)

    def _views(self, nodes: Sequence[MessageNode]) -> list[Widget]:
        return [view_of(node, self._notes.get(node.id, "")) for node in nodes]

    async def _load_earlier(self) -> None:
        """Draw more messages above, leaving what the reader sees where it is."""
        nodes, self._earlier = self._earlier[-WINDOW:], self._earlier[:-WINDOW]
        height = self.virtual_size.height
        await self._messages.mount_all(self._views(nodes), before=0)

        def keep_place() -> None:
            grown = self.virtual_size.height - height
            self.scroll_to(y=self.scroll_y + grown, animate=False, force=True)
            self._is_loading = False

        self.call_after_refresh(keep_place)
