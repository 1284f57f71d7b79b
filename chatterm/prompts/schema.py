"""The subset of JSON Schema that a prompt's replies are held to.

The subset is that of draft 2020-12, cut to what a grammar can enforce, with `copy: true` added: the string
must be found in the source. What no value could meet is refused.
"""

import json
from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import cast

from chatterm.prompts.front_matter import Items, Node, Scalar
from chatterm.prompts.reader import Fields, Reader

Schema = Mapping[str, object]

BY_CODE = "by_code"
"""The key of a field that no model writes and no file names: code adds it, and nothing is held against it."""

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_LIMITS = ("minimum", "maximum")
_KEYS = ("type", "properties", "required", "items", "enum", "copy", "description", *_COUNTS, *_LIMITS)
_NEEDED_BY = {"maxLength": "string", "minLength": "string", "maxItems": "array", "minItems": "array"}


def read_schema(reader: Reader, node: Node, what: str) -> Schema:
    """Return a schema as plain values, noting what lies outside the subset."""
    fields = _subset(reader, node, what)
    schema: dict[str, object] = {}
    types = _types(reader, fields, node, what)
    schema["type"] = list(types) if len(types) > 1 else next(iter(types), "string")
    if "properties" in fields:
        schema["properties"] = {
            key.text: read_schema(reader, value, f"{what}.{key.text}")
            for key, value in reader.entries(fields["properties"], f"{what}.properties")
        }
    _check_shape(reader, fields, types, node, what)
    if "required" in fields:
        names = cast(dict[str, object], schema.get("properties", {}))
        schema["required"] = list(reader.choices(fields["required"], f"{what}.required", names))
    if "items" in fields:
        schema["items"] = read_schema(reader, fields["items"], f"{what}.items")
    schema |= _plain(reader, fields, what)
    _check_possible(reader, schema, types, node, what)
    return schema


def _subset(reader: Reader, node: Node, what: str) -> Fields:
    fields: Fields = {}
    for key, value in reader.entries(node, what):
        if key.text in _KEYS:
            fields[key.text] = value
        else:
            advice = f"supported are: {', '.join(_KEYS)}"
            reader.note("E28", f"{key.text!r} in {what}", key.place, advice)
    return fields


def _types(reader: Reader, fields: Fields, node: Node, what: str) -> tuple[str, ...]:
    given = fields.get("type")
    nodes = given.items if isinstance(given, Items) else (given,) if given else ()
    types = tuple(one.text for one in nodes if isinstance(one, Scalar))
    if not types or len(types) < len(nodes) or not set(types) <= set(TYPES):
        advice = f"type is one or a list of: {', '.join(TYPES)}"
        reader.note("E28", f"{what} without a known type", (given or node).place, advice)
    return types


def _check_shape(reader: Reader, fields: Fields, types: tuple[str, ...], node: Node, what: str) -> None:
    for kind, key in (("object", "properties"), ("array", "items")):
        if (kind in types) != (key in fields):
            advice = f"type: {kind} and {key} go together"
            reader.note("E28", f"{what}: {kind} without {key}, or {key} without {kind}", node.place, advice)


def _plain(reader: Reader, fields: Fields, what: str) -> dict[str, object]:
    plain: dict[str, object] = {
        key: reader.whole(fields[key], f"{what}.{key}", 0, 10**6) for key in _COUNTS if key in fields
    }
    for key in _LIMITS:
        if key in fields:
            plain[key] = reader.number(fields[key], f"{what}.{key}", -1e18, 1e18)
    if "enum" in fields:
        items = reader.items(fields["enum"], f"{what}.enum")
        plain["enum"] = [item.value for item in items if isinstance(item, Scalar)]
    if "copy" in fields:
        plain["copy"] = reader.truth(fields["copy"], f"{what}.copy", default=False)
    if "description" in fields:
        plain["description"] = reader.text(fields["description"], f"{what}.description")
    return plain


def _check_possible(reader: Reader, schema: Schema, types: tuple[str, ...], node: Node, what: str) -> None:
    """Note limits that leave no value, or that say nothing of this type."""
    for of in ("Items", "Length", "imum"):
        low, high = (cast(float | None, schema.get(f"{end}{of}")) for end in ("min", "max"))
        if low is not None and high is not None and low > high:
            reader.note(
                "E28", f"{what}: no value has min{of} {low} and max{of} {high}", node.place, "swap them"
            )
        elif low is not None and high is not None and _has_no_whole(types, low, high):
            message = f"{what}: no whole number lies between {low} and {high}"
            reader.note("E28", message, node.place, "widen them, or write type: number")
    if any(key in schema for key in _LIMITS) and not {"integer", "number"} & set(types):
        reader.note("E28", f"{what}: limits of something that is no number", node.place, "leave them out")
    for key, kind in _NEEDED_BY.items():
        if key in schema and kind not in types:
            reader.note(
                "E28", f"{what}: {key} of something that is no {kind}", node.place, f"leave {key} out"
            )
    if "copy" in schema and "string" not in types:
        reader.note("E28", f"{what}: copy of something that is no string", node.place, "leave copy out")
    rest = {key: value for key, value in schema.items() if key != "enum"}
    wrong = [one for one in cast(list[object], schema.get("enum", [])) if violation(rest, one)]
    if "enum" in schema and (wrong or not schema["enum"]):
        found = f"{wrong[0]!r} is none of its type" if wrong else "it is empty"
        reader.note("E28", f"{what}: an enum that cannot be met: {found}", node.place, "mend type or enum")


