"""Dates and times of day as they stand in English and Chinese text. Parts that are not written stay None."""

import re
from dataclasses import dataclass

from chatterm.checks.number_words import DIGITS, HAN, chinese_value

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)(?![A-Za-z])\.?"
)
_YEAR = r"([12][0-9]{3})(?![0-9])"
_DAY = r"([0-3]?[0-9])(?:st|nd|rd|th)?(?![0-9A-Za-z])"
_H = rf"[0-9{HAN}]"


@dataclass(frozen=True, slots=True)
class Date:
    """A date or a part of one."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    @property
    def is_possible(self) -> bool:
        month, day = self.month, self.day
        return (month is None or 1 <= month <= 12) and (day is None or 1 <= day <= 31)

    def is_within(self, other: "Date") -> bool:
        """Return whether all that this date says is said by the other."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        return all(mine is None or mine == theirs for mine, theirs in pairs)

    def is_contrary(self, other: "Date") -> bool:
        """Return whether a part that both have differs."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        return any(None not in pair and pair[0] != pair[1] for pair in pairs)


_YEAR_FIRST = re.compile(rf"{_YEAR}([-/.])(1[0-2]|0?[1-9])\2([0-3]?[0-9])(?![0-9]|[-/.][0-9])")
_YEAR_LAST = re.compile(rf"([0-3]?[0-9])([-/.])([0-3]?[0-9])\2{_YEAR}")
_DAY_FIRST = re.compile(rf"{_DAY},? (?:of )?{_MONTH}(?:,? {_YEAR})?", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"{_MONTH} (?:{_DAY}(?:,? {_YEAR})?|{_YEAR})", re.IGNORECASE)
_YEAR_MONTH_ISO = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])(?![0-9-])")
_CHINESE = re.compile(
    rf"(?:([12][0-9]{{3}}|[〇零一二三四五六七八九]{{4}}) ?年(?!级) ?)?"
    rf"(?:({_H}{{1,2}}) ?月(?!饼) ?)?(?:({_H}{{1,3}}) ?[日号號](?!本|[楼线院馆店室]))?"
)
_CLOCK = re.compile(
    r"([01]?[0-9]|2[0-4]):([0-5][0-9])(?::[0-5][0-9])?(?![0-9])(?: ?([ap])\.?m\.?(?![A-Za-z]))?",
    re.IGNORECASE,
)
_HOUR = re.compile(r"(1[0-2]|[1-9]) ?([ap])\.?m\.?(?![A-Za-z])", re.IGNORECASE)
_CHINESE_CLOCK = re.compile(
    rf"({_H}{{1,3}}) ?[时時点點](?: ?({_H}{{1,3}}) ?分(?![之钟])|(半)|(?=整|钟)"
    r"|(?<=[时時])(?![间期代])(?=[0-9 ,。]))"
)


def read_date(text: str, place: int) -> tuple[tuple[Date, ...], int]:
    """Return what date stands at `place`, in all the ways to read it, and its end; () where none does."""
    char = text[place]
    if char in DIGITS or char in "十廿卅":
        return _read_chinese(text, place)
    if char.isdigit():
        return _read_digits(text, place)
    found = _MONTH_FIRST.match(text, place)
    if not found:
        return (), place
    return _possible(Date(_int(found[3] or found[4]), _month(found[1]), _int(found[2]))), found.end()


def _read_digits(text: str, place: int) -> tuple[tuple[Date, ...], int]:
    if found := _YEAR_FIRST.match(text, place):
        return _possible(Date(int(found[1]), int(found[3]), int(found[4]))), found.end()
    if found := _YEAR_LAST.match(text, place):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        return _possible(Date(year, second, first), Date(year, first, second)), found.end()
    if found := _DAY_FIRST.match(text, place):
        return _possible(Date(_int(found[3]), _month(found[2]), int(found[1]))), found.end()
    if found := _YEAR_MONTH_ISO.match(text, place):
        return (Date(int(found[1]), int(found[2])),), found.end()
    return _read_chinese(text, place)


def _read_chinese(text: str, place: int) -> tuple[tuple[Date, ...], int]:
    found = _CHINESE.match(text, place)
    if not found or not (found[1] or found[2]):
        return (), place  # a day alone may be a number of days: the reader of numbers decides
    return _possible(Date(_han(found[1]), _han(found[2]), _han(found[3]))), found.end()


_BARE_HOUR = re.compile(rf"({_H}{{1,3}}) ?[点點]")
_HALF_DAYS = ("上午", "下午", "早上", "晚上", "中午", "凌晨", "傍晚", "清晨", "早晨")


def read_clock(text: str, place: int) -> tuple[tuple[int, ...], int]:
    """Return the time of day at `place` in minutes, the likeliest reading first, and its end."""
    if found := _CLOCK.match(text, place) or _HOUR.match(text, place):
        groups = found.groups()
        minutes = int(groups[1]) if len(groups) == 3 else 0
        return _by_half_day(int(groups[0]), minutes, groups[-1]), found.end()
    return _read_chinese_clock(text, place)


def _read_chinese_clock(text: str, place: int) -> tuple[tuple[int, ...], int]:
    before = text[max(0, place - 3) : place].rstrip()
    minutes = 0
    if found := _CHINESE_CLOCK.match(text, place):
        minutes = 30 if found[3] else _han(found[2]) or 0
    elif before.endswith(_HALF_DAYS):
        found = _BARE_HOUR.match(text, place)
    hour = _han(found[1]) if found else None
    if not found or hour is None or hour > 24:
        return (), place
    if before.endswith(_HALF_DAYS) or hour > 11:
        half = "p" if before.endswith(("下午", "晚上", "傍晚")) else None
        return _by_half_day(hour, minutes, half), found.end()
    plain = hour * 60 + minutes  # 4点半 behind 下午2点至 is half past four in the afternoon
    return (plain, plain + 720), found.end()


def _by_half_day(hour: int, minutes: int, half: str | None) -> tuple[int, ...]:
    plain = hour * 60 + minutes
    if half and half in "pP" and hour < 12:
        return plain + 720, plain
    return (minutes, plain) if half and half in "aA" and hour == 12 else (plain,)


def _possible(*dates: Date) -> tuple[Date, ...]:
    return tuple(dict.fromkeys(date for date in dates if date.is_possible))


def _month(word: str) -> int:
    return MONTHS.index(word[:3].lower()) + 1


def _int(digits: str | None) -> int | None:
    return int(digits) if digits else None


def _han(text: str | None) -> int | None:
    if not text:
        return None
    if text.isdigit():
        return int(text)
    return chinese_value(text) if not any(char.isascii() for char in text) else None
