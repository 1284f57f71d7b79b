"""Reads the numbers of a text: digits, words and Chinese numerals, with scale, unit, sign and place.

Linear in the length of the text, also where that is hostile: each pattern that is tried at a place is
bounded, and a run of digits is taken whole. What has more than `MAX_DIGITS` is a code, not a number.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from chatterm.checks.before_numbers import finish_number
from chatterm.checks.dates import Date, read_clock, read_date
from chatterm.checks.english_numbers import QUARTER_WORD, STARTS, read_english
from chatterm.checks.han_numbers import read_han
from chatterm.checks.number_values import ONE, Number, Reading
from chatterm.checks.number_words import HAN
from chatterm.checks.units import (
    CLOCK,
    CURRENCIES,
    NO_UNIT,
    ORDINAL,
    QUARTER,
    RATIO,
    TIMES,
    read_prefix,
    read_suffix,
)

MAX_DIGITS = 40


VULGAR = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅛": (1, 8)}
_START = re.compile(rf"[0-9]+|[{HAN}]+|[A-Za-z]+|[{''.join(VULGAR)}]|\x1b\[[0-9;?]*[@-~]")
"""The last is what a terminal obeys, as in colours (ECMA-48, 5.4): its parameters count nothing."""
_AMOUNT = re.compile(
    r"(?:[0-9]{1,3}(?:(?P<sep>[,'])[0-9]{3})(?:(?P=sep)[0-9]{3})*(?![0-9])"  # 1,234,567
    r"|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?![0-9])"  # 12,34,567
    r"|[0-9]+)(?:\.[0-9]+)?"
)
_EUROPEAN = re.compile(
    r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]{1,2})(?![0-9])|[0-9]{1,3}(?:\.[0-9]{3}){2,}(?![0-9.])"
)
_THOUSANDS_POINT = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
"""2.501 EUR is 2501 where the point parts thousands; money has no third decimal."""
_GOES_ON = re.compile(r"[\s-]?[^\s\d,.;:!?()\[\]|\"'/-]")
"""Whether anything but a mark stands behind a number: a power, a scale, a unit, a word."""
_STEPS = tuple(Fraction(1, 10**num_decimals) for num_decimals in range(MAX_DIGITS))
_POWER = re.compile(r"(?:[eE]([-+]?[0-9]{1,2})|\s?[×x*]\s?10(?:\^|\*\*)([-+]?[0-9]{1,2}))(?![0-9A-Za-z])")
_WHEN_BEHIND = re.compile(rf"[-/:]|\.[0-9]{{1,2}}\.|,? ?[A-Za-z]| ?[{HAN}年月日号號时時点點]")
"""What must stand behind the first digits of a date or a time."""
_CHAIN = re.compile(r"(?:\.[0-9]+){2,}|(?:-[0-9]+){2,}")
_SLASHED = re.compile(r"([0-9]{1,3})/([0-9]{1,3})(?![0-9/])")
_GLUED_BEFORE = re.compile(r"([A-Za-z]+)(-?)\Z")
_CODE_BEFORE = re.compile(r"[A-Za-z][0-9]{1,6}[.-]\Z")
_CODE_TAIL = re.compile(r"(?:[-.]?[0-9A-Za-z]{1,40}){0,8}")
_GLUED_WORD = re.compile(r"[A-Za-z]+[-0-9A-Za-z]{0,40}")
_TIMES = re.compile(r"[xX×](?![0-9A-Za-z]| ?[0-9])")
_ENDING = re.compile(r"(st|nd|rd|th)(?![A-Za-z])", re.IGNORECASE)
_FREE_PREFIXES = frozenset(
    (
        *("mid", "pre", "post", "sub", "over", "under", "early", "late", "non", "fy", "us", "hk"),
        *("rmb", "cny", "usd", "eur", "gbp", "jpy", "hkd", "chf"),
    )
)


def read_numbers(text: str) -> tuple[Number, ...]:
    """Return the numbers of a text that `fold` has made plain, in their order."""
    return tuple(_with_ranges(text, list(_scan(text))))


def _scan(text: str) -> Iterator[Number]:
    place = 0
    while found := _START.search(text, place):
        char = text[found.start()]
        if char.isascii() and char.isdigit():
            number, place = _read_digits(text, found.start(), found.end())
        elif char in VULGAR:
            ratio = Reading(Fraction(*VULGAR[char]), unit=RATIO, step=Fraction(0))
            number, place = Number(found.start(), found.end(), (ratio,)), found.end()
        elif char.isascii():
            number, place = None, found.end()
            if STARTS.fullmatch(found[0].lower()):
                number, place = read_english(text, found.start(), place)
        else:
            number, place = _read_han_run(text, found.start(), found.end())
        if number:
            yield number


def _read_digits(text: str, start: int, end: int) -> tuple[Number | None, int]:
    """Read what starts with a digit."""
    if end - start > MAX_DIGITS:
        return None, end
    if _is_code(text, start):
        return None, _end_of_code(text, end)
    when = _read_when(text, start) if _WHEN_BEHIND.match(text, end) else None
    return when or _read_chain(text, start, end) or _read_slashed(text, start) or _read_quantity(text, start)


def _is_code(text: str, start: int) -> bool:
    """Return whether the digits go on a word: B12, COVID-19, but not mid-2024 or RMB5."""
    if not (start and (text[start - 1] in "-." or text[start - 1].isalpha())):
        return False
    glued = _GLUED_BEFORE.search(text, max(0, start - 12), start)
    if not glued:
        return bool(_CODE_BEFORE.search(text, max(0, start - 12), start))
    if glued[1].lower() in ("q", "h") and not glued[2]:
        return False
    return glued[1].lower() not in _FREE_PREFIXES


def _end_of_code(text: str, end: int) -> int:
    found = _CODE_TAIL.match(text, end)
    return found.end() if found else end


def _read_when(text: str, start: int) -> tuple[Number, int] | None:
    dates, end = read_date(text, start)
    if dates:
        return Number(start, end, dates=dates), end
    minutes, end = read_clock(text, start)
    if minutes:
        readings = tuple(Reading(Fraction(one), unit=CLOCK, step=Fraction(0)) for one in minutes)
        hours = tuple(Reading(Fraction(one, 60), step=Fraction(0)) for one in minutes if one % 60 == 0)
        return Number(start, end, readings + hours), end
    return None


def _read_chain(text: str, start: int, end: int) -> tuple[Number | None, int] | None:
    """Read 1.234.567,89 as a number, and 1.2.3 or 978-3-16 as codes."""
    if text[end : end + 1] not in (".", "-"):
        return None
    if found := _EUROPEAN.match(text, start):
        digits = found[0].replace(".", "").replace(",", ".")
        if len(digits) > MAX_DIGITS:
            return None, found.end()
        return _quantity(text, start, found.end(), digits)
    chain = _CHAIN.match(text, end)
    return (None, chain.end()) if chain else None


def _read_slashed(text: str, start: int) -> tuple[Number | None, int] | None:
    found = _SLASHED.match(text, start)
    if found and found[0] == "24/7":
        return None, found.end()
    if not found or not 0 < int(found[1]) < int(found[2]):
        return None
    first, second = int(found[1]), int(found[2])
    ratio = Reading(Fraction(first, second), unit=RATIO, step=Fraction(0))
    dates = (Date(None, first, second), Date(None, second, first))
    return Number(start, found.end(), (ratio,), tuple(one for one in dates if one.is_possible)), found.end()


def _read_quantity(text: str, start: int) -> tuple[Number | None, int]:
    found = _AMOUNT.match(text, start)
    end = found.end() if found else start + 1
    if end - start > MAX_DIGITS:
        return None, end
    digits = text[start:end].replace(",", "").replace("'", "")
    if ending := _ENDING.match(text, end):
        unit = QUARTER if QUARTER_WORD.match(text, ending.end()) else ORDINAL
        return finish_number(text, start, ending.end(), (Reading(Fraction(digits), unit=unit),)), ending.end()
    if text[start - 1 : start] in ("Q", "q"):
        return Number(start - 1, end, (Reading(Fraction(digits), unit=QUARTER),)), end
    return _quantity(text, start, end, digits)


def _quantity(text: str, start: int, end: int, digits: str) -> tuple[Number | None, int]:
    """Put together number, power, scale, unit, currency and sign."""
    whole, _, decimals = digits.partition(".")
    step = _STEPS[len(decimals)]
    value = Fraction(int(whole + decimals), step.denominator)
    if not _GOES_ON.match(text, end):
        return _bare(text, start, end, digits, Reading(value, step=step))
    if power := _POWER.match(text, end):
        factor = Fraction(10) ** int(power[1] or power[2])
        value, step, end = value * factor, step * factor, power.end()
    value, step, end = _with_lower_part(text, end, value, step)
    value, step, end = _with_half(text, end, value, step)
    if part := VULGAR.get(text[end : end + 1]):
        value, step, end = value + Fraction(*part), Fraction(0), end + 1
    _, currencies = read_prefix(text, start)
    suffix = read_suffix(text, end, has_currency=bool(currencies))
    if suffix.end == end and (times := _TIMES.match(text, end)):
        reading = Reading(value, unit=TIMES, step=step)
        return finish_number(text, start, times.end(), (reading,)), times.end()
    if suffix.end == end and (glued := _GLUED_WORD.match(text, end)):
        return None, glued.end()
    if text[suffix.end : suffix.end + 2] == "季度" or text[suffix.end : suffix.end + 3] == "个季度":
        return Number(start, suffix.end, (Reading(value, unit=QUARTER),)), suffix.end
    readings = tuple(Reading(value, scale, unit, step) for scale, unit in suffix.units)
    if currencies:
        readings = tuple(Reading(value, suffix.scale, unit, step) for unit in currencies)
    readings = readings or (Reading(value, suffix.scale, NO_UNIT, step),)
    return finish_number(text, start, suffix.end, _with_thousands(readings, digits)), suffix.end


def _bare(text: str, start: int, end: int, digits: str, reading: Reading) -> tuple[Number, int]:
    """Put together a number with nothing behind it."""
    currencies = read_prefix(text, start)[1]
    readings = tuple(replace(reading, unit=unit) for unit in currencies) or (reading,)
    return finish_number(text, start, end, _with_thousands(readings, digits)), end


def _with_thousands(readings: tuple[Reading, ...], digits: str) -> tuple[Reading, ...]:
    if readings[0].unit not in CURRENCIES or not _THOUSANDS_POINT.fullmatch(digits):
        return readings
    return (*readings, replace(readings[0], digits=readings[0].digits * 1000, step=ONE))


_LOWER_PART = re.compile(
    r"[亿億]([0-9]{1,4}(?:\.[0-9]{1,4})?)(?=[万萬])|[万萬]([0-9])(?=千)|[万萬]([0-9]{1,4})(?![0-9.,:年千万萬亿億])"
)


def _with_lower_part(text: str, end: int, value: Fraction, step: Fraction) -> tuple[Fraction, Fraction, int]:
    """Read 1亿2000万 as 12000万, 3万5千 as 35千, 76万4800 as 764800."""
    found = _LOWER_PART.match(text, end)
    if not found:
        return value, step, end
    factor = 10 if found[2] else 10**4
    return value * factor + Fraction(found[1] or found[2] or found[3]), ONE, found.end()


_HALF = re.compile(r" and (?:a |one[ -])half(?![A-Za-z])|个半(?=小时|钟头|星期|世纪)", re.IGNORECASE)


def _with_half(text: str, end: int, value: Fraction, step: Fraction) -> tuple[Fraction, Fraction, int]:
    """Read 3 and a half, and 8个半小时."""
    found = _HALF.match(text, end)
    return (value + Fraction(1, 2), Fraction(0), found.end()) if found else (value, step, end)


def _read_han_run(text: str, start: int, end: int) -> tuple[Number | None, int]:
    if end - start > MAX_DIGITS:
        return None, end
    if when := _read_when(text, start):
        return when
    found = read_han(text, start, end)
    if not found:
        return None, end
    if half := _HALF.match(text, found.end):
        found = replace(found, value=found.value + Fraction(1, 2), end=half.end())
    unit = QUARTER if found.is_quarter else ORDINAL if found.is_ordinal else NO_UNIT
    if unit.name or found.is_ratio:
        reading = Reading(found.value, unit=unit if unit.name else RATIO, step=Fraction(0))
        number = Number(found.start, found.end, (reading,))
        return replace(number, is_marker=found.is_marker), found.end
    suffix = read_suffix(text, found.end, has_currency=False)
    readings = tuple(
        Reading(found.value, scale, one, Fraction(0))
        for scale, one in suffix.units or ((suffix.scale, NO_UNIT),)
    )
    return finish_number(text, found.start, suffix.end, readings), suffix.end


_JOINS = re.compile(r" ?(?:-|~|to|至|到) ?[$€£¥]?\Z", re.IGNORECASE)
_BETWEEN_JOINS = re.compile(r" ?(?:and|和|与) ?[$€£¥]?\Z", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:between|介于|在) ?[$€£¥]?\Z", re.IGNORECASE)


def _with_ranges(text: str, numbers: list[Number]) -> Iterator[Number]:
    """Give the first number of a range the scale and unit of the last: 3-5 million starts at 3 million."""
    for place, number in enumerate(numbers):
        after = numbers[place + 1] if place + 1 < len(numbers) else None
        if after and number.readings and after.readings and after.start - number.end < 8:
            yield _as_range(text, number, after)
        else:
            yield number


def _as_range(text: str, number: Number, after: Number) -> Number:
    first, last = number.readings[0], after.readings[0]
    between = text[number.end : after.start]
    is_pair = bool(
        _BETWEEN_JOINS.match(between) and _BETWEEN.search(text, max(0, number.start - 10), number.start)
    )
    is_range = bool(_JOINS.match(between)) or (after.sign == -1 and not between) or is_pair
    if not is_range or first.unit.name or first.scale != 1 or not (last.unit.name or last.scale != 1):
        return number
    if last.unit.name in ("ordinal", "clock"):
        return number
    shared = replace(first, unit=last.unit, scale=last.scale)
    return replace(number, readings=(shared, *number.readings))
