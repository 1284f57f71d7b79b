"""Changes single settings in config.toml, leaving the user's comments and order as they are."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import tomlkit

from chatterm import config
from chatterm.errors import ConfigError


def set_value(path: Path, key: str, value: object) -> None:
    """Write `key` into the file, which is made where it is missing. Raises ConfigError or UnknownName."""
    checked = config.checked(key, value, str(path))

    def change(document: tomlkit.TOMLDocument) -> None:
        document[key] = checked

    _change(path, change)


def unset_value(path: Path, key: str) -> None:
    """Take `key` out of the file, so that its default stands again. Raises ConfigError."""
    _change(path, lambda document: document.pop(key, None))


def set_keys(path: Path, action: str, keys: str | None) -> None:
    """Write the keys of one action, separated by commas; None: its own again. Raises ConfigError."""

    def change(document: tomlkit.TOMLDocument) -> None:
        table = config.as_key_table(document.setdefault(config.KEY_TABLE, tomlkit.table()), str(path))
        if keys is None:
            table.pop(action, None)
        else:
            table[action] = keys

    _change(path, change)


def _change(path: Path, change: Callable[[tomlkit.TOMLDocument], object]) -> None:
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
        change(document)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, tomlkit.dumps(document))
    except (OSError, UnicodeDecodeError, tomlkit.exceptions.TOMLKitError) as error:
        raise ConfigError(f"{path} cannot be changed: {error}; mend it, then try again") from error


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".config.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
