"""JSON values: what is equal, what two make together, and what of one meets a schema. Pure."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from chatterm.prompts.schema import Schema, violation

_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A field for which two parts have different values."""

    path: str
    kept: str
    lines: str
    """Of the part that has it."""
    other: str
    other_lines: str


@dataclass(slots=True)
class Conflicts:
    """The first conflict of each field."""

    found: dict[str, Conflict] = field(default_factory=dict)
    lines: str = ""
    """Of the part that is merged."""
    _first_lines: dict[str, str] = field(default_factory=dict)

    def at(self, lines: str) -> "Conflicts":
        """Go on with the part of these lines."""
        self.lines = lines
        return self

    def taken(self, path: str) -> None:
        """Note that the part gave the value of a field."""
        self._first_lines.setdefault(path, self.lines)

    def differs(self, path: str, kept: object, other: object) -> None:
        if path not in self.found:
            self.found[path] = Conflict(
                path=path,
                kept=_shown(kept),
                lines=self._first_lines.get(path, ""),
                other=_shown(other),
                other_lines=self.lines,
            )


def is_nothing(value: object) -> bool:
    """Return whether a value says nothing: null, an empty text, list or object, or such alone."""
    if isinstance(value, dict):
        return all(is_nothing(inner) for inner in value.values())
    if isinstance(value, list):
        return all(is_nothing(inner) for inner in value)
    return value is None or (isinstance(value, str) and not value.strip())


def key_of(value: object) -> str:
    """Return what is the same for equal values: without case, width, spaces and the stop at the end."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, str):
        folded = unicodedata.normalize("NFKC", value).casefold()
        return " ".join(folded.split()).rstrip(".。;；,，")
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def merged(one: object, other: object, conflicts: Conflicts, path: str = "") -> object:
    """Return what two parts' values make together, the first going before; neither is changed."""
    if isinstance(one, list) and isinstance(other, list):
        return _distinct([*one, *other])
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            name: merged(one.get(name), other.get(name), conflicts, f"{path}.{name}".removeprefix("."))
            for name in dict.fromkeys((*one, *other))
        }
    if is_nothing(other):
        return other if one is None else one
    if is_nothing(one):
        _take(other, conflicts, path)
        return _distinct(other) if isinstance(other, list) else other
    if key_of(one) != key_of(other):
        conflicts.differs(path or "the answer", one, other)
    return one


def _take(value: object, conflicts: Conflicts, path: str) -> None:
    conflicts.taken(path or "the answer")
    for name, inner in value.items() if isinstance(value, dict) else ():
        if not is_nothing(inner):
            _take(inner, conflicts, f"{path}.{name}".removeprefix("."))


def _distinct(items: Sequence[object]) -> list[object]:
    first: dict[str, object] = {}
    for item in items:
        if not is_nothing(item):
            first.setdefault(key_of(item), item)
    return list(first.values())


def agreeing(value: object, schema: Schema) -> object:
    """Return `value` without the items and fields that do not meet the schema; None where nothing does."""
    if isinstance(value, list) and "items" in schema:
        inner = cast(Schema, schema["items"])
        kept = [agreeing(item, inner) for item in value]
        return [item for item in kept if violation(inner, item) is None]
    if isinstance(value, dict) and "properties" in schema:
        properties = cast(Mapping[str, Schema], schema["properties"])
        found = {
            name: agreeing(value[name], inner)
            for name, inner in properties.items()
            if name in value and agreeing(value[name], inner) is not None
        }
        return completed(found, schema)
    return value if violation(schema, value) is None else None


def completed(value: object, schema: Schema) -> object:
    """Return an object with the fields that it must have and lacks, where they may be null or empty."""
    if not isinstance(value, dict):
        return value
    properties = cast(Mapping[str, Schema], schema.get("properties", {}))
    missing = [name for name in cast(Sequence[str], schema.get("required", [])) if name not in value]
    added = {name: empty(properties[name]) for name in missing if _may_be_empty(properties[name])}
    order = dict.fromkeys((*properties, *value))
    filled = {**value, **added}
    return {name: filled[name] for name in order if name in filled}


def _types(schema: Schema) -> Sequence[object]:
    types = schema["type"]
    return types if isinstance(types, list) else [types]


def _may_be_empty(schema: Schema) -> bool:
    return violation(schema, empty(schema)) is None


def empty(schema: Schema) -> object:
    """Return what says nothing: null where it may stand there, else an empty list or object, else null."""
    types = _types(schema)
    if "null" in types:
        return None
    if "object" in types:
        return completed({}, schema)
    return [] if "array" in types else None


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"
