"""SearchScreen: finds words in all conversations while they are typed, and returns the message to go to."""

import asyncio
from datetime import datetime
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize_line
from chatterm.store import ConversationStore, SearchHit
from chatterm.tui.foreign import one_line, title_line
from chatterm.tui.screens.dialogs import LineInput

MAX_HITS = 50
"""Titles, and as many messages."""

_DEBOUNCE_S = 0.12
_TITLE_CHARS = 60
_HINT = 'All words must occur; "in double quotes": as a phrase.'
_SPEAKERS = {"user": "You", "assistant": "Assistant", "system": "System"}


class SearchScreen(ModalScreen[SearchHit | None]):
    """The input keeps the focus: Up and Down walk the results, Enter goes there, Esc leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+f", "leave", "Leave the search", show=False, priority=True, id="search.leave"),
        Binding("down", "move('cursor_down')", "Next result", show=False, id="search.next"),
        Binding("up", "move('cursor_up')", "Previous result", show=False, id="search.previous"),
        Binding("pagedown", "move('page_down')", "A page down", show=False, id="search.page_down"),
        Binding("pageup", "move('page_up')", "A page up", show=False, id="search.page_up"),
    ]

    def __init__(self, store: ConversationStore, text: str = "") -> None:
        super().__init__()
        self._store = store
        self._input = LineInput(text, placeholder="Search all conversations")
        self._results = OptionList(markup=False, compact=True)
        self._state = Static(Content(_HINT), classes="hint")
        self._hits: list[SearchHit] = []
        self._found_for: str | None = None
        """What the results belong to."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as box:
            box.border_title = "Search"
            box.border_subtitle = "Enter goes there, Esc leaves"
            yield self._input
            yield self._state
            yield self._results

    def on_mount(self) -> None:
        self._results.can_focus = False
        self._input.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._search_soon(event.value)

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the chosen result; who is faster than the search waits for it."""
        event.stop()
        if self._found_for != event.value:
            self.workers.cancel_node(self)
            await self._search(event.value)
        self._choose(self._results.highlighted)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(event.option_index)

    def action_move(self, how: str) -> None:
        getattr(self._results, f"action_{how}")()

    def action_leave(self) -> None:
        self.dismiss(None)

    def _choose(self, index: int | None) -> None:
        if index is not None and index < len(self._hits):
            self.dismiss(self._hits[index])

    @work(exclusive=True)
    async def _search_soon(self, text: str) -> None:
        """A newer search cancels this one, so that stale results are never shown."""
        await asyncio.sleep(_DEBOUNCE_S)
        await self._search(text)

    async def _search(self, text: str) -> None:
        try:
            hits = await asyncio.to_thread(self._store.search, text, limit=MAX_HITS)
        except ChattermError as error:
            self._state.update(Content(f"! {one_line(str(error))}"))
            return
        self._hits, self._found_for = hits, text
        self._results.set_options(Option(hit_content(hit)) for hit in hits)
        self._results.highlighted = 0 if hits else None
        self._state.update(Content(_state(text, len(hits))))


def hit_content(hit: SearchHit) -> Content:
    """Return the two lines of a result: where it is, and the words around what was found."""
    day = datetime.fromisoformat(hit.created).astimezone().date().isoformat()
    who = _SPEAKERS[hit.role] if hit.role else "Title"
    title = title_line(hit.title, _TITLE_CHARS)
    snippet = [(sanitize_line(part.text), "bold underline" if part.is_match else "") for part in hit.snippet]
    return Content.assemble((title, "bold"), f"  {who}, {day}", "\n  ", *snippet)


def _state(text: str, num_hits: int) -> str:
    if not text.strip():
        return _HINT
    if not num_hits:
        return "Nothing found."
    return f"{num_hits} found" if num_hits < MAX_HITS else f"{num_hits} found, maybe more: add a word"
