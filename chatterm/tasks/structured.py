"""A reply in JSON becomes a value: read, closed where it was cut, held to its schema, completed by code.

Pure. A reply that is no JSON, as of an engine that cannot be held to a schema, gives None; never an error.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from chatterm.prompts.output import OutputSpec
from chatterm.prompts.schema import violation
from chatterm.tasks.computed import Value, compute
from chatterm.tasks.extract import first_fenced

MAX_CHARS = 4_000_000
MAX_DEPTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredAnswer:
    """What a reply says, as a value."""

    value: object
    """With the computed fields."""
    totals: Mapping[str, Value] = field(default_factory=dict)
    """What was computed over the items of an answer that is a list."""
    violation: str | None = None
    """How it misses its schema."""
    is_truncated: bool = False
    """The reply was cut; what was whole by then is here."""
    notices: tuple[str, ...] = ()


def read_answer(reply: str, output: OutputSpec) -> StructuredAnswer | None:
    """Read a reply that should be JSON; None where it holds none."""
    text = reply.strip()
    if len(text) > MAX_CHARS or output.schema is None:
        return None
    is_whole, value = _parsed(text)
    if not is_whole:
        fenced = first_fenced(text)
        is_whole, value = _parsed(fenced.strip()) if fenced is not None else (False, None)
    is_truncated = False
    if not is_whole:
        closed = close_json(text)
        is_truncated, value = _parsed(closed) if closed else (False, None)
        if not is_truncated:
            return None
        value = _without_cut_item(value, output)
        if value in ([], {}):
            return None  # nothing was whole
    computed = compute(value, output.computed)
    return StructuredAnswer(
        value=computed.value,
        totals=computed.totals,
        violation=violation(output.schema, value) if output.schema and not is_truncated else None,
        is_truncated=is_truncated,
        notices=computed.notices,
    )


def _parsed(text: str) -> tuple[bool, object]:
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return False, None
    return _is_within(value, MAX_DEPTH), value


def _finite(text: str) -> float:
    """Refuse NaN, Infinity and what is too large to be a number: none could be written as JSON again."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number


def _is_within(value: object, depth: int) -> bool:
    """Return whether lists and objects are nested at most `depth` deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth >= 0 and all(_is_within(one, depth - 1) for one in inner)


def _without_cut_item(value: object, output: OutputSpec) -> object:
    """Leave out the last item of a list where it lacks fields."""
    items = (output.schema or {}).get("items")
    if isinstance(value, list) and value and isinstance(items, Mapping) and violation(items, value[-1]):
        return value[:-1]
    return value


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_WHOLE = re.compile(r'".*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null', re.DOTALL)
_BEGUN = re.compile(r"-?[0-9]*\.?[0-9]*(?:[eE][-+]?)?|t|tr|tru|f|fa|fal|fals|n|nu|nul")
_CLOSERS = {"{": "}", "[": "]"}


def close_json(text: str) -> str | None:
    """Return the part of cut JSON that was whole, closed; None where there is none.

    A value counts as whole when something follows it, a key when its value is whole. Linear.
    """
    stack: list[str] = []
    place = end_of_value = end = (
        0  # `end`: of what is whole; no bracket opens or closes between it and a break
    )
    for token in _TOKEN.finditer(text):
        if text[place : token.start()].strip():
            break  # an unfinished string, or none
        place = token.end()
        match token[0]:
            case "{" | "[" as opener:
                stack.append(opener)
                end_of_value = end = place
            case "}" | "]":
                if not stack:
                    return None
                stack.pop()
                end_of_value = end = place
            case ",":
                end = end_of_value
            case ":":
                pass
            case scalar:
                if not _WHOLE.fullmatch(scalar):
                    if text[place:].strip() or not _BEGUN.fullmatch(scalar):
                        return None  # no JSON at all
                    break
                end_of_value = place
    return text[:end] + "".join(_CLOSERS[opener] for opener in reversed(stack)) if end else None
