"""What may be completed where the cursor is, and with what. Pure: it knows no widget and reads no folder."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from chatterm.sanitize import sanitize_line
from chatterm.tui.closeness import closeness
from chatterm.tui.commands import COMMANDS

Kind = Literal["command", "option", "attached"]

MAX_SHOWN = 50
"""So many suggestions are listed, the best first."""

_COMMAND = re.compile(r"/(?P<word>\w*)")
_OPTION = re.compile(r"/set +(?P<word>\w*)")
_FILE = re.compile(r"/file +(?P<word>.*)")
_AT = re.compile(r"(?:.*\s)?@(?P<word>\S*)")


@dataclass(frozen=True, slots=True)
class Trigger:
    """A word before the cursor that can be completed."""

    kind: Kind
    word: str
    start: int
    """Column of what a suggestion replaces, up to the cursor."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line of the list."""

    value: str
    """What is put in place of the word; for `attached` the path of a file."""
    label: str
    detail: str = ""


def trigger_at(line: str, column: int, *, is_first_line: bool) -> Trigger | None:
    """Return what can be completed in `line` before `column`; commands stand on the first line alone."""
    before = line[:column]
    if is_first_line:
        if found := _COMMAND.fullmatch(before):
            return Trigger("command", found["word"], 0)
        if found := _OPTION.fullmatch(before):
            return Trigger("option", found["word"], found.start("word"))
        if found := _FILE.fullmatch(before):
            return Trigger("attached", found["word"], 0)
    if (found := _AT.fullmatch(before[-200:])) and "@" in before:
        return Trigger("attached", found["word"], column - len(found["word"]) - 1)
    return None


def command_suggestions(word: str) -> list[Suggestion]:
    """Return the commands whose names begin with `word`."""
    found = [one for one in COMMANDS if one.name.startswith(word)]
    return [Suggestion(f"/{one.name}", one.usage, one.help) for one in found]


def option_suggestions(word: str, options: Iterable[str]) -> list[Suggestion]:
    return [Suggestion(one, one) for one in options if one.startswith(word)]


def file_suggestions(word: str, names: Sequence[str]) -> list[Suggestion]:
    """Return the names in which the letters of `word` stand in their order, the best match first."""
    return [Suggestion(name, sanitize_line(name)) for name in fuzzy(word, names)]


def folder_suggestion(word: str) -> Suggestion:
    """Offer all files of the folder that `word` names."""
    return Suggestion(word, f"{sanitize_line(word).rstrip('/')}/ · all files in it")


def fuzzy(word: str, names: Sequence[str]) -> list[str]:
    """Rank `names` by how close the letters of `word` stand in them; without one, the first as they are."""
    if not word:
        return list(names[:MAX_SHOWN])
    wanted = word.casefold()
    scored = ((closeness(wanted, name.casefold()), name) for name in names)
    found = sorted((-score, len(name), name) for score, name in scored if score > 0)
    return [name for _, _, name in found[:MAX_SHOWN]]
