"""MessagesScreen: what the chat screen can do to messages, wherever the focus is."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from chatterm.tui import events
from chatterm.tui.parts import AppParts
from chatterm.tui.screens.conversations import ConversationsScreen
from chatterm.tui.widgets.inspector import Inspector


class MessagesScreen(ConversationsScreen):
    """Between the screen of conversations and ChatScreen, which lays it out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "edit_question", "Edit the last question", show=False, id="chat.edit"),
        Binding("ctrl+r", "regenerate", "Another reply", show=False, id="chat.regenerate"),
        Binding("f4", "continue_reply", "Continue a cut reply", show=False, id="chat.continue"),
        Binding("f5", "sources", "Sources of the reply: its lines", show=False, id="chat.sources"),
        Binding("f8", "parts", "Parts that were read", show=False, id="chat.parts"),
        Binding("ctrl+t", "inspector", "Inspector", show=False, id="chat.inspector"),
        Binding("alt+up", "take_back", "Take back a queued question", show=False, id="chat.take_back"),
    ]

    def __init__(self, parts: AppParts) -> None:
        super().__init__(parts)
        self.inspector = Inspector(parts.store)

    def on_message_selected(self, event: events.MessageSelected) -> None:
        self.inspector.show(self.pane.selected_reply_id)

    def action_inspector(self) -> None:
        """Bring the inspector, or send it away again."""
        self.toggle_class("-inspecting")
        self.inspector.is_open = self.has_class("-inspecting")
        self.inspector.show(self.pane.selected_reply_id)

    async def action_edit_question(self) -> None:
        await self.pane.edit(self.pane.last(is_question=True))

    async def action_regenerate(self) -> None:
        await self.pane.regenerate(self.pane.last())

    async def action_continue_reply(self) -> None:
        await self.pane.continue_reply(self.pane.last())

    def action_sources(self) -> None:
        self.pane.post_message(events.MessageActed("sources"))

    def action_parts(self) -> None:
        self.pane.post_message(events.MessageActed("parts"))

    async def action_take_back(self) -> None:
        if not await self.pane.take_back():
            self.notify("No question is queued here.", markup=False)

    async def action_branch(self) -> None:
        await self.pane.branch_here()

    def action_copy_reply(self) -> None:
        self.pane.copy_last_reply()
