"""Odds in words: 1 in 8, one in eight, 3 out of 4. They are worth what 12.5 % and 四分之三 are."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from chatterm.checks.number_values import Number, Reading
from chatterm.checks.units import NO_UNIT, RATIO

_BETWEEN = re.compile(r" (?:in|out of)(?: every)? ", re.IGNORECASE)
_LARGEST = 1000
"""Two in 2024 is no share."""


def read_odds(text: str, numbers: Sequence[Number]) -> Iterator[Number]:
    """Yield the shares that two neighbours of `numbers` make, which are those of `text`."""
    for first, second in pairwise(numbers):
        if _BETWEEN.fullmatch(text, first.end, second.start):
            above, below = _whole(first), _whole(second)
            if above and below and above < below < _LARGEST:
                share = Reading(above / below, unit=RATIO, step=Fraction(0))
                yield Number(first.start, second.end, (share,))


def _whole(number: Number) -> Fraction | None:
    """Return what a bare whole number is, None for any other."""
    if not number.readings:
        return None
    reading = number.readings[0]
    is_bare = reading.unit == NO_UNIT and reading.scale == 1 and reading.digits.denominator == 1
    return reading.digits if is_bare else None
