"""Composer: where a message is written. Enter sends it, other keys make a new line, the editing keys stay."""

from collections.abc import Awaitable, Callable
from typing import ClassVar, Protocol

from textual.binding import Binding, BindingType
from textual.events import Key, Paste
from textual.widgets import TextArea

from chatterm.sanitize import sanitize
from chatterm.tui.keys import MISREAD, NEWLINE_KEYS

_NEWLINES = ",".join(sorted(NEWLINE_KEYS))


class Helper(Protocol):
    """What stands around the composer and is asked before a key means what it means in a text."""

    async def send(self) -> None:
        """Send what is written."""
        ...

    async def edit_elsewhere(self) -> None:
        """Let the text be written in the user's editor."""
        ...

    def take_key(self, key: str) -> bool:
        """Act on a key where it means something now; return whether it did."""
        ...

    def take_paste(self, text: str) -> bool:
        """Take a paste that is too long to be typed; return whether it did."""
        ...


class Composer(TextArea):
    """Grows with its text, up to ten lines. It keeps its text until its helper clears it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", show=False, id="composer.send"),
        Binding(_NEWLINES, "newline", "New line", show=False, id="composer.newline"),
        Binding("ctrl+g", "editor", "Write in $VISUAL or $EDITOR", show=False, id="composer.editor"),
    ]

    def __init__(self, helper: Helper) -> None:
        super().__init__(placeholder="Ask anything", highlight_cursor_line=False, compact=True)
        self._helper = helper

    async def _on_key(self, event: Key) -> None:
        """Act on what is bound here at once: by way of the app, keys typed after it would overtake it."""
        if self._helper.take_key(event.key):
            pass
        elif action := self._bound_to(event):
            await action()
        else:
            return
        event.stop()
        event.prevent_default()

    async def _on_paste(self, event: Paste) -> None:
        event.stop()
        event.prevent_default()
        if not self._helper.take_paste(event.text):
            self.type(sanitize(event.text))

    async def action_send(self) -> None:
        await self._helper.send()

    async def action_editor(self) -> None:
        await self._helper.edit_elsewhere()

    async def action_newline(self) -> None:
        self.type("\n")

    def _recompute_cursor_offset(self) -> None:
        """Leave the cursor be while its line is gone: Textual 8.2 undoes text before it moves the cursor."""
        if self.cursor_location[0] < self.document.line_count:
            super()._recompute_cursor_offset()  # type: ignore[no-untyped-call]

    def show_text(self, text: str) -> None:
        """Replace what is there by `text`, with the cursor at its end."""
        self.text = sanitize(text)
        self.move_cursor(self.document.end)

    def type(self, text: str) -> None:
        """Put `text` in place of the selection, as if it was typed."""
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    def replace_before(self, start: int, text: str) -> None:
        """Put `text` in place of what is between column `start` and the cursor."""
        row, column = self.cursor_location
        self.replace(text, (row, start), (row, column), maintain_selection_offset=False)
        self.move_cursor((row, start + len(text)))

    def _bound_to(self, event: Key) -> Callable[[], Awaitable[None]] | None:
        """Return what the key does here, whatever key the user gave it."""
        if event.is_printable and event.key not in MISREAD:
            return None
        active = self.screen.active_bindings.get(MISREAD.get(event.key, event.key))
        if active is None or active.node is not self:
            return None
        actions: dict[str, Callable[[], Awaitable[None]]] = {
            "send": self.action_send,
            "newline": self.action_newline,
        }
        return actions.get(active.binding.action)
