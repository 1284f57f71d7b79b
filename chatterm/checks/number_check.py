"""Holds every number, date and time of a reply against those of its sources.

It compares values, units and signs, not meaning: a number of the source that the reply gives to the wrong
thing is found. Found too is what exact conversion makes the same (1.2 million, 120万; 2 hours, 120
minutes), what a table's head scales, and what is rounded and said to be (about, 约). Rounded in silence is
`near`.
"""

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice

from chatterm.checks.dates import Date
from chatterm.checks.findings import Evidence, Finding, Verdict, Why
from chatterm.checks.folding import fold
from chatterm.checks.number_index import NumberIndex, Place
from chatterm.checks.number_values import Number, Reading
from chatterm.checks.numbers import read_numbers
from chatterm.checks.odds import read_odds
from chatterm.checks.own_counts import counts_own_parts
from chatterm.checks.sources import Source, first
from chatterm.checks.units import DAY_OF_MONTH, NO_UNIT

_MAX_PLACES = 20
"""Of one value that are looked at."""

_FALLING = re.compile(
    r"fell|fall|drop|declin|decreas|down|low|loss|lost|deficit|reduc|cut|shr[aiu]nk|negative|minus|fee|cost|expens"
    r"|charge|debit|paid|pay|outflow|withdr|spen[dt]|below|under|short|降|跌|减|減|亏|虧|负|負|赤字|支出|费|費|成本"
    r"|低于|下滑|缩|流出|扣",
    re.IGNORECASE,
)
_COLUMN = re.compile(r"(?:  |\t|\| ?)[$€£¥]? ?\(\Z")
"""What stands before a figure of a table that is in brackets, as bookkeepers write what is negative."""
_END_OF_SENTENCE = re.compile(r"[\n。;!?]|\. ")
_ABOUT = re.compile(
    r"(?:about|around|roughly|approximately|approx\.?|nearly|almost|over|more than|less than|under|some|circa"
    r"|ca\.|up to|close to|~|≈|约为?|大约|接近|将近|近|超过|超|逾|大概|不到|约有) ?\Z",
    re.IGNORECASE,
)
_ABOUT_AFTER = re.compile(r" ?(?:or so|左右|上下|多|余)")
_HARMLESS_PAIRS = frozenset([("ordinal", ""), ("", "ordinal"), ("quarter", ""), ("times", "")])


def check_numbers(reply: str, index: NumberIndex) -> Iterator[Finding]:
    """Yield a finding for each number of the reply that counts something."""
    folded = fold(reply)
    numbers = read_numbers(folded)
    shares = {
        one.start: one for one in read_odds(folded, numbers) if _judge(folded, one, index)[0] == "found"
    }
    end = 0
    for number in numbers:
        if number.start < end:
            continue  # a part of the share before
        whole = shares.get(number.start, number)
        end = whole.end
        if not (whole.is_marker or whole.is_one):
            finding = _find(reply, folded, whole, index)
            if finding.is_verified or not _is_own_count(folded, whole):
                yield finding


def _is_own_count(folded: str, number: Number) -> bool:
    if not number.readings or number.sign:
        return False
    reading = number.readings[0]
    is_bare = reading.unit == NO_UNIT and reading.scale == 1 and reading.digits.denominator == 1
    return is_bare and counts_own_parts(folded, number.start, number.end, int(reading.digits))


def _find(reply: str, folded: str, number: Number, index: NumberIndex) -> Finding:
    verdict, why, evidence = _judge(folded, number, index)
    text = reply[number.start : number.end]
    return Finding("number", verdict, number.start, number.end, text, why, evidence)


Judged = tuple[Verdict, Why, tuple[Evidence, ...]]
_RANKS: dict[Verdict, int] = {"found": 0, "near": 1, "absent": 2}


def _judge(folded: str, number: Number, index: NumberIndex) -> Judged:
    judged = [_judge_date(date, index) for date in number.dates]
    judged += [_judge_reading(folded, number, reading, index) for reading in number.readings]
    return min(judged, key=lambda one: _RANKS[one[0]])


def _judge_reading(folded: str, number: Number, reading: Reading, index: NumberIndex) -> Judged:
    places = list(islice(_same(reading, index), _MAX_PLACES))
    agreeing = [place for place in places if _agree(folded, number, place)]
    if agreeing:
        return "found", "", _evidence(agreeing)
    if places:
        return "near", "sign", _evidence(places)
    is_about = _is_about(folded, number)
    if is_about and (rounded := _around(reading, _tolerance(reading), index)):
        return "found", "rounded", _evidence(rounded)
    if rounded := _around(reading, reading.step if is_about else _half_step(reading), index):
        return "near", "rounded", _evidence(rounded)
    return _judge_likeness(reading, index)


def _judge_likeness(reading: Reading, index: NumberIndex) -> Judged:
    """Look for the same figures with another unit or scale."""
    if others := [place for place in index.by_count.get(reading.count, ()) if place[2].unit != reading.unit]:
        return "near", "unit", _evidence(others)
    if others := list(index.with_digits(reading.digits)):
        why: Why = "scale" if others[0][2].unit.name == reading.unit.name else "unit"
        return "near", why, _evidence(others)
    return "absent", "", ()


def _same(reading: Reading, index: NumberIndex) -> Iterator[Place]:
    """Yield the source's numbers that are worth the same; without a unit the value decides."""
    unit = reading.unit.name
    if unit:
        yield from index.by_amount.get((unit, reading.amount), ())
        for place in index.by_count.get(reading.count, ()):
            if _may_stand_for(unit, place[2].unit.name, index):
                yield place
    else:
        for place in index.by_count.get(reading.count, ()):
            if place[2].unit.name not in _APART:
                yield place
        if index.has_percent_head:
            yield from index.with_digits(reading.digits)


