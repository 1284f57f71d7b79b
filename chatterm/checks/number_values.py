"""What a number of a text is: where it stands, and all the ways to understand it."""

from dataclasses import dataclass
from fractions import Fraction

from chatterm.checks.dates import Date
from chatterm.checks.units import CLOCK, NO_UNIT, QUARTER, Unit

ONE = Fraction(1)
_NAMED = (QUARTER, CLOCK)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a number."""

    digits: Fraction
    """As written, without scale, unit and sign."""
    scale: int = 1
    unit: Unit = NO_UNIT
    step: Fraction = ONE
    """One unit in the last place that is written, in the same measure as `digits`."""

    @property
    def count(self) -> Fraction:
        """With its scale, without its unit."""
        return self.digits if self.scale == 1 else self.digits * self.scale

    @property
    def amount(self) -> Fraction:
        """In the base of its unit."""
        return self.count if self.unit.factor == 1 else self.count * self.unit.factor


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
        """One in words is mostly an article; not so where it names a quarter or an hour."""
        first = self.readings[0] if self.readings else None
        return first is not None and not first.step and first.count == 1 and first.unit not in _NAMED
