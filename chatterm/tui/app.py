"""ChattermApp: the app as a whole: its screen, its theme, and how it is left."""

import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ScreenStackError, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.events import Event, Key, Paste
from textual.screen import Screen
from textual.widget import MountError
from textual.widgets import Markdown

from chatterm.errors import UnknownName
from chatterm.sanitize import sanitize_line
from chatterm.tui.context_gate import ContextExceeded
from chatterm.tui.events import LeavingWanted, TurnMoved
from chatterm.tui.key_map import checked_keymap, clashes
from chatterm.tui.key_order import KeyHandled, KeyOrder
from chatterm.tui.keys import teach_alt_enter
from chatterm.tui.leaving import GRACE_S, leaving_on_signals
from chatterm.tui.lists import steady_lists
from chatterm.tui.palette import palette_commands
from chatterm.tui.parts import AppParts
from chatterm.tui.paste_guard import guard_pastes
from chatterm.tui.private import private_screen
from chatterm.tui.screens.chat import ChatScreen
from chatterm.tui.screens.context_dialog import ContextDialog
from chatterm.tui.themes import OWN_THEMES

_TWICE_S = 2.0
"""Ctrl+C twice within this time quits."""


class ChattermApp(App[None]):
    """Runs one ChatScreen."""

    TITLE = "chatterm"
    CSS_PATH = "chatterm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+c",
            "interrupt",
            "Copy a selection, or stop; twice: quit",
            show=False,
            system=True,
            id="app.interrupt",
        ),
        Binding(
            "ctrl+p", "command_palette", "Every command, themes", show=False, priority=True, id="app.palette"
        ),
        Binding("ctrl+q", "quit", "Quit; what was said is kept", show=False, priority=True, id="app.quit"),
    ]

    def __init__(self, parts: AppParts) -> None:
        """Raises UnknownName for a theme, an action or a key that there is not."""
        steady_lists()
        super().__init__()
        for theme in OWN_THEMES:
            self.register_theme(theme)
        if parts.theme not in self.available_themes:
            advice = "; `chatterm config set theme NAME` sets another"
            raise UnknownName("theme", parts.theme, self.available_themes, advice)
        self.theme = parts.theme
        self.set_keymap(checked_keymap(parts.keys) if parts.keys else {})
        self._parts = parts
        self._public = self.chat = ChatScreen(parts)
        self._private: ChatScreen | None = None
        self._interrupted_s = float("-inf")
        self._leaving: int | None = None
        """The exit code, once the app is on its way out."""
        self._key_order = KeyOrder(self, super().on_event)

    def get_default_screen(self) -> Screen[None]:
        return self._public

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            await self._key_order.take(event)
        else:
            await super().on_event(event)

    async def on_key_handled(self, event: KeyHandled) -> None:
        await self._key_order.handled(event)

    async def on_ready(self) -> None:
        """Let keys act, also those pressed while the app was opening."""
        for clash in clashes(self.chat.keymap) if self.chat.keymap else ():
            self.notify(sanitize_line(clash), title="Keys", severity="warning", markup=False, timeout=15)
        await self._key_order.begin()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the command palette offers; not Textual's screenshot, which writes a file."""
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)
        for name, told, action in palette_commands(self.chat):
            yield SystemCommand(name, told, action)

    async def action_quit(self) -> None:
        self.leave(0)

    def action_interrupt(self) -> None:
        """Stop the reply; pressed twice, quit."""
        now = time.monotonic()
        if now - self._interrupted_s < _TWICE_S:
            self.leave(0)
            return
        self._interrupted_s = now
        self.chat.pane.stop_reply()
        self.notify("Ctrl+C again quits.", timeout=_TWICE_S, markup=False)

    def leave(self, exit_code: int) -> None:
        """Stop the reply, wait for what was said to be kept, but not for ever, and exit."""
        self._leaving = exit_code
        if self.chat.pane.is_replying:
            self.chat.pane.wind_up()
            self.set_timer(GRACE_S, self._exit_now)
        else:
            self._exit_now()

    def on_leaving_wanted(self, event: LeavingWanted) -> None:
        self.leave(event.exit_code)

    def on_turn_moved(self, event: TurnMoved) -> None:
        if self._leaving is not None and event.phase == "idle":
            self._exit_now()

    def on_context_exceeded(self, event: ContextExceeded) -> None:
        self.push_screen(ContextDialog(event), event.choose)

    def action_private(self) -> None:
        """Go to conversations that are written nowhere, or back."""
        if self._parts.is_private:
            self.notify("Nothing of this session is written anywhere.", markup=False)
        elif self.chat.pane.is_replying:
            self.notify("A reply is being written. Esc stops it.", markup=False)
        elif self.chat is self._private:
            self.pop_screen()
            self.chat = self._public
        else:
            if self._private is None:
                self._private = private_screen(self._parts, self.chat.slot)
                self.install_screen(self._private, "private")
            self.push_screen("private")
            self.chat = self._private

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """Say where a link leads. It is the model's text: nothing opens it."""
        self.notify(sanitize_line(event.href), title="Link", markup=False, timeout=10)

    def _handle_exception(self, error: Exception) -> None:
        """Pass over what a handler meets that was still at work as the app left: its widgets are gone."""
        is_left = self._exit or not self.screen_stack
        if not (is_left and isinstance(error, MountError | NoMatches | ScreenStackError)):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Tell a defect by its kind and place: Textual's own traceback would print what people wrote."""
        error = sys.exc_info()[1]
        frame = traceback.extract_tb(error.__traceback__)[-1] if error and error.__traceback__ else None
        where = f" ({Path(frame.filename).name}:{frame.lineno})" if frame else ""
        self.panic(Text(f"chatterm: internal error: {type(error).__name__}{where}; what was said is kept"))

    def close_parts(self) -> None:
        """Close what the app opened, once it has run. The engine is closed, whatever it is doing."""
        if self._private:
            self._private.parts.store.close()
        self._public.organiser.bin.erase()
        self._public.slot.close()

    def _exit_now(self) -> None:
        self.exit(return_code=self._leaving or 0)


def run(parts: AppParts) -> int:
    """Run the app in this terminal until it is left, and return the exit code. Raises as ChattermApp does.

    Only for the main thread. The engine is closed, whatever it is doing.
    """
    teach_alt_enter()
    guard_pastes()
    app = ChattermApp(parts)
    try:
        with leaving_on_signals(lambda exit_code: app.post_message(LeavingWanted(exit_code))):
            app.run()
    finally:
        app.close_parts()
    return app.return_code or 0
