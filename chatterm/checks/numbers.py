"""Reads the numbers of a text: digits, words and Chinese numerals, with scale, unit, sign and place.

Linear in the length of the text, also where that is hostile: each pattern that is tried at a place is
bounded, and a run of digits is taken whole. What has more than `MAX_DIGITS` is a code, not a number.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from chatterm.checks.dates import MONTHS, Date, read_clock, read_date
from chatterm.checks.han_numbers import read_han
from chatterm.checks.number_words import CARDINALS, FRACTIONS, HAN, ORDINALS, SCALES, english_value
from chatterm.checks.units import (
    CLOCK,
    NO_UNIT,
    ORDINAL,
    QUARTER,
    RATIO,
    Unit,
    read_prefix,
    read_suffix,
)

MAX_DIGITS = 40
_ONE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a number."""

    digits: Fraction
    """As written, without scale, unit and sign."""
    scale: int = 1
    unit: Unit = NO_UNIT
    step: Fraction = _ONE
    """One unit in the last place that is written, in the same measure as `digits`."""

    @property
    def count(self) -> Fraction:
        """With its scale, without its unit."""
        return self.digits * self.scale

    @property
    def amount(self) -> Fraction:
        """In the base of its unit."""
        return self.digits * self.scale * self.unit.factor


@dataclass(frozen=True, slots=True)
class Number:
    """A number, date or time where it stands in a text."""

    start: int
    end: int
    readings: tuple[Reading, ...] = ()
    """The likeliest first; empty for a date."""
    dates: tuple[Date, ...] = ()
    sign: int = 0
    """-1 or 1 where one is written, else 0."""
    is_marker: bool = False
    """Numbers a list, a line or a step; counts nothing."""

    @property
    def is_one(self) -> bool:
        """One in words is mostly an article."""
        return bool(self.readings) and self.readings[0].step == 0 and self.readings[0].count == 1


_START = re.compile(rf"[0-9]+|[{HAN}]+|[A-Za-z]+")
_GROUPED = re.compile(r"[0-9]{1,3}(?:(?P<sep>[,'])[0-9]{3})(?:(?P=sep)[0-9]{3})*(?![0-9])(?:\.[0-9]+)?")
_INDIAN = re.compile(r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?![0-9])(?:\.[0-9]+)?")
_EUROPEAN = re.compile(
    r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]{1,2})(?![0-9])|[0-9]{1,3}(?:\.[0-9]{3}){2,}(?![0-9.])"
)
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_POWER = re.compile(r"(?:[eE]([-+]?[0-9]{1,2})|\s?[×x*]\s?10(?:\^|\*\*)([-+]?[0-9]{1,2}))(?![0-9A-Za-z])")
_CHAIN = re.compile(r"(?:\.[0-9]+){2,}|(?:-[0-9]+){2,}")
_SLASHED = re.compile(r"([0-9]{1,3})/([0-9]{1,3})(?![0-9/])")
_GLUED_WORD = re.compile(r"[A-Za-z]+[-0-9A-Za-z]{0,40}")
_ENDING = re.compile(r"(st|nd|rd|th)(?![A-Za-z])", re.IGNORECASE)
_FREE_PREFIXES = frozenset(
    (
        *("mid", "pre", "post", "sub", "over", "under", "early", "late", "non", "fy", "us", "hk"),
        *("rmb", "cny", "usd", "eur", "gbp", "jpy", "hkd", "chf"),
    )
)
_SIGN = re.compile(r"(?:(?<![0-9A-Za-z)\]%.,])([-+])|(?<![A-Za-z])((?i:minus|negative) )|(负|負|零下))\Z")
_QUARTER_WORD = re.compile(r" quarter(?! of a)|季度")
_MARKER_BEFORE = re.compile(
    r"(?:(?i:\b(?:lines?|steps?|points?|items?|parts?|questions?|examples?|l\.)) ?|[\[#]|\[(?i:line)s? ?"
    r"|第 ?|步骤 ?|要点 ?|问题 ?|例 ?)\Z"
)
_RANGE_BEFORE = re.compile(r"(?i:\blines?) ?[0-9]{1,6} ?(?:-|to|and|,) ?\Z|第 ?[0-9]{1,6} ?[-至到~] ?\Z")
_LIST_ITEM = re.compile(r"(?:^|\n)[ \t>*#(-]{0,8}\Z")
_LIST_END = re.compile(r"[.)、:](?![0-9])|\. ")
_COUNTED_ORDINAL = re.compile(r" ?(?:行|步|点|條目)")


def read_numbers(text: str) -> tuple[Number, ...]:
    """Return the numbers of a text that `fold` has made plain, in their order."""
    return tuple(_with_ranges(text, list(_scan(text))))


def _scan(text: str) -> Iterator[Number]:
    place = 0
    while found := _START.search(text, place):
        char = text[found.start()]
        if char.isascii() and char.isdigit():
            number, place = _read_digits(text, found.start(), found.end())
        elif char.isascii():
            number, place = _read_word(text, found.start(), found.end())
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
    return (
        _read_when(text, start)
        or _read_chain(text, start, end)
        or _read_slashed(text, start)
        or _read_quantity(text, start, end)
    )


