"""What every key does, read from the bindings themselves; and their remapping by the `[keys]` of config.toml.

An action is known by the id of its binding, `screen.thing`. The help, the palette and the settings show what
is found here, so none of them can tell of a key that does something else.
"""

import importlib
import pkgutil
import re
import string
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key

from chatterm.errors import UnknownName, UsageError

ANYWHERE = "Anywhere"

_AREAS: Mapping[str, str] = {
    "ChattermApp": ANYWHERE,
    "ChatScreen": ANYWHERE,
    "ConversationsScreen": ANYWHERE,
    "MessagesScreen": ANYWHERE,
    "Composer": "Composer",
    "Chip": "Composer",
    "Transcript": "Messages",
    "ConversationsPanel": "Conversations",
    "Sidebar": "Conversations",
    "SearchScreen": "Search",
    "LibraryScreen": "Prompt library",
    "PromptForm": "Prompt form",
    "_Filter": "Prompt library",
    "ModelPicker": "Model picker",
    "SourcesScreen": "Sources",
    "StatementList": "Sources",
    "PartsScreen": "Sources",
    "DocumentScreen": "Document",
    "DocumentView": "Document",
    "SettingsScreen": "Settings",
    "HelpScreen": "Help",
    "LineDialog": "Dialogs",
    "ConfirmDialog": "Dialogs",
    "ContextDialog": "Dialogs",
}
"""By class, what its keys are listed under, in this order; other classes follow under their own names."""

_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMES = {
    "escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "delete": "Del", "space": "Space", "up": "Up",
    "down": "Down", "left": "Left", "right": "Right", "enter": "Enter", "tab": "Tab", "home": "Home",
    "end": "End", "backspace": "Backspace", "insert": "Ins", "question_mark": "?", "slash": "/", "comma": ",",
    "full_stop": ".", "minus": "-", "plus": "+", "underscore": "_",
}  # fmt: skip
_RENAMED = {"messages.findings": "messages.sources"}
"""Ids that a config.toml may still have, and what they are called."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that keys do."""

    id: str | None
    """None: its keys cannot be changed."""
    name: str
    """Of the Textual action."""
    area: str
    owner: str
    """The class that has the binding."""
    keys: tuple[str, ...]
    """By Textual's names."""
    meaning: str

    @property
    def shown_keys(self) -> str:
        return " or ".join(map(key_name, self.keys))


def actions(keymap: Mapping[str, str] | None = None) -> list[Action]:
    """Return every action of the app with its keys, by area: those of `keymap`, else its own."""
    found = [replace(one, keys=_keys_in(keymap or {}, one)) for one in _own_actions()]
    order = list(dict.fromkeys(_AREAS.values()))
    return sorted(found, key=lambda one: order.index(one.area) if one.area in order else len(order))


def checked_keymap(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return `wanted` as Textual takes it. Raises UnknownName for an action or a key there is not."""
    known = {one.id for one in _own_actions() if one.id}
    for identity, keys in wanted.items():
        if identity not in known:
            meant = [_RENAMED[identity]] if identity in _RENAMED else known
            raise UnknownName(
                "action for a key", identity, meant, "([keys] in config.toml); the settings list them"
            )
        for key in keys.split(","):
            check_key(key.strip(), identity)
    return {identity: ",".join(map(_long_name, keys.split(","))) for identity, keys in wanted.items()}


def check_key(key: str, identity: str) -> None:
    """Raise UsageError for no key, UnknownName for one that no terminal has."""
    if not key:
        raise UsageError(f"no key is given for {identity}; write one as Textual does, such as ctrl+g or f5")
    *modifiers, base = key.split("+") if key != "+" else [key]
    if set(modifiers) <= _MODIFIERS and (len(base) == 1 or base in _base_names()):
        return
    raise UnknownName("key", key, _base_names(), f"(for {identity}); such as ctrl+g, f5 or alt+up")


def clashes(keymap: Mapping[str, str]) -> list[str]:
    """Return, for each remapped key that does something else in the same place too, a sentence."""
    told: list[str] = []
    everything = actions(keymap)
    for one in everything:
        if one.id not in keymap:
            continue
        for other in everything:
            shared = set(one.keys) & set(other.keys)
            if other != one and shared and {one.area, other.area} <= {one.area, ANYWHERE}:
                keys = ", ".join(map(key_name, sorted(shared)))
                told.append(f"{keys} is set for {one.id}, and is {other.id or other.meaning} too")
    return told


def key_name(key: str) -> str:
    """Return how a key is written for people: `ctrl+n` is Ctrl+N, `question_mark` is ?."""
    *modifiers, base = key.split("+") if key != "+" else [key]
    shown = _NAMES.get(base) or (base if len(base) == 1 and not modifiers else base.capitalize())
    if len(base) > 1 and base not in _NAMES:
        try:
            shown = unicodedata.lookup(base.replace("_", " "))
        except KeyError:
            shown = base.capitalize()
    return "+".join([*(modifier.capitalize() for modifier in modifiers), shown])


def _keys_in(keymap: Mapping[str, str], one: Action) -> tuple[str, ...]:
    wanted = keymap.get(one.id) if one.id else None
    return tuple(map(_long_name, wanted.split(","))) if wanted else one.keys


def _long_name(key: str) -> str:
    key = key.strip()
    return _character_to_key(key) if len(key) == 1 else key


@cache
def _own_actions() -> Sequence[Action]:
    _import_all()
    classes = sorted(set(_subclasses(DOMNode)), key=_place)
    return [action for owner in classes for action in _actions_of(owner)]


def _place(owner: type[DOMNode]) -> tuple[int, str]:
    names = list(_AREAS)
    return names.index(owner.__name__) if owner.__name__ in names else len(names), owner.__name__


def _actions_of(owner: type[DOMNode]) -> Iterator[Action]:
    area = _AREAS.get(owner.__name__) or re.sub(r"(?<!^)(?=[A-Z])", " ", owner.__name__).capitalize()
    for binding in vars(owner).get("BINDINGS", ()):
        if isinstance(binding, Binding) and binding.description:
            keys = tuple(_long_name(key) for key in binding.key.split(","))
            yield Action(binding.id, binding.action, area, owner.__name__, keys, binding.description)


def _subclasses(root: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for one in root.__subclasses__():
        if one.__module__.startswith("chatterm."):
            yield one
        yield from _subclasses(one)


def _import_all() -> None:
    """Import every module of the app: a screen that was not opened yet has its keys too."""
    package = importlib.import_module("chatterm.tui")
    _import_below(package)


def _import_below(package: ModuleType) -> None:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        if found.ispkg:
            _import_below(module)


@cache
def _base_names() -> frozenset[str]:
    named = {key.value.rpartition("+")[2] for key in Keys}
    return frozenset({*named, *map(_character_to_key, string.punctuation)})
