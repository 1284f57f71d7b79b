"""ConversationsPanel: the list of conversations with its filter line, kept in step with the store."""

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from chatterm.errors import ChattermError
from chatterm.store import ConversationStore
from chatterm.tui.events import NoticeGiven
from chatterm.tui.foreign import one_line
from chatterm.tui.listing import WINDOW, ListFilter, read_list
from chatterm.tui.organiser import Organiser
from chatterm.tui.screens.dialogs import LineInput
from chatterm.tui.widgets.sidebar import Sidebar

_DEBOUNCE_S = 0.1


class ConversationsPanel(Vertical):
    """Reads the list in a thread, in windows. What is done to conversations is the organiser's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter by words and #tags", show=False, id="list.filter"),
        Binding("e", "rename", "Rename", show=False, id="list.rename"),
        Binding("t", "tags", "Tags", show=False, id="list.tags"),
        Binding("p", "pin", "Pin, or let go", show=False, id="list.pin"),
        Binding("a", "archive", "Archive, or bring back", show=False, id="list.archive"),
        Binding("h", "show_archived", "Show the archived ones, or hide them", show=False, id="list.archived"),
        Binding("d,delete", "delete", "Delete, after asking", show=False, id="list.delete"),
        Binding("ctrl+z", "undo", "Undo the last deletion", show=False, id="list.undo"),
        Binding("escape", "leave", "Drop the filter, or leave the list", show=False, id="list.leave"),
    ]

    def __init__(self, store: ConversationStore, organiser: Organiser) -> None:
        super().__init__()
        self._store = store
        self._organiser = organiser
        self._heading = Static(classes="heading")
        self._filter = LineInput(placeholder="words, #tag")
        self._sidebar = Sidebar()
        self._is_archive = False
        self._limit = WINDOW
        self._is_whole = True
        self._current_id: str | None = None

    def compose(self) -> ComposeResult:
        self._heading.display = self._filter.display = False
        yield self._heading
        yield self._filter
        yield self._sidebar

    def reload(self, current_id: str | None) -> None:
        """Read the list again, soon; `current_id` is the conversation on screen."""
        self._current_id = current_id
        if not self.has_focus_within:  # nobody is far down in it
            self._limit = WINDOW
        self._read_soon(0)

    def go_to_list(self) -> None:
        self._sidebar.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._limit = WINDOW
        self._read_soon(_DEBOUNCE_S)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go from the filter to what it found."""
        event.stop()
        self._sidebar.focus()
        if self._sidebar.highlighted_id is None:
            self._sidebar.action_first()

    def on_sidebar_end_neared(self, event: Sidebar.EndNeared) -> None:
        event.stop()
        if not self._is_whole:
            self._is_whole = True  # asked for once; reading tells anew
            self._limit += WINDOW
            self._read_soon(0)

    def action_filter(self) -> None:
        self._filter.display = True
        self._filter.focus()

    def action_leave(self) -> None:
        if not (self._filter.display or self._is_archive):
            self.run_worker(self.screen.run_action("back"))
            return
        self._is_archive = self._filter.display = self._heading.display = False
        self._filter.value = ""
        self._sidebar.focus()
        self._read_soon(0)

    def action_show_archived(self) -> None:
        self._is_archive = not self._is_archive
        self._heading.update(Content("Archived (h: back)"))
        self._heading.display = self._is_archive
        self._limit = WINDOW
        self._read_soon(0)

    def action_rename(self) -> None:
        if identity := self._sidebar.highlighted_id:
            self.run_worker(self._organiser.rename(identity))

    def action_tags(self) -> None:
        self.run_worker(self._organiser.edit_tags(self._sidebar.chosen_ids))

    def action_pin(self) -> None:
        self.run_worker(self._organiser.toggle_pin(self._sidebar.chosen_ids))

    def action_archive(self) -> None:
        self.run_worker(self._organiser.toggle_archive(self._sidebar.chosen_ids))

    def action_delete(self) -> None:
        self.run_worker(self._organiser.delete(self._sidebar.chosen_ids))

    def action_undo(self) -> None:
        self.run_worker(self._organiser.undo())

    @work(exclusive=True, group="list")
    async def _read_soon(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        wanted = ListFilter.parsed(self._filter.value, archived=self._is_archive)
        try:
            listed = await asyncio.to_thread(read_list, self._store, wanted, self._limit)
        except ChattermError as error:
            self.post_message(NoticeGiven(one_line(str(error))))
            return
        self._is_whole = listed.is_whole
        nothing = "Nothing yet" if wanted == ListFilter() else "Nothing found"
        self._sidebar.show(listed, self._current_id, nothing=nothing)
