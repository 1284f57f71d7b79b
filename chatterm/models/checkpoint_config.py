"""JSON files of a model folder in Hugging Face layout, read with limits, their values with checks.

Knows no architecture (`checkpoint_spec`) and no tensors (`checkpoint`).
"""

import json
import math
import reprlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, TypeVar

from chatterm.errors import BadModelFile, ModelNotFound

_T = TypeVar("_T", str, int, float, bool)
_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}

CONFIG = "config.json"
CONFIG_LIMIT = 2**20
"""In bytes, of config.json and its like."""


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder looks like a model in Hugging Face layout."""
    return (folder / CONFIG).is_file()


def read_json(path: Path, limit: int = CONFIG_LIMIT) -> dict[str, object]:
    """Return the JSON object in a regular file of at most `limit` bytes.

    Raises ModelNotFound where there is no such file, BadModelFile where it is anything else.
    """
    raw = read_bytes(path, limit)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        reason = "it nests too deep" if isinstance(error, RecursionError) else error
        raise BadModelFile(f"{path} is no valid JSON: {reason}; fetch the file again") from error
    if not isinstance(found, dict):
        raise BadModelFile(f"{path} should hold a JSON object, but holds {reprlib.repr(found)}")
    return found


def read_bytes(path: Path, limit: int = CONFIG_LIMIT) -> bytes:
    """Return a regular file's bytes. Raises as `read_json`."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadModelFile(f"{path} is not a regular file; fetch the model's folder again")
        if status.st_size > limit:
            raise BadModelFile(f"{path} should be at most {limit:,} bytes, but is {status.st_size:,}")
        with path.open("rb") as file:
            return file.read(limit)
    except FileNotFoundError as error:
        raise ModelNotFound(f"the model's folder has no {path.name} ({path}); fetch it again") from error
    except OSError as error:
        raise BadModelFile(f"{path} cannot be read: {error.strerror or error}") from error


class ConfigReader:
    """Reads values of one JSON object, each of its kind and within its range."""

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        """`where` names the object in messages."""
        self.values = values
        self.where = where

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return a number of the range. Raises BadModelFile where it is absent without a default."""
        value = self._get(key, int, default)
        if not low <= value <= high:
            self.refuse(key, f"from {low:,} to {high:,}", value)
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        value = self._get(key, float, default)
        if not low <= value <= high:  # so that NaN, which compares false with everything, is refused
            self.refuse(key, f"from {low:g} to {high:g}", value)
        return value

    def optional_number(self, key: str, low: float, high: float) -> float | None:
        return None if self.values.get(key) is None else self.number(key, low, high)

    def optional_integer(self, key: str, low: int, high: int) -> int | None:
        return None if self.values.get(key) is None else self.integer(key, low, high)

    def text(self, key: str, default: str | None = None) -> str:
        return self._get(key, str, default)

    def flag(self, key: str, default: bool) -> bool:
        return self._get(key, bool, default)

    def table(self, key: str) -> "ConfigReader | None":
        """Return the object at `key`; None where there is none, or null."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(key, "an object", value)
        return ConfigReader(value, f"{self.where}: {key}")

    def list_of(self, key: str, kind: type[_T], length: int) -> list[_T] | None:
        """Return a list of `length` values; None where there is none, or null."""
        values = self.values.get(key)
        if values is None:
            return None
        if not isinstance(values, list) or len(values) != length:
            found = f"{len(values):,} long" if isinstance(values, list) else values
            self.refuse(key, f"a list of {length:,}", found)
        return [self._checked(key, value, kind) for value in values]

    def refuse(self, key: str, expected: str, found: object) -> NoReturn:
        raise BadModelFile(
            f"{self.where}: {key} should be {expected}, but is {reprlib.repr(found)};"
            " the file is damaged or of a kind chatterm cannot run"
        )

    def _get(self, key: str, kind: type[_T], default: _T | None) -> _T:
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if value is None:
            raise BadModelFile(f"{self.where} has no {key} (expected {_KINDS[kind]})")
        return self._checked(key, value, kind)

    def _checked(self, key: str, value: object, kind: type[_T]) -> _T:
        if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
            return float(value)
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            self.refuse(key, _KINDS[kind], value)
        if isinstance(value, float) and not math.isfinite(value):
            self.refuse(key, "finite", value)
        return value
