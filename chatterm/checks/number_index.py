"""The numbers of the sources, by what they are worth, for `number_check` to look up. Judges nothing."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from operator import itemgetter
from typing import TypeVar

from chatterm.checks.dates import Date
from chatterm.checks.number_values import Number, Reading
from chatterm.checks.numbers import read_numbers
from chatterm.checks.odds import read_odds
from chatterm.checks.sources import Source
from chatterm.checks.units import DAY_OF_MONTH, NO_UNIT, declared_scales, declares_percent

T = TypeVar("T")
Place = tuple[Source, Number, Reading]
_MAX_KEPT = 200
"""Places of one value, so that a text of nothing else takes no longer for each."""


@dataclass(slots=True)
class NumberIndex:
    """The numbers of the sources, by what they are worth. Filled once, then only read."""

    by_count: dict[Fraction, list[Place]] = field(default_factory=lambda: defaultdict(list))
    """All, and the years and days of dates."""
    by_amount: dict[tuple[str, Fraction], list[Place]] = field(default_factory=lambda: defaultdict(list))
    """Those with a unit."""
    by_digits: dict[Fraction, list[Place]] = field(default_factory=lambda: defaultdict(list))
    """Those with a scale."""
    years: dict[int, list[tuple[Source, Number]]] = field(default_factory=lambda: defaultdict(list))
    days: dict[tuple[int | None, int | None], dict[Date, tuple[Source, Number]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """By month and day, the first place of each date."""
    sorted_amounts: dict[str, list[float]] = field(default_factory=dict)
    """Of each unit, for what is rounded; `sorted_places` go with them."""
    sorted_places: dict[str, list[Place]] = field(default_factory=dict)
    has_percent_head: bool = False

    def with_digits(self, digits: Fraction) -> Iterator[Place]:
        """Yield the numbers that are written with these digits, whatever their scale and unit."""
        plain = self.by_count.get(digits, ())
        yield from (place for place in plain if place[2].scale == 1 and _is_read(place))
        yield from self.by_digits.get(digits, ())

    def within(self, unit: str, amount: Fraction, step: Fraction) -> list[Place]:
        """Return the places whose amount is at most a step away."""
        amounts, middle, width = self.sorted_amounts.get(unit, []), float(amount), float(step)
        places = self.sorted_places.get(unit, [])
        return places[bisect_left(amounts, middle - width) : bisect_right(amounts, middle + width)]


def index_numbers(sources: Sequence[Source]) -> NumberIndex:
    """Return what `check_numbers` looks things up in."""
    index = NumberIndex()
    for source in sources:
        heads = declared_scales(source.folded)
        numbers = read_numbers(source.folded)
        for number in numbers:
            _add(index, source, _scaled(number, heads))
        for odds in read_odds(source.folded, numbers):
            _add(index, source, odds)
        index.has_percent_head |= declares_percent(source.folded)
    _sort_amounts(index)
    return index


def _scaled(number: Number, heads: Sequence[tuple[int, int]]) -> Number:
    """Let a bare number also be what the last head above it makes of it: 16,870 below (in thousand euros)."""
    above = bisect_right(heads, (number.start, 0)) - 1
    if above < 0:
        return number
    bare = [one for one in number.readings if one.scale == 1 and one.unit == NO_UNIT]
    if not bare:
        return number
    return replace(number, readings=(*number.readings, replace(bare[0], scale=heads[above][1])))


def _sort_amounts(index: NumberIndex) -> None:
    amounts = [(float(amount), unit, places[0]) for (unit, amount), places in index.by_amount.items()]
    for count, places in index.by_count.items():
        bare = (place for place in places if not place[2].unit.name and _is_read(place))
        amounts += [(float(count), "", place) for place in islice(bare, 1)]
    for amount, unit, place in sorted(amounts, key=itemgetter(0)):
        index.sorted_amounts.setdefault(unit, []).append(amount)
        index.sorted_places.setdefault(unit, []).append(place)


def _add(index: NumberIndex, source: Source, number: Number) -> None:
    for reading in number.readings:
        place = (source, number, reading)
        _put(index.by_count[reading.count], place)
        if reading.unit.name:
            _put(index.by_amount[reading.unit.name, reading.amount], place)
        if reading.scale != 1:
            _put(index.by_digits[reading.digits], place)
    for date in number.dates:
        index.days[date.month, date.day].setdefault(date, (source, number))
        if date.year:
            _put(index.years[date.year], (source, number))
        for part, unit in ((date.year, NO_UNIT), (date.day, DAY_OF_MONTH)):
            if part:
                reading = Reading(Fraction(part), unit=unit)
                _put(index.by_count[reading.count], (source, number, reading))


def _is_read(place: Place) -> bool:
    """Return whether it is a number as it stands there, not a part of a date."""
    return place[2] in place[1].readings


def _put(places: list[T], place: T) -> None:
    if len(places) < _MAX_KEPT:
        places.append(place)
