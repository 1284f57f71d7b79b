"""JSON schemas of many kinds, by name: what the replies of a constrained model must satisfy."""

from typing import Any

Schema = dict[str, Any]  # JSON

_PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def closed(properties: Schema, required: list[str] | None = None) -> Schema:
    """An object of these properties alone, all of them required if not said otherwise."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


SCHEMAS: dict[str, Schema] = {
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "string": {"type": "string"},
    "anything": {},
    "object of anything": {"type": "object"},
    "array of anything": {"type": "array"},
    "several types": {"type": ["integer", "boolean", "null"]},
    "nullable": closed({"note": {"type": ["string", "null"], "maxLength": 5}}),
    "integer in a range": {"type": "integer", "minimum": -7, "maximum": 1234},
    "integer in an open range": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
    "integer from a bound on": {"type": "integer", "minimum": 65_536},
    "negative integers": {"type": "integer", "maximum": -1},
    "number in a range": {"type": "number", "minimum": 0, "maximum": 1},
    "number in an open range": {"type": "number", "exclusiveMinimum": -2.5, "exclusiveMaximum": 2.5},
    "even": {"type": "integer", "multipleOf": 2},
    "multiple of seven": {"type": "integer", "multipleOf": 7, "minimum": 0, "maximum": 700},
    "hundredths": {"type": "number", "multipleOf": 0.25, "minimum": 0, "maximum": 9},
    "bounded string": {"type": "string", "minLength": 3, "maxLength": 8},
    "string of one length": {"type": "string", "minLength": 4, "maxLength": 4},
    "pattern": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
    "pattern with a choice": {"type": "string", "pattern": "^(red|green|blue) (car|bike)$"},
    "pattern without anchors": {"type": "string", "pattern": "[0-9]{3}", "maxLength": 12},
    "pattern in Chinese": {"type": "string", "pattern": "^[\u4e00-\u9fff]{1,4}$"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "date-time": {"type": "string", "format": "date-time"},
    "email": {"type": "string", "format": "email"},
    "uuid": {"type": "string", "format": "uuid"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "enum of strings": {"enum": ["low", "medium", "high"]},
    "enum of many kinds": {"enum": [1, 2.5, "three", None, True, [4], {"five": 5}]},
    "enum in Chinese": {"enum": ["低", "中", "高"]},
    "enum with quotes": {"enum": ['say "hi"', "back\\slash", "new\nline", "tab\t", "é", "🚢"]},
    "const": {"const": {"version": 1, "tags": ["a", "b"]}},
    "const string": {"type": "string", "const": "fixed"},
    "person": _PERSON,
    "optional properties": closed({"a": {"type": "integer"}, "b": {"type": "boolean"}}, ["b"]),
    "no property required": closed({"a": {"type": "boolean"}, "b": {"type": "null"}}, []),
    "empty object": closed({}),
    "additional integers": {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "required": ["id"],
        "additionalProperties": {"type": "integer"},
    },
    "map of booleans": {"type": "object", "additionalProperties": {"type": "boolean"}},
    "pattern properties": {
        "type": "object",
        "patternProperties": {"^x-[a-z]+$": {"type": "integer"}},
        "additionalProperties": False,
    },
    "bounded number of properties": {
        "type": "object",
        "additionalProperties": {"type": "null"},
        "minProperties": 1,
        "maxProperties": 3,
    },
    "nested objects": closed({"a": closed({"b": closed({"c": {"type": "boolean"}})}), "z": _PERSON}),
    "array of integers": {"type": "array", "items": {"type": "integer"}},
    "bounded array": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4},
    "array of one length": {"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 3, "maxItems": 3},
    "array of arrays": {
        "type": "array",
        "maxItems": 3,
        "items": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}, "maxItems": 3},
    },
    "array of objects": {"type": "array", "items": _PERSON, "minItems": 1, "maxItems": 2},
    "tuple": {
        "type": "array",
        "prefixItems": [{"type": "integer"}, {"type": "boolean"}, {"enum": ["N", "S"]}],
        "items": False,
        "minItems": 3,
    },
    "empty array": {"type": "array", "maxItems": 0},
    "any of": {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 10, "maximum": 99}]},
    "any of objects": {
        "anyOf": [
            closed({"kind": {"const": "circle"}, "radius": {"type": "integer", "minimum": 1}}),
            closed({"kind": {"const": "square"}, "side": {"type": "integer", "minimum": 1}}),
        ]
    },
    "one of": {"oneOf": [{"type": "null"}, {"type": "boolean"}, {"type": "string", "maxLength": 3}]},
    "one of objects": {
        "oneOf": [
            closed({"kind": {"const": "card"}, "number": {"type": "string", "pattern": "^[0-9]{4}$"}}),
            closed({"kind": {"const": "cash"}}),
        ]
    },
    "all of": {"allOf": [{"type": "integer", "minimum": 5}, {"maximum": 50}]},
    "all of objects": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        ]
    },
    "reference": {
        "$defs": {"point": closed({"x": {"type": "integer"}, "y": {"type": "integer"}})},
        **closed({"from": {"$ref": "#/$defs/point"}, "to": {"$ref": "#/$defs/point"}}),
    },
    "reference in the old place": {
        "definitions": {"flag": {"type": "boolean"}},
        "type": "array",
        "items": {"$ref": "#/definitions/flag"},
        "maxItems": 4,
    },
    "recursive": {
        "$defs": {
            "tree": closed({"v": {"type": "boolean"}, "l": {"$ref": "#/$defs/tree"}}, ["v"]),
        },
        "$ref": "#/$defs/tree",
    },
    "recursive list": closed({"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}),
    "unicode keys": closed({"naïve": {"type": "boolean"}, "ключ": {"type": "null"}, "🔑": {"type": "null"}}),
    "keys and values in Chinese": closed(
        {"城市": {"enum": ["北京", "上海", "广州"]}, "人口": {"type": "integer", "minimum": 0}}
    ),
    "keys that need escapes": closed({'a"b': {"type": "null"}, "c\\d": {"type": "null"}}),
    "a recipe": closed(
        {
            "title": {"type": "string", "minLength": 1, "maxLength": 20},
            "servings": {"type": "integer", "minimum": 1, "maximum": 12},
            "vegetarian": {"type": "boolean"},
            "steps": {"type": "array", "items": {"type": "string", "maxLength": 15}, "maxItems": 3},
        }
    ),
    "an invoice": closed(
        {
            "id": {"type": "string", "pattern": "^INV-[0-9]{3}$"},
            "due": {"type": "string", "format": "date"},
            "lines": {
                "type": "array",
                "minItems": 1,
                "maxItems": 2,
                "items": closed(
                    {"text": {"type": "string", "maxLength": 6}, "price": {"type": "number", "minimum": 0}}
                ),
            },
            "currency": {"enum": ["EUR", "USD", "CNY"]},
        }
    ),
    "with words for people": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An answer",
        "description": "Yes or no",
        "type": "boolean",
        "default": True,
        "examples": [True],
    },
}

REFUSED: dict[str, tuple[Schema, str]] = {
    "not": ({"not": {"type": "string"}}, "not"),
    "if": ({"if": {"type": "string"}, "then": {"minLength": 3}}, "if"),
    "unique items": ({"type": "array", "uniqueItems": True}, "uniqueItems"),
    "dependent": ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
    "unknown format": ({"type": "string", "format": "postcode"}, "postcode"),
    "unknown type": ({"type": "strin"}, "strin"),
    "elsewhere": ({"$ref": "https://example.com/schema.json"}, "example.com"),
    "nowhere": ({"$ref": "#/$defs/none"}, "none"),
    "itself": ({"$ref": "#"}, "no reply"),
    "one of overlapping": ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf .* supported; make"),
    "pattern against a length": ({"type": "string", "pattern": "^a{5}$", "maxLength": 3}, "no reply at all"),
    "empty range": ({"type": "integer", "minimum": 5, "maximum": 3}, "no reply"),
    "impossible property": (closed({"a": False}), "no reply"),
    "bad pattern": ({"type": "string", "pattern": "(a"}, "pattern|regex|group"),
    "look-around": ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
}
"""Schemas that no reply can be held to, and what the error names."""
