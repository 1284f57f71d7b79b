"""The settings as the app shows and changes them: values with where each comes from, and what each means."""

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from chatterm import config_file
from chatterm.config import KEYS, Config, parsed
from chatterm.errors import UnknownName
from chatterm.tui.key_map import checked_keymap
from chatterm.tui.keys import keymap_of

AT_START = frozenset(
    {
        "model", "ctx", "device", "threads", "quantize", "kv_cache_mb", "prompt_lookup", "deterministic",
        "offline", "enter_sends", "screen_reader",
    }
)  # fmt: skip
"""What takes effect when chatterm starts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSource:
    """Where the settings are read and written."""

    load: Callable[[], Config]
    """Reads file and environment anew. Raises ConfigError, UnknownName."""
    path: Path
    """Of config.toml."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Given on the command line; they win."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting in force."""

    key: str
    value: object
    origin: str


def settings_in_force(source: SettingsSource) -> list[Setting]:
    """Return every setting, those of the command line included. Raises ConfigError, UnknownName."""
    found = [Setting(*one) for one in source.load().settings()]
    return [
        Setting(one.key, source.options[one.key], f"option --{one.key.replace('_', '-')}")
        if source.options.get(one.key) is not None
        else one
        for one in found
    ]


def check_value(key: str, text: str, themes: Mapping[str, object]) -> object:
    """Return the value that `text` stands for; an empty one, None: the default. Raises ConfigError."""
    if not text.strip():
        return None
    if key == "theme" and text.strip() not in themes:
        raise UnknownName("theme", text.strip(), themes)
    return parsed(key, text.strip(), "settings")


def save(source: SettingsSource, key: str, value: object) -> None:
    """Write a setting into the file; None takes it out. Raises ConfigError."""
    if value is None:
        config_file.unset_value(source.path, key)
    else:
        config_file.set_value(source.path, key, value)


def save_keys(source: SettingsSource, action: str, keys: str) -> dict[str, str]:
    """Write an action's keys, empty: its own again; return all that are remapped. Raises UsageError."""
    checked = checked_keymap({action: keys})[action] if keys.strip() else None
    config_file.set_keys(source.path, action, checked)
    return keymap_of(source.load())


def effect_of(key: str, origin: str) -> str:
    """Say what a change of this setting brings, and when."""
    if origin.startswith("option"):
        return f"Saved; {origin.removeprefix('option ')} of this start wins over it."
    if origin.startswith("CHATTERM_"):
        return f"Saved; {origin} in the environment wins over the file."
    return "Saved; it takes effect when chatterm starts again." if key in AT_START else "Saved."


@cache
def meanings() -> Mapping[str, str]:
    """Return what each setting means: the text below its field in Config, which alone says it."""
    try:
        (definition,) = ast.parse(inspect.getsource(Config)).body
    except OSError:  # installed without its source
        return dict.fromkeys(KEYS, "")
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for one, following in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            found[one.target.id] = str(following.value.value) if is_text else ""  # type: ignore[attr-defined]  # just looked at
    return found
