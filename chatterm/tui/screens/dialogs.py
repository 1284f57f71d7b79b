"""Small questions over the screen: for a line of text, and for a yes or no. All text in them is foreign."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Paste
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize, sanitize_line
from chatterm.tui.foreign import one_line


class LineInput(Input):
    """One line of text; what is pasted into it is sanitised."""

    def __init__(self, value: str = "", *, placeholder: str = "", max_length: int = 2_000) -> None:
        super().__init__(sanitize_line(value)[:max_length], placeholder=placeholder, max_length=max_length)

    def _on_paste(self, event: Paste) -> None:
        event.stop()
        event.prevent_default()
        self.replace(sanitize_line(event.text.strip())[: self.max_length], *self.selection)


class LineDialog(ModalScreen[str | None]):
    """Asks for one line. Returns it, or None where it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss_dialog", "Leave it as it is", show=False, id="dialog.leave"),
    ]

    def __init__(
        self, title: str, value: str = "", *, hint: str = "", check: Callable[[str], object] | None = None
    ) -> None:
        """`check` raises ChattermError for a value that will not do; its message is shown."""
        super().__init__()
        self._title, self._hint, self._check = title, hint, check
        self._input = LineInput(value)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(one_line(self._title))
            box.border_subtitle = Content("Enter keeps it, Esc leaves it")
            yield self._input
            yield Static(Content(sanitize(self._hint)), classes="hint")
            yield Static(classes="fault")

    def on_mount(self) -> None:
        self.query_one(".hint").display = bool(self._hint)
        self.query_one(".fault").display = False
        self._input.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            if self._check:
                self._check(event.value)
        except ChattermError as error:
            fault = self.query_one(".fault", Static)
            fault.update(Content(f"! {sanitize(str(error))}"))
            fault.display = True
        else:
            self.dismiss(event.value)

    def action_dismiss_dialog(self) -> None:
        self.dismiss(None)


class ConfirmDialog(ModalScreen[bool]):
    """Asks whether something is to be done. Only y or Enter says yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "Yes", show=False, id="dialog.yes"),
        Binding("n,escape", "answer(False)", "No", show=False, id="dialog.no"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(one_line(self._title))
            box.border_subtitle = Content("Enter or y: yes   Esc or n: no")
            yield Static(Content(sanitize(self._text)))

    def action_answer(self, is_yes: bool) -> None:
        self.dismiss(is_yes)
