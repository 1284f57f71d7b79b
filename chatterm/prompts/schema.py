"""`output:` of a prompt: its format, and the subset of JSON Schema that decoding will be held to.

Checked and kept; nothing constrains decoding by it yet. The subset is that of draft 2020-12, cut to what
a grammar can enforce, with `copy: true` added: the string must be found in the source.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from chatterm.prompts.front_matter import Items, Node, Scalar
from chatterm.prompts.reader import Fields, Reader

Schema = Mapping[str, object]
OutputFormat = Literal["text", "markdown", "label", "json"]

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_LIMITS = ("minimum", "maximum")
_KEYS = ("type", "properties", "required", "items", "enum", "copy", "description", *_COUNTS, *_LIMITS)
_COMPUTED = re.compile(r"(compare|sum|count|ratio|growth|days_between)\(\s*\w+(\s*,\s*\w+)*\s*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """What a reply looks like."""

    format: OutputFormat = "text"
    schema: Schema | None = None
    computed: Mapping[str, str] = field(default_factory=dict)
    view: str = "text"


def read_output(reader: Reader, node: Node | None) -> tuple[OutputSpec, tuple[str, ...]]:
    """Return the output and the keys it has."""
    fields = reader.fields(node, "output", ("format", "schema", "computed", "view"))
    formats = ("text", "markdown", "label", "json")
    form = cast(OutputFormat, reader.choice(fields.get("format"), "output.format", formats, "text"))
    schema = read_schema(reader, fields["schema"], "output.schema") if "schema" in fields else None
    if node and (form == "json") != (schema is not None):
        advice = "format: json and a schema go together"
        reader.note("E28", "json without a schema, or a schema without json", node.place, advice)
    computed = {
        key.text: _computed(reader, value)
        for key, value in reader.entries(fields.get("computed"), "computed")
    }
    view = reader.choice(fields.get("view"), "output.view", ("table", "list", "text"), "text")
    return OutputSpec(format=form, schema=schema, computed=computed, view=view), tuple(fields)


def _computed(reader: Reader, node: Node) -> str:
    call = reader.text(node, "a computed field")
    if not _COMPUTED.fullmatch(call):
        advice = "write one of compare sum count ratio growth days_between with field names: sum(amount)"
        reader.note("E10", f"{call!r} is not a computation", node.place, advice)
    return call


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
    return schema | _plain(reader, fields, what)


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
