"""The inputs of a prompt: their types, and how a value given as text is read.

A value is opaque: it is read by its input's type, and never looked at as a template or a role.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, get_args

from chatterm.errors import InputRefused, PromptError

InputType = Literal["text", "document", "enum", "int", "number", "bool", "list", "json"]
INPUT_TYPES: tuple[InputType, ...] = get_args(InputType)

Value = str | int | bool | Decimal | tuple[str, ...] | None
"""What the template language works on. None: an optional input without a value. JSON stays text."""

MAX_ITEMS = 10_000
"""Of a list given as a value."""

_TRUE = frozenset(("true", "yes", "on", "1", "是", "对"))
_FALSE = frozenset(("false", "no", "off", "0", "否", "不"))
_NUMBER = re.compile(r"[-+]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """An input as the front matter declares it."""

    name: str
    type: InputType
    is_required: bool
    default: str | None = None
    """As text, to be read like a value of the user's."""
    choices: tuple[str, ...] = ()
    """Of an enum."""
    max_chars: int | None = None
    sources: tuple[str, ...] = ()
    """Of a document: stdin, file, paste."""
    label: Mapping[str, str] = field(default_factory=dict)
    """By language, for forms."""


def read_value(prompt_id: str, spec: InputSpec, text: str) -> Value:
    """Read `text` by the type of its input.

    Raises PromptError where it is none of that type, InputRefused where it is too long.
    """
    if spec.max_chars is not None and len(text) > spec.max_chars:
        raise InputRefused(
            f"{spec.name!r} has {len(text):,} characters, but the prompt {prompt_id} takes at most "
            f"{spec.max_chars:,}; shorten it or cut it into parts"
        )
    match spec.type:
        case "enum":
            return _choice(prompt_id, spec, text)
        case "int" | "number":
            return _number(prompt_id, spec, text)
        case "bool":
            return _truth(prompt_id, spec, text)
        case "list":
            return _items(prompt_id, spec, text)
        case "json":
            return _json(prompt_id, spec, text)
        case _:
            return text


def _choice(prompt_id: str, spec: InputSpec, text: str) -> str:
    word = text.strip()
    if word in spec.choices:
        return word
    raise _wrong(prompt_id, spec, text, f"one of {', '.join(spec.choices)}")


def _number(prompt_id: str, spec: InputSpec, text: str) -> int | Decimal:
    digits = text.strip()
    if _NUMBER.fullmatch(digits):
        number = Decimal(digits)
        if spec.type == "number":
            return number
        if number == number.to_integral_value():
            return int(number)
    raise _wrong(prompt_id, spec, text, "a whole number" if spec.type == "int" else "a number such as 2.5")


def _truth(prompt_id: str, spec: InputSpec, text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise _wrong(prompt_id, spec, text, "true or false")


def _items(prompt_id: str, spec: InputSpec, text: str) -> tuple[str, ...]:
    """Read `a, b` (also by full-width commas), or a JSON list of strings where items hold commas."""
    if text.lstrip().startswith("["):
        items = _parsed(prompt_id, spec, text)
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise _wrong(prompt_id, spec, text, 'words by commas, or a JSON list of strings: ["a", "b"]')
    else:
        items = [item.strip() for item in re.split("[,，、]", text) if item.strip()]
    if len(items) > MAX_ITEMS:
        raise _wrong(prompt_id, spec, text, f"at most {MAX_ITEMS:,} items")
    return tuple(items)


def _json(prompt_id: str, spec: InputSpec, text: str) -> str:
    return json.dumps(_parsed(prompt_id, spec, text), ensure_ascii=False)


def _parsed(prompt_id: str, spec: InputSpec, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(prompt_id, spec, text, f"JSON ({error})") from error


def _wrong(prompt_id: str, spec: InputSpec, text: str, expected: str) -> PromptError:
    found = text if len(text) <= 40 else f"{text[:40]}..."
    return PromptError(
        f"{spec.name!r} of the prompt {prompt_id} must be {expected}, not {found!r}; "
        f"change -v {spec.name}=..."
    )
