"""Reads numbers that are written in English words, and the months that start a date."""

import re
from fractions import Fraction

from chatterm.checks.before_numbers import LIST_END, finish_number
from chatterm.checks.dates import MONTHS, read_date
from chatterm.checks.number_values import Number, Reading
from chatterm.checks.number_words import CARDINALS, FRACTIONS, ORDINALS, SCALES, english_value
from chatterm.checks.units import NO_UNIT, ORDINAL, QUARTER, RATIO, read_suffix

QUARTER_WORD = re.compile(r" quarter(?! of a)|季度")
_WORD = re.compile(r"(?: (?:and )?|-)([A-Za-z]+)")


def read_english(text: str, start: int, end: int) -> tuple[Number | None, int]:
    """Read a number, a month or a fraction that starts with this word."""
    word = text[start:end].lower()
    if len(word) >= 3 and (when := _read_month(text, start, word)):
        return when
    if word not in WORDS or (start and text[start - 1] in "-'"):
        return None, end
    if word in ORDINALS:
        return _read_ordinal(text, start, end, ORDINALS[word])
    words, end = _words_from(text, start, end)
    if fraction := _fraction(words):
        return finish_number(text, start, end, (Reading(fraction, unit=RATIO, step=Fraction(0)),)), end
    return _cardinal(text, start, end, words)


WORDS = frozenset((*CARDINALS, *SCALES, *ORDINALS, "half", "a", "an", "second", "first"))
_MONTH_STARTS = frozenset(MONTHS)
STARTS = re.compile(
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}|" + "|".join(sorted(WORDS))
)
"""What a lower-case word must be in full to be worth a look."""


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
    if QUARTER_WORD.match(text, end):
        return Number(start, end, (Reading(Fraction(value), unit=QUARTER),)), end
    if LIST_END.match(text, end) or text[end : end + 1] == ",":
        return None, end
    return Number(start, end, (Reading(Fraction(value), unit=ORDINAL, step=Fraction(0)),)), end


_AND_A_PART = re.compile(r" and (?:a |one[ -])?(half|quarter|three[ -]quarters)(?![A-Za-z])", re.IGNORECASE)


def _cardinal(text: str, start: int, end: int, words: list[str]) -> tuple[Number | None, int]:
    if words[0] in ("first", "second"):
        rank = Reading(Fraction(1 + (words[0] == "second")), unit=QUARTER)
        return (Number(start, end, (rank,)) if QUARTER_WORD.match(text, end) else None), end
    if not any(word in CARDINALS for word in words) and words[0] not in ("a", "half"):
        return None, end  # hundreds of, a bare million
    if words[0] in ("a", "an") and len(words) == 1:
        return None, end
    value = Fraction(english_value(words)) * (Fraction(1, 2) if words[0] == "half" else 1)
    if part := _AND_A_PART.match(text, end):
        value += {"half": Fraction(1, 2), "quarter": Fraction(1, 4)}.get(part[1].lower(), Fraction(3, 4))
        end = part.end()
    suffix = read_suffix(text, end, has_currency=False)
    units = suffix.units or ((1, NO_UNIT),)
    readings = tuple(Reading(value, 1, unit, Fraction(0)) for _, unit in units)
    return finish_number(text, start, suffix.end, readings), suffix.end
