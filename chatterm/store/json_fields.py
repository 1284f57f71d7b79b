"""Checked reading of decoded JSON: a value of the kind asked for, or a refusal that says where and why."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from chatterm.errors import InputRefused

T = TypeVar("T")

_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of a JSON file and where it stands."""

    values: Mapping[str, Any]
    """As json.loads gave them."""
    place: str
    """For messages: the file and the way to this object."""

    @classmethod
    def of(cls, value: object, place: str) -> "Fields":
        return cls(checked(value, dict, place), place)

    def get(self, key: str, kind: type[T]) -> T:
        """Return what `key` holds. Raises InputRefused where it is missing or of another kind."""
        if key not in self.values:
            raise InputRefused(f"{self.place}: {key!r} is missing; nothing was imported")
        return checked(self.values[key], kind, f"{self.place}.{key}")

    def maybe(self, key: str, kind: type[T]) -> T | None:
        """Return what `key` holds, None where it is missing or null."""
        value = self.values.get(key)
        return None if value is None else checked(value, kind, f"{self.place}.{key}")

    def one_of(self, key: str, allowed: tuple[T, ...]) -> T:
        value = self.values.get(key)
        if value not in allowed or isinstance(value, bool):
            names = ", ".join(map(str, allowed))
            raise InputRefused(
                f"{self.place}.{key} is {_short(value)}, not one of {names}; nothing was imported"
            )
        return allowed[allowed.index(value)]

    def objects(self, key: str) -> list["Fields"]:
        """Return the objects of a list, none where it is missing."""
        found = self.maybe(key, list) or []
        return [Fields.of(value, f"{self.place}.{key}[{number}]") for number, value in enumerate(found)]

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(checked(value, str, f"{self.place}.{key}") for value in self.maybe(key, list) or [])

    def instant(self, key: str) -> str:
        """Return a moment in ISO 8601 as the store writes it; one without a zone counts as UTC."""
        text = self.get(key, str)
        try:
            moment = datetime.fromisoformat(text)
            return as_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError) as error:
            raise InputRefused(
                f"{self.place}.{key} is {_short(text)}, not a moment in ISO 8601; nothing was imported"
            ) from error


def checked(value: object, kind: type[T], place: str) -> T:
    """Return `value` if it is of `kind`: a bool is no number, a whole number is a number."""
    is_number = kind is float and isinstance(value, int) and not isinstance(value, bool)
    if is_number and isinstance(value, int):
        return kind(value) if abs(value) < 2**53 else _refuse(value, kind, place)  # type: ignore[call-arg]  # kind is float
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        return _refuse(value, kind, place)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return _refuse(value, kind, place)
    return value


def as_instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _refuse(value: object, kind: type[T], place: str) -> T:
    raise InputRefused(f"{place} is {_short(value)}, not {_NAMES[kind]}; nothing was imported")


def _short(value: object) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:39] + "…")
    return _NAMES[type(value)] if isinstance(value, list | dict) else json.dumps(value)[:40]
