"""ChatScreen: the list of conversations, the conversation on screen, and the status line."""

import asyncio
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen

from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize_line
from chatterm.tui import events
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.parts import AppParts
from chatterm.tui.screens.help import HelpScreen
from chatterm.tui.turns import TurnRunner
from chatterm.tui.widgets.chat_pane import ChatPane
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.model_dock import ModelDock
from chatterm.tui.widgets.sidebar import Sidebar
from chatterm.tui.widgets.status import NARROW, Facts, StatusLine

NUM_LISTED = 500
"""So many of the newest conversations are listed."""
_NOTICE_S = 30
"""What the engine must tell stays so long: it is seldom, and matters."""


class ChatScreen(Screen[None]):
    """Lays out its parts and carries UI events between them."""

    # Wide enough for list and text; below, the list folds away and F3 brings it.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]  # noqa: RUF012  # Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Stop, or back", show=False),
        Binding("ctrl+n", "new_conversation", "New", show=False),
        Binding("f1", "help", "Help", show=False),
        Binding("ctrl+o", "model", "Models", show=False, id="chat.model"),
        Binding("f3", "list", "Conversations", show=False),
    ]

    def __init__(self, parts: AppParts) -> None:
        super().__init__()
        self._parts = parts
        self.slot = EngineSlot(parts.open_engine, self.post_message)
        self.pane = ChatPane(parts, TurnRunner(parts, self.slot))
        self._sidebar = Sidebar()
        self._models = ModelDock(parts, self.slot, lambda: self.pane.is_replying)
        self._status = StatusLine()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._sidebar
            yield self.pane
        yield self._models
        yield self._status

    def on_mount(self) -> None:
        self.query_one(Composer).focus()
        self._status.facts = Facts(model=self._parts.model_name)
        self.slot.open()
        self.pane.open_conversation(self._parts.conversation_id)

    def on_engine_ready(self, event: events.EngineReady) -> None:
        card = event.card
        self._update(model=card.name, engine="open", total=card.context_length)
        for text in card.notices:
            self.notify(sanitize_line(text), markup=False, timeout=_NOTICE_S)

    def on_engine_opening(self, event: events.EngineOpening) -> None:
        self._update(engine="opening")

    def on_engine_failed(self, event: events.EngineFailed) -> None:
        self._update(engine="failed")
        if not (event.is_told or self.pane.is_replying):  # the turn tells it otherwise
            self.pane.show_notice(event.error)

    def on_turn_moved(self, event: events.TurnMoved) -> None:
        self._update(phase=event.phase, used=event.used_tokens, tokens_per_s=event.tokens_per_s)
        self._models.settle()

    def on_model_dock_switched(self, event: ModelDock.Switched) -> None:
        self._update(model=event.name, engine="opening", total=None)

    def on_model_dock_failed(self, event: ModelDock.Failed) -> None:
        self.pane.show_notice(event.error)

    async def on_conversation_moved(self, event: events.ConversationMoved) -> None:
        try:
            listed = await asyncio.to_thread(self._parts.store.conversations, limit=NUM_LISTED)
        except ChattermError as error:
            self.pane.show_notice(str(error))
        else:
            self._sidebar.show(listed, event.current_id)

    def on_conversation_chosen(self, event: events.ConversationChosen) -> None:
        self.remove_class("-listing")
        self.pane.open_conversation(event.conversation_id)
        self.query_one(Composer).focus()

    def action_new_conversation(self) -> None:
        self.pane.open_conversation(None)
        self.query_one(Composer).focus()

    def action_back(self) -> None:
        """Stop the reply; without one, return to the composer."""
        if self.pane.is_replying:
            self.pane.stop_reply()
        elif not self._models.stop_fetch():
            self.remove_class("-listing")
            self.query_one(Composer).focus()

    def action_list(self) -> None:
        """Bring the list, or send it away again."""
        if self._sidebar.has_focus:
            self.remove_class("-listing")
            self.query_one(Composer).focus()
        else:
            self.add_class("-listing")
            self._sidebar.focus()

    def action_model(self, name: str = "") -> None:
        """Change the model: to the one called `name`, or to one that is picked."""
        self._models.pick(name)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    def _update(self, **changes: object) -> None:
        self._status.facts = replace(self._status.facts, **changes)  # type: ignore[arg-type]  # by field name
