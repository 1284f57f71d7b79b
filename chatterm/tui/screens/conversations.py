"""ConversationsScreen: what the chat screen can do to conversations: list, find, name, delete, carry over."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import Screen

from chatterm.store import SearchHit
from chatterm.tui import events
from chatterm.tui.calls import called
from chatterm.tui.foreign import one_line
from chatterm.tui.organiser import Organiser
from chatterm.tui.parts import AppParts
from chatterm.tui.screens.dialogs import LineDialog
from chatterm.tui.screens.search import SearchScreen
from chatterm.tui.screens.settings import SettingsScreen
from chatterm.tui.widgets.chat_pane import ChatPane
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.conversations_panel import ConversationsPanel
from chatterm.tui.widgets.status import StatusLine

_STOPPING_S = 3.0
"""So long a deletion waits for a reply to stop."""
_POLL_S = 0.05
ERASE_AFTER_S = 30.0
"""So long after a deletion, when nothing is written, the files are cleaned of it."""


_EXPORT_HINT = "A name ending in .json holds every branch and can be imported; any other is Markdown."
_IMPORT_HINT = "chatterm's JSON, ChatGPT's conversations.json, or the logs.db of llm."


class ConversationsScreen(Screen[None]):
    """The base of ChatScreen, which lays it out and has the pane."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "list", "Conversations", show=False, id="chat.list"),
        # Priority: in a text area Ctrl+F would delete a word.
        Binding("ctrl+f", "search", "Search all conversations", show=False, priority=True, id="chat.search"),
        Binding("ctrl+comma,f9", "settings", "Settings", show=False, id="chat.settings"),
    ]

    pane: ChatPane

    def __init__(self, parts: AppParts) -> None:
        super().__init__()
        self.parts = parts
        self.keymap = parts.keys
        self.organiser = Organiser(parts.store, self, self._stop_reply_in)
        self.panel = ConversationsPanel(parts.store, self.organiser)

    def on_conversation_moved(self, event: events.ConversationMoved) -> None:
        self.panel.reload(event.current_id)

    def on_conversation_chosen(self, event: events.ConversationChosen) -> None:
        self.remove_class("-listing")
        self.pane.open_conversation(event.conversation_id)
        self.query_one(Composer).focus()

    def on_conversations_changed(self, event: events.ConversationsChanged) -> None:
        """Leave a conversation that is gone; show one that came back where nothing else is on screen."""
        if self.pane.shown_id in event.gone:
            self.pane.open_conversation(None)
        elif event.restored and self.pane.shown_id is None and len(event.restored) == 1:
            self.pane.open_conversation(event.restored[0])
        self.panel.reload(self.pane.shown_id)
        if event.gone:
            self.set_timer(ERASE_AFTER_S, self._erase_when_idle)

    def action_list(self) -> None:
        """Bring the list, or send it away again."""
        if self.panel.has_focus_within:
            self.remove_class("-listing")
            self.query_one(Composer).focus()
        else:
            self.add_class("-listing")
            self.panel.go_to_list()

    def action_search(self, text: str = "") -> None:
        """Find words in all conversations, and go to what was chosen."""
        self.app.push_screen(SearchScreen(self.parts.store, text), self._go_to)

    def _go_to(self, hit: SearchHit | None) -> None:
        if hit is None:
            return
        if hit.message_id:
            self.pane.post_message(events.MessageWanted(hit.conversation_id, hit.message_id))
        else:
            self.pane.open_conversation(hit.conversation_id)

    def action_settings(self) -> None:
        if self.parts.settings:
            self.app.push_screen(SettingsScreen(self.parts.settings), self._take_keys)

    def _take_keys(self, keymap: Mapping[str, str] | None) -> None:
        if keymap is not None:
            self.keymap = keymap
            self.query_one(StatusLine).on_resize()

    def action_rename(self, title: str = "") -> None:
        """Give the conversation on screen another title: this one, or one that is asked for."""
        if identity := self._on_screen("renamed"):
            self.run_worker(self.organiser.rename(identity, title))

    def action_delete_conversation(self) -> None:
        if identity := self._on_screen("deleted"):
            self.run_worker(self.organiser.delete([identity]))

    @work
    async def action_export(self, path: str = "") -> None:
        """Write the conversation on screen to a new file: this one, or one that is asked for."""
        from chatterm.tui import transfer  # opening the app does without

        identity = self._on_screen("exported")
        if identity is None:
            return
        if not path:
            offered = await called(self, transfer.default_path, self.parts.store, identity) or ""
            dialog = LineDialog(
                "Export to a new file", offered, hint=_EXPORT_HINT, check=transfer.new_path_of
            )
            typed = await self.app.push_screen_wait(dialog)
            path = typed or ""
        given = self.parts.store, self.parts.prompts, identity, path
        if path and (target := await called(self, transfer.export_to, *given)):
            self.notify(one_line(f"Exported to {target}"), markup=False, timeout=10)

    @work
    async def action_import_file(self, path: str = "") -> None:
        """Take in the conversations of a file: this one, or one that is asked for."""
        from chatterm.tui import transfer  # opening the app does without

        if not path:
            dialog = LineDialog("Import conversations", hint=_IMPORT_HINT, check=transfer.path_of)
            typed = await self.app.push_screen_wait(dialog)
            path = typed or ""
        if path and (told := await called(self, transfer.import_from, self.parts.store, path)):
            self.notify(one_line(told), markup=False, timeout=10)
            self.panel.reload(self.pane.shown_id)

    def _on_screen(self, done: str) -> str | None:
        if self.pane.shown_id is None:
            self.notify(f"Nothing here can be {done} yet.", markup=False)
        return self.pane.shown_id

    async def _stop_reply_in(self, conversation_id: str) -> None:
        """Take back what is queued in a conversation, stop its reply, and wait a while for it to be kept."""
        await self.pane.forget_queued(conversation_id)
        for _ in range(round(_STOPPING_S / _POLL_S)):
            if self.pane.replying_id != conversation_id:
                return
            self.pane.stop_reply()
            await asyncio.sleep(_POLL_S)

    def _erase_when_idle(self) -> None:
        """Clean the files; while a reply is written, later."""
        if self.pane.is_replying:
            self.set_timer(ERASE_AFTER_S, self._erase_when_idle)
        else:
            self.run_worker(asyncio.to_thread(self.organiser.bin.erase), group="erase")
