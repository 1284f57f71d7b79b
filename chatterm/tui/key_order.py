"""KeyOrder: keys act one after another, however fast they come.

A key that moves the focus, opens a screen or another conversation does so by messages between widgets. What
is typed right behind it would arrive where the user was before: a question in the wrong conversation. So it
waits until the key has been acted on. What is typed into a text, or scrolls, lets nothing wait.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable

from textual.app import App
from textual.events import Key, Paste
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, TextArea

_ROUNDS = 3
"""The first follows the key up to whoever acts on it, the others what that sets going, then the focus."""
_LIMIT_S = 2.0
"""So long a key may hold up the others, whatever hangs."""
_POLL_S = 0.05

_LEAVES_TEXT = frozenset({"send", "submit", "editor"})
"""What a text widget's own bindings do beyond changing its text."""
_MOVES = ("scroll_", "page_", "cursor_", "next_message", "first", "last", "mark")
"""How the actions begin by which other widgets only move within themselves."""

Press = Key | Paste


class KeyHandled(Message):
    """Comes by the way of a key, behind it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class KeyOrder:
    """Its methods are for the app's handlers. Holds everything until `begin`."""

    def __init__(self, app: App[None], act: Callable[[Press], Awaitable[None]]) -> None:
        """`act` is what the app does with a key or a paste that is due."""
        self._app = app
        self._act = act
        self._held: deque[Press] = deque()
        self._is_waiting = True
        self._number = 0
        """Of the round under way."""
        self._rounds_left = 0
        self._target: Widget | None = None
        self._until_s = float("inf")
        self._watch: Timer | None = None

    async def take(self, press: Press) -> None:
        """Act on `press`, or hold it behind those before it."""
        self._held.append(press)
        await self._go_on()

    async def begin(self) -> None:
        """Act on what was pressed so far: there is something that can take it."""
        self._is_waiting = False
        await self._go_on()

    async def handled(self, event: KeyHandled) -> None:
        if event.number == self._number:
            await self._end_round()

    async def _go_on(self) -> None:
        while self._held and not self._is_waiting:
            press = self._held.popleft()
            stays = self._stays(press)
            target = self._place()
            await self._act(press)
            if not stays:
                self._is_waiting = True
                self._rounds_left = _ROUNDS
                self._until_s = time.monotonic() + _LIMIT_S
                self._watch = self._watch or self._app.set_interval(_POLL_S, self._look)
                self._watch.resume()
                self._start_round(target)

    def _stays(self, press: Press) -> bool:
        """Whether it changes nothing but the widget that has the focus."""
        focused = self._app.focused
        is_text = isinstance(focused, Input | TextArea)
        if isinstance(press, Paste) or (is_text and press.is_printable):
            return is_text
        active = self._app.screen.active_bindings.get(press.key)
        if active is None or active.node is not focused:
            return False
        action = active.binding.action
        return action not in _LEAVES_TEXT if is_text else action.startswith(_MOVES)

    def _place(self) -> Widget:
        return self._app.focused or self._app.screen

    def _start_round(self, target: Widget) -> None:
        self._number += 1
        self._rounds_left -= 1
        self._target = target
        target.post_message(KeyHandled(self._number))

    async def _end_round(self) -> None:
        if not self._app.screen_stack:  # the app is being left
            return
        if self._rounds_left:
            self._start_round(self._place())
            return
        self._number += 1
        self._is_waiting = False
        if self._watch:
            self._watch.pause()
        await self._go_on()

    async def _look(self) -> None:
        """Go on where the widget that was to answer is gone, or takes too long."""
        if not self._is_waiting or self._target is None:
            return
        if time.monotonic() > self._until_s:
            self._rounds_left = 0
        elif self._target.is_attached and self._target.is_running:
            return
        else:
            self._rounds_left = _ROUNDS
        await self._end_round()