def _is_code(text: str, start: int) -> bool:
    """Return whether the digits go on a word: B12, COVID-19, but not mid-2024 or RMB5."""
    before = text[max(0, start - 12) : start]
    glued = re.search(r"([A-Za-z]+)(-?)\Z", before)
    if not glued:
        return bool(re.search(r"[A-Za-z][0-9]{1,6}[.-]\Z", before))
    if glued[1].lower() in ("q", "h") and not glued[2]:
        return False
    return glued[1].lower() not in _FREE_PREFIXES


def _end_of_code(text: str, end: int) -> int:
    found = re.compile(r"[-.]?[0-9A-Za-z]{1,40}").match(text, end)
    return found.end() if found else end


def _read_when(text: str, start: int) -> tuple[Number, int] | None:
    dates, end = read_date(text, start)
    if dates:
        return Number(start, end, dates=dates), end
    minutes, end = read_clock(text, start)
    if minutes:
        readings = tuple(Reading(Fraction(one), unit=CLOCK, step=Fraction(0)) for one in minutes)
        return Number(start, end, readings), end
    return None


def _read_chain(text: str, start: int, end: int) -> tuple[Number | None, int] | None:
    """Read 1.234.567,89 as a number, and 1.2.3 or 978-3-16 as codes."""
    if found := _EUROPEAN.match(text, start):
        digits = found[0].replace(".", "").replace(",", ".")
        return _quantity(text, start, found.end(), digits)
    chain = _CHAIN.match(text, end)
    return (None, chain.end()) if chain else None


def _read_slashed(text: str, start: int) -> tuple[Number, int] | None:
    found = _SLASHED.match(text, start)
    if not found or not 0 < int(found[1]) < int(found[2]):
        return None
    first, second = int(found[1]), int(found[2])
    ratio = Reading(Fraction(first, second), unit=RATIO, step=Fraction(0))
    dates = (Date(None, first, second), Date(None, second, first))
    return Number(start, found.end(), (ratio,), tuple(one for one in dates if one.is_possible)), found.end()


def _read_quantity(text: str, start: int, end: int) -> tuple[Number | None, int]:
    found = _GROUPED.match(text, start) or _INDIAN.match(text, start) or _PLAIN.match(text, start)
    end = found.end() if found else end
    if end - start > MAX_DIGITS:
        return None, end
    digits = text[start:end].replace(",", "").replace("'", "")
    if ending := _ENDING.match(text, end):
        unit = QUARTER if _QUARTER_WORD.match(text, ending.end()) else ORDINAL
        return _finish(text, start, ending.end(), (Reading(Fraction(digits), unit=unit),)), ending.end()
    if text[start - 1 : start] in ("Q", "q"):
        return Number(start - 1, end, (Reading(Fraction(digits), unit=QUARTER),)), end
    return _quantity(text, start, end, digits)


def _quantity(text: str, start: int, end: int, digits: str) -> tuple[Number | None, int]:
    """Put together number, power, scale, unit, currency and sign."""
    value, step = Fraction(digits), Fraction(1, 10 ** len(digits.partition(".")[2]))
    if power := _POWER.match(text, end):
        factor = Fraction(10) ** int(power[1] or power[2])
        value, step, end = value * factor, step * factor, power.end()
    value, step, end = _with_lower_part(text, end, value, step)
    _, currencies = read_prefix(text, start)
    suffix = read_suffix(text, end, has_currency=bool(currencies))
    if suffix.end == end and (glued := _GLUED_WORD.match(text, end)):
        return None, glued.end()
    if text[suffix.end : suffix.end + 2] == "季度" or text[suffix.end : suffix.end + 3] == "个季度":
        return Number(start, suffix.end, (Reading(value, unit=QUARTER),)), suffix.end
    readings = tuple(Reading(value, scale, unit, step) for scale, unit in suffix.units)
    if currencies:
        readings = tuple(Reading(value, suffix.scale, unit, step) for unit in currencies)
    readings = readings or (Reading(value, suffix.scale, NO_UNIT, step),)
    return _finish(text, start, suffix.end, readings), suffix.end


_LOWER_PART = re.compile(r"[亿億]([0-9]{1,4}(?:\.[0-9]{1,4})?)(?=[万萬])")


def _with_lower_part(text: str, end: int, value: Fraction, step: Fraction) -> tuple[Fraction, Fraction, int]:
    """Read 1亿2000万 as 12000万."""
    found = _LOWER_PART.match(text, end)
    if not found:
        return value, step, end
    return value * 10**4 + Fraction(found[1]), _ONE, found.end()


def _finish(text: str, start: int, end: int, readings: tuple[Reading, ...]) -> Number:
    """Add what stands before: a currency, a sign; and see whether it numbers a list."""
    outer, _ = read_prefix(text, start)
    outer, sign = _read_sign(text, outer)
    is_marker = _is_marker(text, start, end, readings)
    if not sign and outer < start:
        _, sign = _read_sign(text, start)
    return Number(outer, end, readings, sign=sign, is_marker=is_marker)


