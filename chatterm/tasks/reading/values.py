"""JSON values: what is equal, what two make together, and what of one meets a schema. Pure."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from chatterm.prompts.schema import Schema, violation

_MAX_SHOWN = 60

Placed = tuple[str, object]
"""The lines of a part, and the value that it gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A field for which two parts have different values."""

    path: str
    kept: str
    lines: str
    """Of the part that has it."""
    other: str
    other_lines: str


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


def merged(values: Sequence[Placed], conflicts: list[Conflict], path: str = "") -> object:
    """Return what the values of several parts make together; none of them is changed. Linear.

    Lists are joined, equal items once; objects are merged field by field; of others the first that says
    something is kept. What says otherwise first is added to `conflicts`.
    """
    lines, kept = _first(values)
    if other := next((one for one in values if _differs(one[1], kept)), None):
        conflicts.append(
            Conflict(
                path=path or "the answer",
                kept=_shown(kept),
                lines=lines,
                other=_shown(other[1]),
                other_lines=other[0],
            )
        )
    if isinstance(kept, list):
        return _distinct([item for _, one in values if isinstance(one, list) for item in one])
    if not isinstance(kept, dict):
        return kept
    objects = [(at, one) for at, one in values if isinstance(one, dict)]
    return {
        name: merged(
            [(at, one[name]) for at, one in objects if name in one],
            conflicts,
            f"{path}.{name}".removeprefix("."),
        )
        for name in dict.fromkeys(name for _, one in objects for name in one)
    }


def _first(values: Sequence[Placed]) -> Placed:
    """Return the first value that says something, else the first that is not null."""
    return next(
        (one for one in values if not is_nothing(one[1])),
        next((one for one in values if one[1] is not None), ("", None)),
    )


def _differs(value: object, kept: object) -> bool:
    """Return whether a value says something that `kept`, with which it is merged, leaves no place for."""
    if type(value) is type(kept) and isinstance(kept, list | dict):
        return False
    return not is_nothing(value) and key_of(value) != key_of(kept)


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
            name: agreed
            for name, inner in properties.items()
            if name in value and (agreed := agreeing(value[name], inner)) is not None
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