def _has_no_whole(types: tuple[str, ...], low: float, high: float) -> bool:
    return types == ("integer",) and floor(high) < ceil(low)


def fields_of(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield every property with its schema, inner ones too, in the order in which they are generated."""
    for name, inner in cast(Mapping[str, Schema], schema.get("properties", {})).items():
        yield name, inner
        yield from fields_of(inner)
    if "items" in schema:
        yield from fields_of(cast(Schema, schema["items"]))


def constraint_text(schema: Schema) -> str:
    """Return the schema as JSON text that decoding can be held to.

    Objects are closed: a model writes the named properties and no others. `copy` and descriptions are left
    out, for no grammar knows them.
    """
    return json.dumps(_closed(schema), ensure_ascii=False)


def _closed(schema: Schema) -> dict[str, object]:
    closed = {key: value for key, value in schema.items() if key not in ("copy", "description")}
    if "properties" in schema:
        properties = cast(Mapping[str, Schema], schema["properties"])
        closed["properties"] = {name: _closed(inner) for name, inner in properties.items()}
        closed["additionalProperties"] = False
    if "items" in schema:
        closed["items"] = _closed(cast(Schema, schema["items"]))
    return closed


def endless(schema: Schema, path: str = "the reply") -> list[str]:
    """Return what has no upper bound, so that a constrained reply might never end.

    Strings that are copied end with their source, and those of an enum with their word.
    """
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    found = []
    if "array" in types and "maxItems" not in schema:
        found.append(f"{path} without maxItems")
    if "string" in types and not {"maxLength", "enum", "copy"} & set(schema):
        found.append(f"{path} without maxLength")
    inner = list(cast(Mapping[str, Schema], schema.get("properties", {})).items())
    inner += [(f"an item of {path}", cast(Schema, schema["items"]))] if "items" in schema else []
    return found + [one for name, child in inner for one in endless(child, name)]


def violation(schema: Schema, value: object, path: str = "") -> str | None:
    """Return the first way in which `value` is not what the schema asks for, or None."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    where = path or "the top"
    if not any(_is_of(value, kind) for kind in kinds):
        return f"{where} is not {' or '.join(map(str, kinds))}"
    if "enum" in schema and value not in cast(list[object], schema["enum"]):
        return f"{where} is none of the enum"
    if isinstance(value, dict):
        return _object_violation(schema, value, path)
    if isinstance(value, list):
        inner = (
            violation(cast(Schema, schema["items"]), item, f"{path}[{n}]") for n, item in enumerate(value)
        )
        return next(filter(None, inner), None) or _outside(schema, len(value), "Items", where)
    if isinstance(value, str):
        return _outside(schema, len(value), "Length", where)
    return _outside(schema, value, "imum", where) if isinstance(value, int | float) else None


def _is_of(value: object, kind: object) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    types = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}
    return isinstance(value, int | float) if kind == "number" else isinstance(value, types.get(str(kind), ()))


def _object_violation(schema: Schema, value: dict[str, object], path: str) -> str | None:
    properties = cast(Mapping[str, Schema], schema.get("properties", {}))
    for name in cast(list[str], schema.get("required", [])):
        if name not in value:
            return f"{path or 'the top'} has no {name!r}"
    for name, item in value.items():
        inside = f"{path}.{name}".removeprefix(".")
        wrong = violation(properties[name], item, inside) if name in properties else f"{inside} is not in it"
        if wrong:
            return wrong
    return None


def _outside(schema: Schema, amount: float, of: str, where: str) -> str | None:
    """Compare with `min<of>` and `max<of>`, where the schema has them."""
    low, high = (cast(float | None, schema.get(f"{end}{of}")) for end in ("min", "max"))
    if low is not None and amount < low:
        return f"{where} has {amount}, less than {low}"
    return f"{where} has {amount}, more than {high}" if high is not None and amount > high else None


def long_names(schema: Schema, limit: int = 40) -> list[str]:
    """Return the property names and descriptions over `limit` characters."""
    properties = cast(Mapping[str, Schema], schema.get("properties", {}))
    inner = [*properties.values(), *([cast(Schema, schema["items"])] if "items" in schema else [])]
    texts = [*properties, str(schema.get("description", ""))]
    return [text for text in texts if len(text) > limit] + [
        n for one in inner for n in long_names(one, limit)
    ]
