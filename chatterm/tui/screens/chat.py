"""ChatScreen: the list of conversations, the conversation on screen, and the status line."""

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from chatterm.sanitize import sanitize_line
from chatterm.tui import events
from chatterm.tui.context_meter import ContextCounted, ContextMeter, told_of
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.parts import AppParts
from chatterm.tui.prompt_choice import choose_prompt
from chatterm.tui.screens.help import HelpScreen
from chatterm.tui.screens.messages import MessagesScreen
from chatterm.tui.turns import TurnRunner
from chatterm.tui.widgets.chat_pane import ChatPane
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.composer_area import DraftChanged
from chatterm.tui.widgets.kept_composer import KeptComposer
from chatterm.tui.widgets.model_dock import ModelDock
from chatterm.tui.widgets.status import NARROW, Facts, StatusLine

_COUNT_S = 8
_NOTICE_S = 30
"""What the engine must tell stays so long: it is seldom, and matters."""


class ChatScreen(MessagesScreen):
    """Lays out its parts and carries UI events between them."""

    # Wide enough for list and text; below, the list folds away and F3 brings it.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]  # noqa: RUF012  # Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Stop the reply, or go back", show=False, id="chat.back"),
        Binding("ctrl+n", "new_conversation", "New conversation", show=False, id="chat.new"),
        Binding("f1", "help", "Help", show=False, id="chat.help"),
        Binding("ctrl+l", "library", "Prompt library", show=False, id="chat.library"),
        Binding("ctrl+o", "model", "Models: choose, fetch", show=False, id="chat.model"),
    ]

    def __init__(self, parts: AppParts, slot: EngineSlot | None = None) -> None:
        """`slot` is another screen's, whose engine serves both."""
        super().__init__(parts)
        self._parts = parts
        self.slot = slot or EngineSlot(parts.open_engine, self.post_message)
        self._is_guest = slot is not None
        self.pane = ChatPane(parts, TurnRunner(parts, self.slot))
        self._models = ModelDock(parts, self.slot, lambda: self.pane.is_replying)
        self._meter = ContextMeter(parts, self.slot, self)
        self._status = StatusLine()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self.panel
            yield self.pane
            yield self.inspector
        yield self._models
        yield self._status

    def on_mount(self) -> None:
        self.query_one(Composer).focus()
        self._status.facts = Facts(model=self._parts.model_name, is_private=self._parts.is_private)
        if self._is_guest:
            self.slot.listen(self.post_message)
        self.slot.open()
        self.pane.open_conversation(self._parts.conversation_id)

    def on_engine_ready(self, event: events.EngineReady) -> None:
        card = self._models.card = event.card
        self._update(model=card.name, engine="open", total=card.context_length)
        self._meter.recount()
        for text in card.notices:
            self.notify(sanitize_line(text), markup=False, timeout=_NOTICE_S)

    def on_engine_opening(self, event: events.EngineOpening) -> None:
        self._update(engine="opening")

    def on_engine_failed(self, event: events.EngineFailed) -> None:
        self._update(engine="failed")
        if not (event.is_told or self.pane.is_replying):  # the turn tells it otherwise
            self.pane.show_notice(f"{event.error}\nCtrl+O chooses another model.")

    def on_turn_moved(self, event: events.TurnMoved) -> None:
        self._update(
            phase=event.phase,
            used=event.used_tokens,
            tokens_per_s=event.tokens_per_s,
            reading=event.reading,
        )
        self._models.settle()
        if event.phase == "idle":
            self._meter.recount()

    def on_draft_changed(self, event: DraftChanged) -> None:
        self._meter.follow(event.draft, self.pane.shown_id)

    def on_context_counted(self, event: ContextCounted) -> None:
        use = event.use
        self._update(planned=use.whole if use and use.asked else None, is_too_long=bool(use and not use.fits))
        if event.num_tokens:
            self.query_one(KeptComposer).show_tokens(event.num_tokens)
        if event.is_asked_for:
            self.notify(told_of(event), markup=False, timeout=_COUNT_S)

    def on_model_dock_switched(self, event: ModelDock.Switched) -> None:
        self._update(model=event.name, engine="opening", total=None)
        if self.pane.shown_id:
            self.pane.show_notice(f"{event.name} answers from here on")

    def on_model_dock_failed(self, event: ModelDock.Failed) -> None:
        self.pane.show_notice(event.error)

    def action_new_conversation(self) -> None:
        self.pane.open_conversation(None)
        self.query_one(Composer).focus()

    def action_back(self) -> None:
        """Give up an edit; else stop the reply; without one, return to the composer."""
        if self.pane.give_up_edit():
            self.query_one(Composer).focus()
        elif self.pane.is_replying:
            self.pane.stop_reply()
        elif not self._models.stop_fetch():
            self.remove_class("-listing")
            self.query_one(Composer).focus()

    def action_model(self, name: str = "") -> None:
        """Change the model: to the one called `name`, or to one that is picked."""
        self._models.pick(name)

    def action_library(self, name: str = "") -> None:
        """Choose the prompt called `name`, or one that is picked, for the next question."""
        choose_prompt(self, self._parts, self._models.card, name)

    def action_tokens(self) -> None:
        """Tell what would be sent, in tokens."""
        self._meter.tell(self.query_one(KeptComposer).draft, self.pane.shown_id)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(self.keymap))

    def _update(self, **changes: object) -> None:
        self._status.facts = replace(self._status.facts, **changes)  # type: ignore[arg-type]  # by field name
