"""Reads one amount, one range or one date out of a short text that a model copied. Pure."""

import re
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from chatterm.checks.folding import fold
from chatterm.checks.numbers import read_numbers

MAX_CHARS = 500
"""What is longer is no copied value."""

_BELOW = re.compile(
    r"(?:<|≤|⩽|less than|under|below|up to|at most|小于|(?<!不)低于|不超过|不高于|以下|至多)", re.IGNORECASE
)
_ABOVE = re.compile(
    r"(?:>|≥|⩾|more than|over|above|at least|greater than|大于|(?<!不)高于|不低于|不少于|以上|至少)",
    re.IGNORECASE,
)
_WITH_BOUND = re.compile(
    r"(?:≤|⩽|≥|⩾|<=|>=|up to|at (?:most|least)|or |不超过|不高于|不低于|不少于|以上|以下|至)", re.IGNORECASE
)
_BETWEEN = re.compile(r"\s*[^\d.,;<>()]{0,16}?\s*(?:--?|~|to|and|至|到)\s*", re.IGNORECASE)
_POWER = re.compile(
    r"(?<=\d)\s*(?:[x×*]\s?|\s)10\s?(?:\^|\*\*|e)\s?(\d{1,2})\s?/\s?([A-Za-zµμ]{1,4})", re.IGNORECASE
)
"""Counts of cells: 260 10^9/L is 260 of a unit, not three numbers."""
_UNKNOWN_UNIT = re.compile(r"\s*([A-Za-zµμ%°][\w/^°%]{0,20})")
_BOUND_WORDS = frozenset({"or", "and", "to"})


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with what it counts."""

    value: Fraction
    """With its sign and scale, in its own unit."""
    base: Fraction
    """In the base of its kind of unit: grams, days, ..."""
    kind: str
    """The kind of unit; empty for none. Only amounts of one kind can be compared."""
    unit: str
    """To be written after a number of the same measure as `value`; empty for none."""


@dataclass(frozen=True, slots=True)
class Range:
    """What counts as normal: both ends, or one."""

    low: Amount | None = None
    high: Amount | None = None
    excludes_low: bool = False
    excludes_high: bool = False


def read_amount(text: str) -> Amount | None:
    """Return the only number of `text`; None where there is none, or more than one that differ."""
    found = _amounts(_plain(text))
    return found[0][2] if len({one[2] for one in found}) == 1 else None


def read_range(text: str) -> Range | None:
    """Return the range that is printed: `135-145`, `<130`, `3.5 to 5.1 g/L`, `≥60`, `低于5`; else None."""
    plain = _plain(text)
    found = _amounts(plain)
    if len(found) == 2 and found[0][1] == found[1][0]:
        # The dash of 3000万-4000万 is read as a sign.
        found[1] = (found[1][0] + 1, found[1][1], _without_sign(found[1][2]))
    if len(found) == 2 and _BETWEEN.fullmatch(plain[found[0][1] : found[1][0]]):
        low, high = (one[2] for one in found)
        low = low if low.kind else _in_unit_of(high, low)
        return Range(low, high) if low.base <= high.base and low.kind == high.kind else None
    if len(found) != 1:
        return None
    start, end, amount = found[0]
    rest = plain[:start] + plain[end:]
    has_bound = bool(_WITH_BOUND.search(rest))
    is_below, is_above = bool(_BELOW.search(rest)), bool(_ABOVE.search(rest))
    if is_below == is_above:
        return None
    if is_below:
        return Range(high=amount, excludes_high=not has_bound)
    return Range(low=amount, excludes_low=not has_bound)


def bound_of(text: str) -> int:
    """Return -1 where a value is only known to be below its number (`<0.5`), 1 for above, else 0."""
    plain = _plain(text)
    return bool(_ABOVE.search(plain)) - bool(_BELOW.search(plain))


def read_day(text: str) -> date | None:
    """Return the day; None where there is none, a part is missing, or it can be read in two ways."""
    numbers = read_numbers(fold(text[:MAX_CHARS]))
    days = {
        (one.year, one.month, one.day)
        for number in numbers
        for one in number.dates
        if one.year and one.month and one.day
    }
    if len(days) != 1:
        return None
    ((year, month, day),) = days
    try:
        return date(year, month, day)
    except ValueError:  # 31 February
        return None


def _plain(text: str) -> str:
    if len(text) > MAX_CHARS:
        return ""
    return _POWER.sub(r" E\1per\2", fold(text)).strip()


def _without_sign(amount: Amount) -> Amount:
    return replace(amount, value=abs(amount.value), base=abs(amount.base))


def _in_unit_of(other: Amount, amount: Amount) -> Amount:
    """In 3.5-5.1 g/L the first number has the unit of the second."""
    factor = other.base / other.value if other.value else Fraction(1)
    return Amount(amount.value, amount.value * factor, other.kind, other.unit)


def _amounts(plain: str) -> list[tuple[int, int, Amount]]:
    """Return where each number stands, with its sign: written before it, or as accountants do, (37)."""
    found = []
    for number in read_numbers(plain):
        if not number.readings:
            continue
        reading = number.readings[0]
        before, after = plain[: number.start].rstrip(), plain[number.end :].lstrip()
        is_in_brackets = before in ("(", "-(", "$(", "($") and after.startswith(")")
        sign = -1 if number.sign < 0 or is_in_brackets else 1
        kind = reading.unit.name or _unknown_unit(plain, number.end)
        unit = kind if reading.unit.factor == 1 else _written(plain[number.start : number.end])
        amount = Amount(sign * reading.count, sign * reading.amount, kind, unit)
        found.append((number.start, number.end, amount))
    return found


def _unknown_unit(plain: str, end: int) -> str:
    """Return the word that follows a number: two different ones are not compared."""
    found = _UNKNOWN_UNIT.match(plain, end)
    return found[1].lower() if found and found[1].lower() not in _BOUND_WORDS else ""


_LAST_WORD = re.compile(r"[^\d\s.,+\-]+\Z")


def _written(number: str) -> str:
    """Return the unit as it stands at the end of a number: `min` of `5 min`."""
    found = _LAST_WORD.search(number)
    return found[0] if found else ""
