"""PartsScreen: the parts that a document is read in, as they come: where each stands, and what it gave."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chatterm.sanitize import sanitize
from chatterm.store import ConversationStore
from chatterm.tasks.reading.words import progress_text
from chatterm.tui.calls import called
from chatterm.tui.foreign import one_line
from chatterm.tui.parts_state import PartsState
from chatterm.tui.screens.document import DocumentScreen
from chatterm.tui.sources import documents_above
from chatterm.tui.widgets.statement_list import Item, StatementList

_INTERVAL_S = 0.25
_ITEM_CHARS = 300
_MAX_TEXT = 8_000


class PartsScreen(ModalScreen[None]):
    """Follows a reading that goes on. Enter shows a part's lines in their document."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]  # noqa: RUF012  # Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back", show=False, id="parts.close"),
    ]

    def __init__(self, store: ConversationStore, parts: PartsState, message_id: str) -> None:
        """`message_id` is the question's, or its reply's."""
        super().__init__()
        self._store, self._parts, self._message_id = store, parts, message_id
        self._numbers: list[int] = []
        """Of the parts that are listed, in order."""
        self._items: dict[int, Item] = {}
        self._list = StatementList()
        self._state = Static(classes="state")
        self._detail = Static(classes="detail")

    def compose(self) -> ComposeResult:
        with Vertical(classes="whole"):
            yield self._state
            self._list.border_title = Content("Parts")
            yield self._list
            with VerticalScroll(classes="detail-box", can_focus=False):
                yield self._detail
            yield Static(Content("Enter: its lines   Esc: back"), classes="keys")

    def on_mount(self) -> None:
        self._list.focus()
        self._follow()
        self.set_interval(_INTERVAL_S, self._follow)

    def on_statement_list_highlighted(self, event: StatementList.Highlighted) -> None:
        event.stop()
        partial = self._parts.read[self._numbers[event.index]].partial
        text = f"failed: {partial.failure}" if partial.is_failed else partial.text
        self._detail.update(Content(sanitize(text[:_MAX_TEXT])))

    async def on_statement_list_chosen(self, event: StatementList.Chosen) -> None:
        event.stop()
        chunk = self._parts.read[self._numbers[event.index]].partial.chunk
        documents = await called(self, documents_above, self._store, self._message_id)
        if documents is None:
            return
        named = [one for one in documents if one.name == chunk.name]
        document = max(named, key=lambda one: chunk.text in one.text, default=None)  # names may be the same
        if document is None:
            self.notify("Its document is not in the store.", markup=False)
        else:
            self.app.push_screen(DocumentScreen(document, [(chunk.first_line, chunk.last_line)]))

    def action_close(self) -> None:
        self.dismiss()

    def _follow(self) -> None:
        parts = self._parts
        progress = parts.progress
        failed = f" · {parts.num_failed:,} failed" if parts.num_failed else ""
        told = progress_text(progress) if progress else "Nothing is read yet."
        if progress and progress.done >= progress.total:
            told = "1 part is read" if len(parts.read) == 1 else f"{len(parts.read):,} parts are read"
        self._state.update(Content(f"{told}{failed}"))
        if len(parts.read) != len(self._numbers):
            at = self._list.highlighted
            chosen = self._numbers[at] if at is not None else None
            self._numbers = sorted(parts.read)
            index = self._numbers.index(chosen) if chosen is not None else 0
            self._list.show(list(self._listed()), index)

    def _listed(self) -> Iterator[Item]:
        for number in self._numbers:
            if number not in self._items:
                self._items[number] = self._item(number)
            yield self._items[number]

    def _item(self, number: int) -> Item:
        partial = self._parts.read[number].partial
        chunk = partial.chunk
        titles = " > ".join(chunk.title_path)
        place = f"{chunk.name}, lines {chunk.first_line:,}-{chunk.last_line:,}"
        mark = "⚠" if partial.is_failed else "✓"
        said = f"failed: {partial.failure}" if partial.is_failed else partial.text.strip()
        where = " · ".join(filter(None, (place, titles)))
        return Item(f"{mark} {number:,} · {one_line(where, _ITEM_CHARS)}", one_line(said, _ITEM_CHARS))
