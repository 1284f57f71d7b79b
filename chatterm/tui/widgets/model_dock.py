"""ModelDock: brings another model into use, and shows in one line how far its fetch is.

The app stays usable while a model is fetched. The fetch is iterated in a daemon thread; stopping it leaves
nothing half-fetched behind. A reply that runs is ended by the model that began it: the change waits.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from chatterm.conversation import ModelCard
from chatterm.engine.base import CancelToken
from chatterm.engine.registry import ECHO, EchoModel
from chatterm.errors import ChattermError
from chatterm.models.catalogue import CatalogueEntry
from chatterm.models.discovery import ModelFile
from chatterm.models.progress import PullProgress
from chatterm.sanitize import sanitize_line
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.parts import AppParts

if TYPE_CHECKING:
    from chatterm.tasks.model_shelf import AnyModel, ModelShelf

logger = logging.getLogger(__name__)

NO_MODELS = "there are no models to choose from here"
_BAR_CELLS = 20
_FETCH_ENDS_S = 1.0
"""So long leaving the app waits for a fetch to end."""


def progress_text(entry: CatalogueEntry, step: PullProgress) -> str:
    """Say how far a fetch is, in one line."""
    if step.stage == "waiting":
        return f"{entry.name}: waiting for another chatterm that fetches it · Esc stops waiting"
    share = step.done / step.total if step.total else 0.0
    filled = round(share * _BAR_CELLS)
    bar = "█" * filled + "░" * (_BAR_CELLS - filled)
    size = f"{step.done / 1e6:,.0f} of {step.total / 1e6:,.0f} MB"
    return f"{step.stage} {entry.name} {bar} {share:4.0%} {size} · Esc stops"


def _name(model: ModelFile | EchoModel) -> str:
    return ECHO if isinstance(model, EchoModel) else sanitize_line(model.name)


class ModelDock(Static):
    """Posts Switched once another model is in use, and Failed where one cannot be. One fetch at a time."""

    @dataclass
    class Switched(Message):
        """The next question goes to this model, which is being opened."""

        name: str

    @dataclass
    class Failed(Message):
        """Why a model cannot be used."""

        error: str

    @dataclass
    class Found(Message):
        """What a name stands for."""

        model: "AnyModel"

    @dataclass
    class FetchMoved(Message):
        """The fetch went on."""

        entry: CatalogueEntry
        step: PullProgress

    @dataclass
    class FetchOver(Message):
        """The fetch ended."""

        entry: CatalogueEntry
        error: str | None
        """None: it is here."""
        is_stopped: bool = False

    def __init__(self, parts: AppParts, slot: EngineSlot, is_replying: Callable[[], bool]) -> None:
        super().__init__(markup=False, classes="model-dock")
        self._parts = parts
        self._slot = slot
        self._is_replying = is_replying
        self._waiting: ModelFile | EchoModel | None = None
        """Chosen while a reply ran."""
        self._cancel: CancelToken | None = None
        """Of the fetch that runs."""
        self._fetching: threading.Thread | None = None
        self.current = parts.model_name
        """The name of the model in use."""
        self.card: ModelCard | None = None
        """Of the engine in use, once it is open."""
        self.display = False

    @property
    def shelf(self) -> "ModelShelf | None":
        """What can be chosen; None where the app was given nothing to choose from."""
        return self._parts.models if self._parts.open_model else None

    def pick(self, name: str = "") -> None:
        """Let one be picked, or use the one called `name`, which is looked up in a thread."""
        shelf = self.shelf
        if shelf is None:
            self.post_message(self.Failed(NO_MODELS))
        elif name:
            threading.Thread(target=self._find, args=(shelf, name), daemon=True).start()
        else:
            from chatterm.tui.screens.model_picker import ModelPicker

            self.app.push_screen(ModelPicker(shelf, self.current), self._picked)

    def _picked(self, model: "ModelFile | CatalogueEntry | None") -> None:
        if model is not None:
            self.choose(model)

    def choose(self, model: "AnyModel") -> None:
        """Use a model, fetched first where it is not here."""
        if not isinstance(model, CatalogueEntry):
            self._waiting = model
            if self._is_replying():
                self.notify(f"{_name(model)} is used once what is asked is answered", markup=False)
            self.settle()
        elif self._cancel:
            self.post_message(self.Failed("a model is being fetched already; Esc stops that"))
        elif shelf := self.shelf:
            self._cancel = CancelToken()
            self._show(f"fetching {model.title} ({model.size / 1e6:,.0f} MB, {model.licence})…")
            self._fetching = threading.Thread(
                target=self._fetch, args=(shelf, model, self._cancel), daemon=True
            )
            self._fetching.start()

    def settle(self) -> None:
        """Bring a chosen model into use, unless a reply runs; to be called again when that is over."""
        model, open_model = self._waiting, self._parts.open_model
        if model is None or open_model is None or self._is_replying():
            return
        self._waiting = None
        self.current, self.card = _name(model), None
        # Straight to the screen: it must come before what the slot tells of the opening.
        self.screen.post_message(self.Switched(self.current))
        self._slot.replace(lambda: open_model(model))

    def stop_fetch(self) -> bool:
        """Stop the fetch that runs; return whether there was one."""
        if self._cancel is None:
            return False
        self._cancel.cancel()
        self._show("stopping the fetch…")
        return True

    def on_unmount(self) -> None:
        """End a fetch that runs: its process would outlive the app."""
        if self._cancel and self._fetching:
            self._cancel.cancel()
            self._fetching.join(_FETCH_ENDS_S)

    def on_model_dock_fetch_moved(self, event: FetchMoved) -> None:
        event.stop()
        if self._cancel and not self._cancel.is_cancelled:
            self._show(progress_text(event.entry, event.step))

    def on_model_dock_fetch_over(self, event: FetchOver) -> None:
        event.stop()
        self._cancel = None
        self.display = False
        if event.is_stopped:
            self.notify(f"fetching {event.entry.name} was stopped; nothing of it is kept", markup=False)
        elif event.error:
            self.post_message(self.Failed(event.error))
        else:
            self.pick(event.entry.name)

    def _show(self, text: str) -> None:
        self.update(Content(sanitize_line(text)))
        self.display = True

    def _find(self, shelf: "ModelShelf", name: str) -> None:
        """Runs in a thread."""
        try:
            self.post_message(self.Found(shelf.find(name)))
        except ChattermError as error:
            self.post_message(self.Failed(str(error)))

    def on_model_dock_found(self, event: Found) -> None:
        event.stop()
        self.choose(event.model)

    def _fetch(self, shelf: "ModelShelf", entry: CatalogueEntry, cancel: CancelToken) -> None:
        """Runs in a thread."""
        over = self.FetchOver(entry, None)
        try:
            with closing(shelf.fetch(entry)) as steps:
                for step in steps:
                    if cancel.is_cancelled:
                        over = self.FetchOver(entry, None, is_stopped=True)
                        break
                    self.post_message(self.FetchMoved(entry, step))
        except ChattermError as error:
            over = self.FetchOver(entry, str(error))
        except Exception as error:  # noqa: BLE001  # whatever a fetch runs into, the app lives on
            logger.error("a fetch failed: %s", type(error).__name__)
            over = self.FetchOver(
                entry, f"{entry.name} could not be fetched: {type(error).__name__}: {error}"
            )
        self.post_message(over)
