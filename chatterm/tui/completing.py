"""Completing: which suggestions stand above the composer, and what becomes of the one that is chosen."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from chatterm.documents.folders import is_folder
from chatterm.engine.option_names import SAMPLING_OPTIONS
from chatterm.tui.commands import COMMANDS
from chatterm.tui.completion import (
    Suggestion,
    Trigger,
    command_suggestions,
    file_suggestions,
    folder_suggestion,
    option_suggestions,
    trigger_at,
)
from chatterm.tui.file_walk import files_below
from chatterm.tui.widgets.completion_list import CompletionList
from chatterm.tui.widgets.composer import Composer

_FRESH_S = 10.0
"""So long the list of files is used before the folder is walked again."""


@dataclass
class FileChosen(Message):
    """A file is to be attached: its path below the folder."""

    name: str


class Completing:
    """Fills the list from what stands before the cursor. Its methods are for the app's thread."""

    def __init__(self, composer: Composer, shown: CompletionList, folder: Path) -> None:
        self._composer = composer
        self._list = shown
        self._folder = folder
        self._files: Sequence[str] = ()
        self._walked_s = float("-inf")
        self._is_walking = False
        self._last: Trigger | None = None
        self._is_dismissed = False
        """The user wants no suggestions for this word."""

    @property
    def trigger(self) -> Trigger | None:
        row, column = self._composer.cursor_location
        return trigger_at(self._composer.document[row], column, is_first_line=row == 0)

    def update(self) -> None:
        """Show what suits the text before the cursor, where that is another than before."""
        trigger = self.trigger
        if trigger == self._last:
            return
        if not (trigger and self._last and trigger.start == self._last.start):
            self._is_dismissed = False
        self._last = trigger
        self._show()

    def take_key(self, key: str) -> bool:
        """Act on a key while the list is open; return whether nothing else should."""
        chosen = self._list.chosen
        if not self._list.is_open or chosen is None:
            return False
        match key:
            case "up" | "down":
                self._list.move(1 if key == "down" else -1)
            case "escape":
                self._is_dismissed = True
                self._list.hide()
            case "tab":
                self.accept(chosen)
            case "enter":
                return self._enter(chosen)
            case _:
                return False
        return True

    def accept(self, chosen: Suggestion) -> None:
        """Put `chosen` in place of the word; a file is taken out of the text and posted as FileChosen."""
        trigger = self.trigger
        if trigger is None:
            return
        if trigger.kind == "attached":
            self._composer.replace_before(trigger.start, "")
            self._composer.post_message(FileChosen(chosen.value))
        else:
            self._composer.replace_before(trigger.start, f"{chosen.value} ")
        self._list.hide()

    def _enter(self, chosen: Suggestion) -> bool:
        """Accept, but let Enter send what is a whole command already."""
        trigger = self.trigger
        if trigger and trigger.kind == "command":
            command = next(one for one in COMMANDS if f"/{one.name}" == chosen.value)
            if trigger.word == command.name or command.taking == "nothing":
                self._composer.replace_before(trigger.start, chosen.value)
                self._list.hide()
                return False
        self.accept(chosen)
        return True

    def _show(self) -> None:
        trigger = self._last
        if trigger is None or self._is_dismissed:
            self._list.hide()
            return
        if trigger.kind == "attached":
            self._walk_if_old()
        self._list.show(self._suggestions(trigger))

    def _suggestions(self, trigger: Trigger) -> list[Suggestion]:
        match trigger.kind:
            case "command":
                return command_suggestions(trigger.word)
            case "option":
                return option_suggestions(trigger.word, SAMPLING_OPTIONS)
            case "attached":
                found = file_suggestions(trigger.word, self._files)
                is_whole = trigger.word and is_folder(self._folder / Path(trigger.word))
                return [folder_suggestion(trigger.word), *found] if is_whole else found

    def _walk_if_old(self) -> None:
        """Walk the folder in a daemon thread: a slow disk must not keep the app from leaving."""
        if not self._is_walking and time.monotonic() - self._walked_s > _FRESH_S:
            self._is_walking = True
            threading.Thread(target=self._walk, daemon=True).start()

    def _walk(self) -> None:
        self._composer.call_later(self._found, files_below(self._folder))

    def _found(self, files: Sequence[str]) -> None:
        self._files = files
        self._walked_s = time.monotonic()
        self._is_walking = False
        self._show()