_APART = frozenset(("%", "pp", "clock", DAY_OF_MONTH.name))
"""Units that a bare number cannot stand for."""


def _may_stand_for(unit: str, other: str, index: NumberIndex) -> bool:
    if unit == "%":
        return not other and index.has_percent_head
    return (not other and unit not in ("pp", "clock")) or (unit, other) in _HARMLESS_PAIRS


def _around(reading: Reading, width: Fraction, index: NumberIndex) -> list[Place]:
    """Return the source's numbers that are at most `width` away, which is in the measure of the digits."""
    if not width:
        return []
    plain, unit = reading.scale * width, reading.unit
    found = index.within(unit.name, reading.amount, plain * unit.factor)
    return found or (index.within("", reading.count, plain) if unit.name else [])


def _half_step(reading: Reading) -> Fraction:
    """Return how far a number may be that rounds to what is written; a single digit rounds nothing."""
    return reading.step / 2 if reading.digits >= 10 * reading.step else Fraction(0)


def _tolerance(reading: Reading) -> Fraction:
    """Return how far a number may be that is said to be about so much.

    Noughts at the end are not exact (about 540), and digits may be cut off instead of rounded (over 1.2
    million), if that is no more than 2 %.
    """
    step = _rough_step(reading)
    rounding = step / 2 if reading.digits >= 10 * step else Fraction(0)
    return max(rounding, min(step, reading.digits / 50))


def _rough_step(reading: Reading) -> Fraction:
    """Return the place of the last digit that is no nought; decimals are written because they count."""
    step, digits = reading.step or Fraction(1), reading.digits
    while step >= 1 and digits and (digits / (step * 10)).denominator == 1:
        step *= 10
    return step


def _is_about(folded: str, number: Number) -> bool:
    before = folded[max(0, number.start - 16) : number.start]
    return bool(_ABOUT.search(before) or _ABOUT_AFTER.match(folded, number.end))


def _agree(folded: str, number: Number, place: Place) -> bool:
    """Return whether the signs go together; where both are written they must be the same."""
    source, other, _ = place
    if number.sign >= 0 and other.sign >= 0 and not _is_in_column(source.folded, other):
        return True
    if number.sign and other.sign:
        return number.sign == other.sign
    return bool(_signs(folded, number) & _signs(source.folded, other))


def _signs(folded: str, number: Number) -> set[int]:
    """Return the signs this number may have: 5 is also -5 where something falls, or in brackets."""
    before = folded[max(0, number.start - 40) : number.start]
    if _is_in_column(folded, number):
        return {-1}
    if before.endswith("(") and folded[number.end : number.end + 1] == ")":
        return {-1, 1}
    after = folded[number.end : number.end + 20]
    falls = bool(_FALLING.search(_END_OF_SENTENCE.split(before)[-1] + " " + _END_OF_SENTENCE.split(after)[0]))
    if falls and number.sign <= 0:
        return {-1, 1}
    return {number.sign or 1}


def _is_in_column(folded: str, number: Number) -> bool:
    """Return whether it is a figure of a table in brackets, which is negative; small ones are notes."""
    if folded[number.end : number.end + 1] != ")" or not number.readings or number.readings[0].digits < 100:
        return False
    return bool(_COLUMN.search(folded, max(0, number.start - 8), number.start))


def _evidence(places: Iterable[Place]) -> tuple[Evidence, ...]:
    return first(source.evidence(number.start, number.end) for source, number, _ in places)


def _judge_date(date: Date, index: NumberIndex) -> Judged:
    """A date is found where one place says it all, or one its day without a year and another its year."""
    if date.month is None and date.year:
        places = [*index.years.get(date.year, ()), *_bare_years(date.year, index)]
        return ("found", "", _dated(places)) if places else ("absent", "", ())
    alike = _with_day(date, index)
    if whole := [place for other, place in alike if date.is_within(other)]:
        return "found", "", _dated(whole)
    apart = [place for other, place in alike if other.year is None and not date.is_contrary(other)]
    if apart and date.year and (index.years.get(date.year) or next(_bare_years(date.year, index), None)):
        return "found", "", _dated(apart)
    near = [place for _, place in alike] or list(_half_alike(date, index))
    return ("near", "date", _dated(near)) if near else ("absent", "", ())


def _with_day(date: Date, index: NumberIndex) -> list[tuple[Date, tuple[Source, Number]]]:
    """Return the dates of the same month, and of the same day where the date has one."""
    if date.day:
        return list(index.days.get((date.month, date.day), {}).items())
    return [pair for key, dates in index.days.items() if key[0] == date.month for pair in dates.items()]


def _half_alike(date: Date, index: NumberIndex) -> Iterator[tuple[Source, Number]]:
    """Yield where the month stands alone, or the day."""
    if date.day:
        yield from index.days.get((date.month, None), {}).values()
        yield from index.days.get((None, date.day), {}).values()


def _bare_years(year: int, index: NumberIndex) -> Iterator[tuple[Source, Number]]:
    for source, number, reading in index.by_count.get(Fraction(year), ()):
        if not reading.unit.name:
            yield source, number


def _dated(places: Iterable[tuple[Source, Number]]) -> tuple[Evidence, ...]:
    return first(source.evidence(number.start, number.end) for source, number in places)
