"""The fields of a structured answer that code computes: models copy, code calculates (LIBRARY.md, rule 6).

Pure. Whatever the model wrote gives a value or null, never an error; why it is null is told in a notice.
- compare(value, range): low, normal, high, or unknown where the texts cannot be compared;
- ratio(a, b): a / b; growth(now, before): (now - before) / |before|, as `+12.5%`;
- days_between(from, to): whole days, below 0 where `to` is earlier;
- sum(field), count(field): over the items of a list; they stand beside the list, not in its items;
- shares(field): so too, how often each value is there: `positive 3 (75%), negative 1 (25%)`.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from chatterm.prompts.output import Computation
from chatterm.tasks.amounts import Amount, Range, bound_of, read_amount, read_day, read_range

Value = str | int | float | None

UNKNOWN = "unknown"
"""Of a comparison that cannot be made."""
_OVER_ITEMS = ("sum", "count", "shares")
_MAX_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class Computed:
    """What computing gave."""

    value: object
    """The answer with the fields in it."""
    totals: Mapping[str, Value]
    """What was computed over the items of an answer that is a list."""
    notices: tuple[str, ...]


def compute(answer: object, computations: Mapping[str, Computation]) -> Computed:
    """Add the computed fields to an answer; `answer` itself stays as it is."""
    notices: dict[str, None] = {}
    of_items = {name: one for name, one in computations.items() if one.function not in _OVER_ITEMS}
    over_items = {name: one for name, one in computations.items() if one.function in _OVER_ITEMS}
    value = _with_fields(answer, of_items, notices)
    totals = {}
    for name, one in over_items.items():
        found = _column(value, one.arguments[0])
        if found is not None:
            totals[name] = _total(name, one, found, notices)
    if isinstance(value, dict):
        return Computed({**value, **totals}, {}, tuple(notices))
    return Computed(value, totals, tuple(notices))


def _with_fields(value: object, computations: Mapping[str, Computation], notices: dict[str, None]) -> object:
    """Return `value` where every object that has all arguments of a computation has its result too."""
    if isinstance(value, list):
        return [_with_fields(item, computations, notices) for item in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, object] = {key: _with_fields(item, computations, notices) for key, item in value.items()}
    for name, one in computations.items():
        if all(argument in value for argument in one.arguments):
            found[name] = _result(name, one, [value[argument] for argument in one.arguments], notices)
    return found


def _result(
    name: str, computation: Computation, arguments: Sequence[object], notices: dict[str, None]
) -> Value:
    first, second = (_text(argument) for argument in arguments)
    if computation.function == "compare":
        return compare(first, second)
    if not first or not second:
        return None
    two_texts: Mapping[str, Callable[[str, str], Value]] = {
        "ratio": ratio,
        "growth": growth,
        "days_between": days_between,
    }
    found = two_texts[computation.function](first, second)
    if found is None:
        notices[f"{name} could not be computed from {_shown(first)} and {_shown(second)}"] = None
    return found


def compare(value: str, printed: str) -> str:
    """Return whether a value lies in the range printed beside it: low, normal, high or unknown."""
    amount, span = read_amount(value), read_range(printed)
    if amount is None or span is None or not _are_comparable(amount, span):
        return UNKNOWN
    side = bound_of(value)
    if _is_below(amount, span):
        return UNKNOWN if side > 0 else "low"  # >5 may be anything above it
    if _is_above(amount, span):
        return UNKNOWN if side < 0 else "high"
    if (side < 0 and span.low is not None) or (side > 0 and span.high is not None):
        return UNKNOWN
    return "normal"


def _are_comparable(amount: Amount, span: Range) -> bool:
    kinds = {one.kind for one in (amount, span.low, span.high) if one is not None and one.kind}
    return len(kinds) <= 1


def _is_below(amount: Amount, span: Range) -> bool:
    if span.low is None:
        return False
    value, end = _pair(amount, span.low)
    return value < end or (span.excludes_low and value == end)


def _is_above(amount: Amount, span: Range) -> bool:
    if span.high is None:
        return False
    value, end = _pair(amount, span.high)
    return value > end or (span.excludes_high and value == end)


def _pair(first: Amount, second: Amount) -> tuple[Fraction, Fraction]:
    """Return both in one measure; where one has no unit, it is taken to be the other's."""
    return (first.base, second.base) if first.kind == second.kind else (first.value, second.value)


def ratio(first: str, second: str) -> float | None:
    """Return how often the second goes into the first, to six digits; None for other units and for 0."""
    pair = _numbers(first, second)
    return _rounded(pair[0] / pair[1]) if pair and pair[1] else None


def growth(now: str, before: str) -> str | None:
    """Return the change from `before` to `now` in percent of `before`, with its sign and one decimal."""
    pair = _numbers(now, before)
    if not pair or not pair[1]:
        return None
    share = _rounded((pair[0] - pair[1]) / abs(pair[1]))
    return None if share is None else f"{share:+.1%}"


def days_between(start: str, end: str) -> int | None:
    """Return the days from the first date to the second; None where one is no whole date."""
    first, second = read_day(start), read_day(end)
    return (second - first).days if first and second else None


def _numbers(first: str, second: str) -> tuple[Fraction, Fraction] | None:
    """Return both numbers in one measure; None where one is none, or their units differ."""
    found = read_amount(first), read_amount(second)
    if (
        found[0] is None
        or found[1] is None
        or (found[0].kind and found[1].kind and found[0].kind != found[1].kind)
    ):
        return None
    return _pair(found[0], found[1])


def _rounded(number: Fraction) -> float | None:
    try:
        found = float(f"{float(number):.6g}")
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _column(value: object, field: str) -> list[object] | None:
    """Return the field of every item of the first list that has it; the field itself where it is a list."""
    if isinstance(value, list):
        return [item[field] for item in value[:_MAX_ITEMS] if isinstance(item, dict) and field in item]
    if not isinstance(value, dict):
        return None
    if isinstance(value.get(field), list):
        return list(value[field][:_MAX_ITEMS])
    inner = (_column(item, field) for item in value.values() if isinstance(item, list | dict))
    return next((found for found in inner if found), None)


def _total(name: str, computation: Computation, column: list[object], notices: dict[str, None]) -> Value:
    present = [item for item in column if item is not None and item != ""]
    if computation.function == "count":
        return len(present)
    if computation.function == "shares":
        return _shares(present)
    amounts = [read_amount(_text(item)) for item in present]
    number = _rounded(sum((one.value for one in amounts if one), Fraction()))
    units = {one.unit for one in amounts if one}
    if present and None not in amounts and len(units) == 1 and number is not None:
        return _with_unit(number, units.pop())
    is_mixed = len(units) > 1 and None not in amounts
    why = "there is no value" if not present else "its units differ" if is_mixed else "not all are numbers"
    notices[f"{name} could not be computed: {why}"] = None
    return None


def _shares(values: Sequence[object]) -> str:
    """Return each value with how many items have it, the most frequent first; an item may have several."""
    of_items = [value if isinstance(value, list) else [value] for value in values]
    counts = Counter(_text(value) for several in of_items for value in several)
    return ", ".join(f"{value} {num:,} ({num / len(values):.0%})" for value, num in counts.most_common())


def _with_unit(number: float, unit: str) -> Value:
    """Return a plain number where there is no unit."""
    value = int(number) if number == int(number) else number
    return f"{value:,} {unit}" if unit else value


def _text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
