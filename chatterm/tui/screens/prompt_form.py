"""PromptForm: a field for each input of a prompt, with what is wrong beside it."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Paste
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static, TextArea

from chatterm.conversation import Document
from chatterm.documents.gather import read_all
from chatterm.errors import ChattermError
from chatterm.prompts import InputSpec, PromptTemplate
from chatterm.prompts.header import in_language
from chatterm.sanitize import sanitize
from chatterm.tui.drafts import Draft
from chatterm.tui.foreign import one_line
from chatterm.tui.prompt_filling import Chosen, Filling, chosen, fill_in
from chatterm.tui.screens.dialogs import LineInput
from chatterm.tui.transfer import path_of

_SHORT = 200
"""Texts of at most so many characters have a field of one line."""
_KINDS: Mapping[str, str] = {
    "int": "a whole number",
    "number": "a number",
    "list": "words by commas",
    "json": "JSON",
    "document": "a file",
}


class _Area(TextArea):
    """Several lines of text; Tab goes on to the next field."""

    async def _on_paste(self, event: Paste) -> None:
        event.stop()
        event.prevent_default()
        if result := self._replace_via_keyboard(sanitize(event.text), *self.selection):
            self.move_cursor(result.end_location)


class Field(Vertical):
    """An input of the prompt: its name and kind, where it is filled in, and what is wrong with that."""

    def __init__(self, spec: InputSpec, lang: str, *, given: str = "") -> None:
        """`given` says what the input has already, beside this field."""
        super().__init__(classes="field")
        self.spec = spec
        self._heading = _heading(spec, lang)
        self._given = given
        self._editor = _editor(spec)
        self._fault = Static(classes="fault", markup=False)

    def compose(self) -> ComposeResult:
        yield Static(Content(self._heading), classes="field-name")
        if self._given:
            yield Static(Content(sanitize(self._given)), classes="hint")
        yield self._editor
        yield self._fault

    def on_mount(self) -> None:
        self._fault.display = False

    @property
    def text(self) -> str:
        match self._editor:
            case Select(value=value):
                return value if isinstance(value, str) else ""
            case TextArea(text=text) | Input(value=text):
                return text
            case _:
                raise AssertionError("a field has one of these editors")

    def show_fault(self, text: str) -> None:
        """Say what is wrong, in words; empty: nothing is."""
        self._fault.update(Content(f"! {sanitize(text)}" if text else ""))
        self._fault.display = bool(text)

    def focus_editor(self) -> None:
        self._editor.focus()


def _heading(spec: InputSpec, lang: str) -> str:
    label = one_line(in_language(spec.label, lang) or spec.name, 80)
    kind = _KINDS.get(spec.type, "")
    is_needed = spec.is_required and spec.default is None
    need = "needed" if is_needed else "" if spec.default else "may stay empty"
    about = ", ".join(filter(None, (kind, need)))
    return f"{label}{' *' if is_needed else ''}{f'  ({about})' if about else ''}"


def _editor(spec: InputSpec) -> Widget:
    default = sanitize(spec.default or "")
    if spec.type in ("enum", "bool"):
        choices = spec.choices or ("true", "false")
        options = [(Content(one_line(choice, 60)), choice) for choice in choices]
        if spec.default in choices:
            return Select(options, value=spec.default, allow_blank=False, compact=True)
        return Select(options, prompt="–", compact=True)
    if spec.type == "text" and (spec.max_chars is None or spec.max_chars > _SHORT):
        return _Area(default, compact=True, highlight_cursor_line=False)
    return LineInput(default, placeholder="path of a file" if spec.type == "document" else "")


class PromptForm(ModalScreen[Chosen | None]):
    """Returns the draft that the prompt and its values make of the composer's; None where it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", show=False, id="form.close"),
        Binding("ctrl+s", "use", "Use it", show=False, id="form.use"),
    ]

    @dataclass
    class FileRead(Message):
        """What was named was read, or could not be."""

        documents: tuple[Document, ...]
        error: str = ""

    def __init__(self, template: PromptTemplate, draft: Draft, lang: str) -> None:
        super().__init__()
        self._template = template
        self._draft = draft
        self._lang = lang
        self._filling: Filling | None = None
        """While a file is being read."""
        self._fault = Static(classes="fault", markup=False)

    def compose(self) -> ComposeResult:
        header = self._template.header
        with VerticalScroll(id="prompt-form", classes="dialog", can_focus=False) as box:
            box.border_title = Content(
                one_line(in_language(header.title, self._lang) or self._template.id, 60)
            )
            box.border_subtitle = Content("Tab goes on · Ctrl+S uses it · Esc goes back")
            yield Static(Content(sanitize(in_language(header.purpose, self._lang))), classes="hint")
            yield from (Field(spec, self._lang, given=self._given(spec)) for spec in header.inputs)
            yield self._fault
            with Horizontal(classes="buttons"):
                yield Button("Use it", id="use", variant="primary", compact=True)

    def on_mount(self) -> None:
        self._fault.display = False
        fields = list(self.query(Field))
        if fields:
            fields[0].focus_editor()
        else:
            self.query_one("#use").focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_use()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_use()

    def action_use(self) -> None:
        """Take the values as they are, or say what is wrong with them."""
        if self._filling is not None:
            return
        fields = list(self.query(Field))
        filling = fill_in(self._template, {one.spec.name: one.text for one in fields}, self._draft)
        self._show_faults(filling.errors)
        if filling.errors:
            return
        path = next((one.text.strip() for one in fields if one.spec.type == "document"), "")
        self._filling = filling
        if path:
            threading.Thread(target=self._read, args=(path,), daemon=True).start()
        else:
            self._finish(filling, ())

    def on_prompt_form_file_read(self, event: FileRead) -> None:
        filling, self._filling = self._filling, None
        if event.documents and filling is not None:
            self._finish(filling, event.documents)
        else:
            document = self._template.header.document_input
            self._show_faults({document.name: event.error} if document else {})

    def action_close(self) -> None:
        self.dismiss(None)

    def _finish(self, filling: Filling, documents: tuple[Document, ...]) -> None:
        self.dismiss(chosen(self._template, filling, self._draft, documents))

    def _given(self, spec: InputSpec) -> str:
        if spec.type == "document" and self._draft.documents:
            return f"attached: {', '.join(one_line(one.name, 60) for one in self._draft.documents)}"
        return ""

    def _show_faults(self, errors: Mapping[str, str]) -> None:
        """Show each beside its field, the rest below, and go to the first."""
        for field in self.query(Field):
            field.show_fault(errors.get(field.spec.name, ""))
        self._fault.update(Content(f"! {sanitize(errors.get('', ''))}"))
        self._fault.display = "" in errors
        for field in self._faulty(errors):
            field.focus_editor()
            field.scroll_visible(animate=False)
            break

    def _faulty(self, errors: Mapping[str, str]) -> Iterator[Field]:
        return (field for field in self.query(Field) if field.spec.name in errors)

    def _read(self, path: str) -> None:
        """Runs in a thread."""
        try:
            documents = read_all([path_of(path)])
        except ChattermError as error:
            self.post_message(self.FileRead((), str(error)))
        else:
            self.post_message(self.FileRead(documents))
