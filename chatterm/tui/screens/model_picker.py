"""ModelPicker: the models that are here and those that can be fetched, with what each is and whether it fits.

All that a file says of itself is foreign text: one line, and never markup.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from chatterm.models.catalogue import CatalogueEntry
from chatterm.models.discovery import ModelFile
from chatterm.models.fit import said
from chatterm.sanitize import sanitize
from chatterm.tasks.model_facts import Fits, ModelFacts
from chatterm.tasks.model_shelf import ModelShelf
from chatterm.tui.foreign import fitted, one_line

Choice = ModelFile | CatalogueEntry

_FIT_WORDS: Mapping[Fits, str] = {
    "yes": "✓ fits",
    "shorter": "~ fits, shorter",
    "no": "✗ too big",
    "unknown": "? unknown",
}
_NAME_CELLS, _STATE_CELLS, _SIZE_CELLS, _TYPE_CELLS = 24, 12, 9, 7


def row_text(model: Choice, facts: ModelFacts | None, *, is_current: bool) -> str:
    """Return the line of a model; `facts` are None until they are read."""
    state = "in use" if is_current else "to fetch" if isinstance(model, CatalogueEntry) else "here"
    fit = "…" if facts is None else "✗ cannot run" if facts.problem else _FIT_WORDS[facts.fit.verdict]
    cells = (
        (model.name, _NAME_CELLS),
        (state, _STATE_CELLS),
        (_size_text(model), _SIZE_CELLS),
        ((facts.quantisation if facts else None) or "", _TYPE_CELLS),
        (fit, 16),
    )
    return " ".join(fitted(one_line(text), width) for text, width in cells).rstrip()


def _size_text(model: Choice) -> str:
    try:
        size = model.size
    except OSError:
        return "gone"
    return said(size) if size >= 10**6 else f"{size / 1e3:,.0f} KB"


def detail_lines(model: Choice, facts: ModelFacts | None) -> list[str]:
    """Return what the highlighted model is, a line a fact; what is not known is left out."""
    if facts is None:
        return [model.name, "reading…"]
    where = f"from the {model.source}" if isinstance(model, CatalogueEntry) else str(model.path)
    parameters = facts.num_parameters
    about = [
        f"{parameters / 1e6:,.0f} M parameters" if parameters is not None else "",
        f"context {facts.context_length:,} tokens" if facts.context_length is not None else "",
        facts.architecture or "",
    ]
    lines = [
        facts.title or model.name,
        " · ".join(filter(None, about)),
        f"licence {facts.licence or 'not told'} · languages {', '.join(facts.languages) or 'not told'}",
        where,
        f"cannot be run: {facts.problem}" if facts.problem else f"memory: {facts.fit.text}",
    ]
    return [one_line(line) for line in lines if line]


class ModelPicker(ModalScreen[Choice | None]):
    """Returns the model that was chosen; None for none. A model that cannot be run is not chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+o", "close", "Close", show=False, id="models.close")
    ]

    @dataclass
    class FactsRead(Message):
        """The header of the model of this row was read."""

        row: int
        facts: ModelFacts

    @dataclass
    class Listed(Message):
        """The models folder was read."""

        models: Sequence[Choice]
        error: str = ""

    def __init__(self, shelf: ModelShelf, current: str) -> None:
        """`current` is the name of the model in use."""
        super().__init__()
        self._shelf = shelf
        self._current = current
        self._models: Sequence[Choice] = ()
        self._facts: dict[int, ModelFacts] = {}
        self._list = OptionList(markup=False, compact=True, id="models")
        self._detail = Static(id="model-detail", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="model-box", classes="dialog") as box:
            box.border_title = Content(f"Models · {one_line(self._current, 40)} is in use")
            box.border_subtitle = "Enter uses it · Esc closes"
            yield self._list
            yield self._detail

    def on_mount(self) -> None:
        self._list.focus()
        self._detail.update(Content("reading the models folder…"))
        # Daemons: a file on a drive that hangs must not keep the app from leaving.
        threading.Thread(target=self._read, daemon=True).start()

    def on_model_picker_listed(self, event: Listed) -> None:
        if event.error:
            self._detail.update(Content(sanitize(event.error)))
            return
        self._models = event.models
        self._list.clear_options()
        self._list.add_options(Option(self._row(row)) for row in range(len(self._models)))
        names = [model.name for model in self._models]
        self._list.highlighted = (
            names.index(self._current) if self._current in names else 0 if names else None
        )
        if not names:
            self._detail.update(Content("There are no models here, and the catalogue has none."))

    def on_model_picker_facts_read(self, event: FactsRead) -> None:
        self._facts[event.row] = event.facts
        self._list.replace_option_prompt_at_index(event.row, self._row(event.row))
        if self._list.highlighted == event.row:
            self._show_detail(event.row)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._show_detail(event.option_index)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        facts = self._facts.get(event.option_index)
        if facts and facts.problem:
            self.notify(sanitize(facts.problem), title="It cannot be run", markup=False, severity="error")
        else:
            self.dismiss(self._models[event.option_index])

    def action_close(self) -> None:
        self.dismiss(None)

    def _row(self, row: int) -> Content:
        model = self._models[row]
        return Content(row_text(model, self._facts.get(row), is_current=model.name == self._current))

    def _show_detail(self, row: int) -> None:
        first, *rest = detail_lines(self._models[row], self._facts.get(row))
        self._detail.update(Content.assemble((first, "bold"), "\n", "\n".join(rest)))

    def _read(self) -> None:
        """Post what there is, then what each one is. Runs in a thread; it touches no widget."""
        try:
            models = self._shelf.all()
        except OSError as error:
            text = f"{self._shelf.folder} cannot be read: {error.strerror or error}; mend its permissions"
            self.post_message(self.Listed((), text))
            return
        self.post_message(self.Listed(models))
        for row, model in enumerate(models):
            if not self.is_attached:
                return
            self.post_message(self.FactsRead(row, self._shelf.facts(model)))
