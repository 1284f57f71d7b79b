"""ChipRow: what goes with the text, a line each, and how it is taken out again by key or mouse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from chatterm.tui.chips import Rider

_REMOVE = "✕ "


@dataclass
class RiderOpened(Message):
    """Someone wants to see what it is."""

    rider: Rider


@dataclass
class RiderRemoved(Message):
    """Something is to be taken out of the draft."""

    rider: Rider


class Chip(Static, can_focus=True):
    """One thing that goes with the text: a click on its ✕ takes it out, so do Delete and Backspace."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,backspace", "remove", "Take out", show=False, id="chip.remove"),
        Binding("enter", "look", "Show the document", show=False, id="chip.look"),
    ]

    def __init__(self, rider: Rider) -> None:
        super().__init__(Content(_REMOVE + rider.label))
        self._rider = rider

    def action_remove(self) -> None:
        self.post_message(RiderRemoved(self._rider))

    def action_look(self) -> None:
        self.post_message(RiderOpened(self._rider))

    def on_click(self, event: Click) -> None:
        event.stop()
        if event.x <= len(_REMOVE):
            self.action_remove()


class ChipRow(VerticalScroll, can_focus=False):
    """Hidden while it is empty."""

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._shown: Sequence[Rider] = ()

    def show(self, riders: Sequence[Rider]) -> None:
        if riders == self._shown:
            return
        self._shown = riders
        self.display = bool(riders)
        self.remove_children()
        self.mount_all([Chip(rider) for rider in riders])

    @property
    def last(self) -> Rider | None:
        return self._shown[-1] if self._shown else None
