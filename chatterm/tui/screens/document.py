"""DocumentScreen: a document as it was read, with the lines that something rests on marked."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chatterm.conversation import Document
from chatterm.tui.chips import size_of
from chatterm.tui.foreign import one_line
from chatterm.tui.widgets.document_view import DocumentView, Lines


class DocumentScreen(ModalScreen[None]):
    """Shown over what asked for it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back", show=False, id="document.close")
    ]

    def __init__(self, document: Document, marked: Sequence[Lines] = (), *, told: str = "") -> None:
        """`told` is what rests on the marked lines."""
        super().__init__()
        self._document = document
        self._told = told
        self._view = DocumentView(document, marked)
        self._has_places = len(marked) > 1

    def compose(self) -> ComposeResult:
        with Vertical(classes="whole"):
            self._view.border_title = Content(f"{one_line(self._document.name)} · {size_of(self._document)}")
            yield self._view
            if self._told:
                yield Static(Content(one_line(self._told)), classes="told")
            walk = "   n and p: the other places" if self._has_places else ""
            yield Static(Content(f"Esc: back{walk}"), classes="keys")

    def on_mount(self) -> None:
        self._view.focus()

    def action_close(self) -> None:
        self.dismiss()
