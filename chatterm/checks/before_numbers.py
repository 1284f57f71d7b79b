"""Looks at what stands before a number: a currency, a sign, or what makes it a mere mark of a list."""

import re

from chatterm.checks.number_values import Number, Reading
from chatterm.checks.units import read_prefix

_SIGN = re.compile(r"(?:(?<![0-9A-Za-z)\]%.,])([-+])|(?<![A-Za-z])((?i:minus|negative) )|(负|負|零下))\Z")
_MARKER_BEFORE = re.compile(
    r"(?:(?i:\b(?:lines?|steps?|points?|items?|parts?|questions?|examples?|l\.)) ?|[\[#]|\[(?i:line)s? ?"
    r"|第 ?|步骤 ?|要点 ?|问题 ?|例 ?)\Z"
)
_RANGE_BEFORE = re.compile(r"(?i:\blines?) ?[0-9]{1,6} ?(?:-|to|and|,) ?\Z|第 ?[0-9]{1,6} ?[-至到~] ?\Z")
_LIST_ITEM = re.compile(r"(?:^|\n)[ \t>*#(-]{0,8}\Z")
LIST_END = re.compile(r"[.)、:](?![0-9])(?=[ \t]*\S)")
"""A mark with nothing behind it ends an answer: `3.` alone is a number."""
_COUNTED_ORDINAL = re.compile(r" ?(?:行|步|点|條目)")


def finish_number(text: str, start: int, end: int, readings: tuple[Reading, ...]) -> Number:
    """Add what stands before: a currency, a sign; and see whether it numbers a list."""
    outer, _ = read_prefix(text, start)
    outer, sign = read_sign(text, outer)
    is_marker = _is_marker(text, start, end, readings)
    if not sign and outer < start:
        _, sign = read_sign(text, start)
    return Number(outer, end, readings, sign=sign, is_marker=is_marker)


def read_sign(text: str, start: int) -> tuple[int, int]:
    found = _SIGN.search(text, max(0, start - 9), start)
    if not found:
        return start, 0
    return found.start(), 1 if found[1] == "+" else -1


def _is_marker(text: str, start: int, end: int, readings: tuple[Reading, ...]) -> bool:
    reading = readings[0]
    if reading.unit.name or reading.scale != 1 or reading.digits.denominator != 1:
        return False
    before = text[max(0, start - 24) : start]
    if LIST_END.match(text, end) and _LIST_ITEM.search(before) and (start == len(before) or "\n" in before):
        return True
    found = _MARKER_BEFORE.search(before)
    if found and found[0].strip() == "第":
        return bool(_COUNTED_ORDINAL.match(text, end))
    return bool(found or _RANGE_BEFORE.search(before))
