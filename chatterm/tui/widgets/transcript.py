"""Transcript: the messages of the conversation on screen, following the end until the reader scrolls up.

Only a window of a long conversation is there as widgets; it moves as the reader comes to its ends.
"""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Click
from textual.widget import Widget

from chatterm.tui.active_path import ActivePath, Said
from chatterm.tui.events import MessageActed, MessageSelected, Verb
from chatterm.tui.widgets.message import MessageView, view_of
from chatterm.tui.widgets.message_column import Making, MessageColumn

WINDOW = 12
"""So many messages are drawn when a conversation is opened."""
_FIRST = 6
"""So many of them at once, the others when those are on the screen."""
STEP = 6
"""So many more when the reader comes to the window's end."""
MAX_DRAWN = 24


class Transcript(VerticalScroll):
    """Shows the questions and replies of a path. Posts MessageSelected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "next_message(1)", "Next message", show=False, id="messages.next"),
        Binding("k", "next_message(-1)", "Previous message", show=False, id="messages.previous"),
        Binding("g", "first", "First message", show=False, id="messages.first"),
        Binding("G", "last", "Last message", show=False, id="messages.last"),
        Binding("left", "act('previous_branch')", "Branch before", show=False, id="messages.branch_before"),
        Binding("right", "act('next_branch')", "Branch after", show=False, id="messages.branch_after"),
        Binding("y", "act('copy')", "Copy the message", show=False, id="messages.copy"),
        Binding("Y", "act('copy_code')", "Copy its code block", show=False, id="messages.copy_code"),
        Binding("e", "act('edit')", "Edit the question", show=False, id="messages.edit"),
        Binding("r", "act('regenerate')", "Another reply", show=False, id="messages.regenerate"),
        Binding("t", "act('shape')", "Table, or its JSON", show=False, id="messages.shape"),
        Binding(
            "s,v", "act('sources')", "What it rests on, and its checks", show=False, id="messages.sources"
        ),
        Binding("p", "act('parts')", "The parts it was read in", show=False, id="messages.parts"),
        Binding("c", "act('continue')", "Continue a cut reply", show=False, id="messages.continue"),
    ]

    def __init__(self, make: Making = view_of) -> None:
        """`make` returns the view of a stored message."""
        super().__init__()
        self._messages = MessageColumn(make)
        self._said: Sequence[Said] = ()
        self._first = 0
        self._end = 0
        """The window: which of the messages are drawn."""
        self._selected: MessageView | None = None
        self._is_filling = False
        """More of the window is drawn next."""
        self._is_moving = False
        self._drawing = asyncio.Lock()

    def compose(self) -> ComposeResult:
        yield self._messages

    @property
    def said(self) -> Sequence[Said]:
        return self._said

    @property
    def selected(self) -> MessageView | None:
        return self._selected if self._selected and self._selected.is_attached else None

    def said_of(self, view: MessageView | None) -> Said | None:
        """Return the stored message that `view` shows."""
        if view is None or not view.message_id:
            return None
        return next((one for one in self._said if one.node.id == view.message_id), None)

    async def show(self, path: ActivePath) -> None:
        """Show another conversation at its end, or a welcome where it is empty."""
        self._said = path.said
        self._end = len(self._said)
        self._first = max(0, self._end - _FIRST)
        self.select(None)
        await self._messages.clear(is_new=not self._said)
        await self._draw()
        self.anchor()
        self._is_filling = self._first > 0
        if self._is_filling:
            self.call_after_refresh(self._fill_window)

    async def update_path(self, path: ActivePath) -> None:
        """Show what has become of the conversation on screen. Messages that stay keep their views."""
        ids, old_ids = [one.node.id for one in path.said], [one.node.id for one in self._said]
        num_common = next(
            (n for n, (one, other) in enumerate(zip(ids, old_ids, strict=False)) if one != other),
            min(len(ids), len(old_ids)),
        )
        was_at_end = self._end == len(self._said)
        self._said = path.said
        if was_at_end or num_common < self._end:
            self._end = len(self._said)
            self._first = min(self._first, max(0, self._end - WINDOW))
            if self._end - self._first > MAX_DRAWN:
                self._first = self._end - WINDOW
        await self._draw()

    async def cut_after(self, num_kept: int) -> None:
        """Leave only so many messages, and nothing below them: what follows is being made."""
        self._said = self._said[:num_kept]
        self._end = num_kept
        self._first = min(self._first, max(0, num_kept - WINDOW))
        await self._draw()
        await self._messages.remove_strays()

    async def add(self, *views: Widget) -> None:
        """Show more below, but above what is queued, and go to the end."""
        await self._go_to_end()
        await self._messages.add(*views)
        self.anchor()

    async def remove_views(self, *views: Widget | None) -> None:
        for view in views:
            if view is not None and view.is_attached:
                await view.remove()

    async def show_message(self, message_id: str) -> None:
        """Bring a message of the path into sight and select it."""
        index = next((n for n, one in enumerate(self._said) if one.node.id == message_id), None)
        if index is None:
            return
        if self._first <= index < self._end:
            await self._fill_window()  # later it would bring back what is in sight before
        else:
            self._is_filling = False
            self._first = max(0, index - STEP)
            self._end = min(len(self._said), self._first + WINDOW)
            await self._draw()
        view = next((one for one in self._messages.views if one.message_id == message_id), None)
        if view:
            self.select(view)
            self.call_after_refresh(self._bring_into_sight, view)

    def select(self, view: MessageView | None) -> None:
        """Mark a message as the one that keys act on."""
        if self._selected is not None:
            self._selected.remove_class("-selected")
        self._selected = view
        if view is not None:
            view.add_class("-selected")
        self.post_message(MessageSelected(view.message_id if view else ""))

    # Keys and mouse.

    async def action_next_message(self, step: int) -> None:
        view = await self._neighbour(step)
        if view is not None:
            self.select(view)
            self._bring_into_sight(view)

    async def action_first(self) -> None:
        if self._said:
            self._first, self._end = 0, min(len(self._said), WINDOW)
            await self._draw()
        self.select(next(iter(self._messages.views), None))
        self.scroll_home(animate=False)

    async def action_last(self) -> None:
        await self._go_to_end()
        self.select(next(reversed(self._messages.views), None))
        self.anchor()
        self.scroll_end(animate=False)

    def action_act(self, verb: Verb) -> None:
        self.post_message(MessageActed(verb))

    def on_click(self, event: Click) -> None:
        """Select what was clicked."""
        widget = event.widget
        while widget is not None and not isinstance(widget, MessageView):
            widget = widget.parent if isinstance(widget.parent, Widget) else None
        if widget is not None:
            self.select(widget)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._is_moving or self._is_filling:
            return
        if new_value <= 0 < old_value and self._first > 0:
            self._is_moving = True
            self.call_later(self._move_window, -STEP)
        elif new_value >= self.max_scroll_y > old_value and self._end < len(self._said):
            self._is_moving = True
            self.call_later(self._move_window, STEP)

    # The window.

    async def _draw(self) -> None:
        async with self._drawing:
            await self._messages.draw(self._said, self._first, self._end)

    async def _go_to_end(self) -> None:
        if self._end < len(self._said):
            self._first, self._end = max(0, len(self._said) - WINDOW), len(self._said)
            await self._draw()

    async def _fill_window(self) -> None:
        """Draw what `show` left out at first."""
        if self._is_filling:
            self._is_filling, self._is_moving = False, True
            await self._move_window(_FIRST - WINDOW)

    async def _move_window(self, step: int) -> None:
        """Draw more messages at one end, fewer at the other, leaving what the reader sees where it is."""
        try:
            await self._step_window(step)
        finally:
            self._is_moving = False

    async def _step_window(self, step: int) -> None:
        held = next((view for view in self._messages.views if view.region.bottom > self.region.y), None)
        offset = held.virtual_region.y - self.scroll_y if held else 0.0
        if step < 0:
            self._first = max(0, self._first + step)
            self._end = min(self._end, self._first + MAX_DRAWN)
        else:
            self._end = min(len(self._said), self._end + step)
            self._first = max(self._first, self._end - MAX_DRAWN)
        await self._draw()

        def keep_place() -> None:
            if held and held.is_attached:
                self.scroll_to(y=held.virtual_region.y - offset, animate=False, force=True)

        self.call_after_refresh(keep_place)

    async def _neighbour(self, step: int) -> MessageView | None:
        """Return the message that is `step` away from the selected one, or from what is in sight."""
        views = self._messages.views
        if not views:
            return None
        selected = self.selected
        if selected not in views:
            in_sight = [view for view in views if view.region.overlaps(self.region)]
            return (in_sight or views)[-1 if step < 0 else 0]
        index = views.index(selected) + step
        if index < 0 and self._first > 0:
            await self._step_window(-STEP)
        elif index >= len(views) and self._end < len(self._said):
            await self._step_window(STEP)
        views = self._messages.views
        index = views.index(selected) + step
        return views[index] if 0 <= index < len(views) else None

    def _bring_into_sight(self, view: MessageView) -> None:
        """Scroll to a message that is not wholly in sight, so that it begins at the top."""
        if not self.region.contains_region(view.region):
            self.scroll_to(y=view.virtual_region.y, animate=False)
