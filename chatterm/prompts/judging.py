"""Whether a reply is what a prompt's own test expects. Pure; what a number's source is, is handed in."""

import json
import re
from collections.abc import Callable, Sequence

from chatterm.prompts.expectations import Argument, Expectation, PromptTest
from chatterm.prompts.language import script_language

Grounded = Callable[[str, str], float | None]
"""The share of a reply's numbers that stand in a source; None where the reply has no numbers."""

_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")


def unmet(test: PromptTest, reply: str, grounded: Grounded) -> tuple[str, ...]:
    """Return what the reply lacks, an expectation a line; empty where the test is passed."""
    source = "\n".join(test.inputs.values())
    failures = (_failure(expectation, reply, source, grounded) for expectation in test.expect)
    return tuple(filter(None, failures))


def _failure(expectation: Expectation, reply: str, source: str, grounded: Grounded) -> str | None:
    if "path" in expectation:
        return _at_path(str(expectation["path"]), expectation, reply)
    ((kind, wanted),) = expectation.items()
    match kind:
        case "grounded":
            share = grounded(reply, source)
            is_met = share is None or share >= _number(wanted)
            return None if is_met else f"grounded: {share:.2f} of its numbers stand in the source"
        case "json_valid":
            return _invalid_json(reply) if wanted else None
        case "equals":
            return None if reply.strip() == str(wanted) else f"equals: {str(wanted)!r}"
        case "lang":
            found = script_language(reply)
            return None if found == wanted else f"lang: {wanted}, found {found or 'no letters'}"
        case _:
            return _wording(kind, wanted, reply) or _length(kind, wanted, reply)


def _wording(kind: str, wanted: Argument, reply: str) -> str | None:
    words = wanted if isinstance(wanted, tuple) else (str(wanted),)
    found = [word for word in words if word in reply]
    is_met = {
        "contains": bool(found),
        "contains_any": bool(found),
        "contains_all": len(found) == len(words),
        "not_contains_any": not found,
    }.get(kind, True)
    if is_met:
        return None
    shown = found if kind == "not_contains_any" else [word for word in words if word not in found]
    return f"{kind}: {', '.join(shown)}"


def _length(kind: str, wanted: Argument, reply: str) -> str | None:
    amounts = {
        "max_words": len(reply.split()),
        "max_chars": len(reply),
        "min_chars": len(reply),
        "max_lines": len(reply.splitlines()),
    }
    if kind not in amounts:
        return None
    amount, limit = amounts[kind], _number(wanted)
    is_met = amount >= limit if kind.startswith("min") else amount <= limit
    return None if is_met else f"{kind}: {limit:g}, found {amount}"


def _number(wanted: Argument) -> float:
    return float(wanted) if isinstance(wanted, int | float) else 0.0


def _invalid_json(reply: str) -> str | None:
    try:
        json.loads(reply)
    except (ValueError, RecursionError):
        return "json_valid: it is no JSON"
    return None


def _at_path(path: str, expectation: Expectation, reply: str) -> str | None:
    """`[0].value` is the field `value` of the first item; without `equals` it is enough to be there."""
    try:
        value = _followed(json.loads(reply), path)
    except (ValueError, RecursionError):
        return f"{path}: the reply is no JSON"
    except LookupError:
        return f"{path}: not there"
    if "equals" not in expectation or value == expectation["equals"]:
        return None
    return f"{path}: {value!r} instead of {expectation['equals']!r}"


def _followed(value: object, path: str) -> object:
    """Raises LookupError where the path leads nowhere."""
    for step in _STEP.finditer(path):
        if step[1] is not None:
            items: Sequence[object] = value if isinstance(value, list) else ()
            value = items[int(step[1])]
        else:
            value = value[step[2]] if isinstance(value, dict) else _nothing(step[2])
    return value


def _nothing(name: str) -> object:
    raise LookupError(name)