def _read_sign(text: str, start: int) -> tuple[int, int]:
    found = _SIGN.search(text, max(0, start - 9), start)
    if not found:
        return start, 0
    return found.start(), 1 if found[1] == "+" else -1


def _is_marker(text: str, start: int, end: int, readings: tuple[Reading, ...]) -> bool:
    reading = readings[0]
    if reading.unit.name or reading.scale != 1 or reading.digits.denominator != 1:
        return False
    before = text[max(0, start - 24) : start]
    if _LIST_ITEM.search(before) and (start == len(before) or "\n" in before) and _LIST_END.match(text, end):
        return True
    found = _MARKER_BEFORE.search(before)
    if found and found[0].strip() == "第":
        return bool(_COUNTED_ORDINAL.match(text, end))
    return bool(found or _RANGE_BEFORE.search(before))


_WORD = re.compile(r"(?: (?:and )?|-)([A-Za-z]+)")


def _read_word(text: str, start: int, end: int) -> tuple[Number | None, int]:
    """Read a number, a month or a fraction that starts with this word."""
    word = text[start:end].lower()
    if len(word) >= 3 and (when := _read_month(text, start, word)):
        return when
    if word not in _WORDS or (start and text[start - 1] in "-'"):
        return None, end
    if word in ORDINALS:
        return _read_ordinal(text, start, end, ORDINALS[word])
    words, end = _words_from(text, start, end)
    if fraction := _fraction(words):
        return _finish(text, start, end, (Reading(fraction, unit=RATIO, step=Fraction(0)),)), end
    return _cardinal(text, start, end, words)


_WORDS = frozenset((*CARDINALS, *SCALES, *ORDINALS, "half", "a", "an", "second", "first"))
_MONTH_STARTS = frozenset(MONTHS)


def _read_month(text: str, start: int, word: str) -> tuple[Number, int] | None:
    if word[:3] not in _MONTH_STARTS:
        return None
    dates, end = read_date(text, start)
    return (Number(start, end, dates=dates), end) if dates else None


def _words_from(text: str, start: int, end: int) -> tuple[list[str], int]:
    """Return the words that make one number with the first, and their end."""
    words = [text[start:end].lower()]
    while len(words) < 20 and (found := _WORD.match(text, end)):
        word = found[1].lower()
        if not _continues(words, word, has_and=" and " in found[0].lower()):
            break
        words.append(word)
        end = found.end()
    return words, end


def _continues(words: list[str], word: str, *, has_and: bool) -> bool:
    last = words[-1]
    if word in FRACTIONS and not has_and:
        return last == "a" or (last in CARDINALS and len(words) == 1 and CARDINALS[last] < 20)
    if word in SCALES:
        return not has_and and (last in CARDINALS or last in SCALES or last in ("a", "half"))
    if word == "a":
        return last == "half"
    if word not in CARDINALS:
        return False
    if last in SCALES:
        return last != "dozen"
    is_compound = CARDINALS.get(last, 0) >= 20 and CARDINALS[word] < 10
    return is_compound and not has_and


def _fraction(words: list[str]) -> Fraction | None:
    if words in (["half"], ["half", "a"]):
        return Fraction(1, 2)
    if len(words) != 2 or words[1] not in FRACTIONS:
        return None
    return Fraction(max(CARDINALS.get(words[0], 1), 1), FRACTIONS[words[1]])


def _read_ordinal(text: str, start: int, end: int, value: int) -> tuple[Number | None, int]:
    if _QUARTER_WORD.match(text, end):
        return Number(start, end, (Reading(Fraction(value), unit=QUARTER),)), end
    if _LIST_END.match(text, end) or text[end : end + 1] == ",":
        return None, end
    return Number(start, end, (Reading(Fraction(value), unit=ORDINAL, step=Fraction(0)),)), end


def _cardinal(text: str, start: int, end: int, words: list[str]) -> tuple[Number | None, int]:
    if words[0] in ("first", "second"):
        rank = Reading(Fraction(1 + (words[0] == "second")), unit=QUARTER)
        return (Number(start, end, (rank,)) if _QUARTER_WORD.match(text, end) else None), end
    if not any(word in CARDINALS for word in words) and words[0] not in ("a", "half"):
        return None, end  # hundreds of, a bare million
    if words[0] in ("a", "an") and len(words) == 1:
        return None, end
    value = Fraction(english_value(words)) * (Fraction(1, 2) if words[0] == "half" else 1)
    suffix = read_suffix(text, end, has_currency=False)
    units = suffix.units or ((1, NO_UNIT),)
    readings = tuple(Reading(value, 1, unit, Fraction(0)) for _, unit in units)
    return _finish(text, start, suffix.end, readings), suffix.end


def _read_han_run(text: str, start: int, end: int) -> tuple[Number | None, int]:
    if end - start > MAX_DIGITS:
        return None, end
    if when := _read_when(text, start):
        return when
    found = read_han(text, start, end)
    if not found:
        return None, end
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
    return _finish(text, found.start, suffix.end, readings), suffix.end


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
