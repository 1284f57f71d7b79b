"""Tells Chinese numerals that count from the characters that only look so: 三个 from 一般, 十分, 三心二意."""

import re
from dataclasses import dataclass
from fractions import Fraction

from chatterm.checks.number_words import DIGITS, HAN, SMALL_SCALES, chinese_decimal, chinese_value

_MEASURES = (
    "个個名位人家项項件份张張条條次回届屆本册部台架辆輛艘只隻头頭匹棵座栋棟层層间間所门門科班组組队隊户戶"
    "元块角岁歲年月日天号號周倍成折米里斤克吨升度种種类類级級章节節页頁行段句字词題题局票股期季亩秒"
    "万萬亿億千百公小分"
)
_MEASURE_SET = frozenset(_MEASURES)
_NOT_COUNTS = re.compile(
    r"分(?!钟|鐘|之)|[个些][人月]?都|万别|成(?=[为立功果熟绩员本长])|人称|行(?=动|为|业|政)|小(?!时|時)|公(?![里斤顷分])"
)
_SAYINGS = re.compile(
    "五花八门|七上八下|四面八方|五湖四海|三番五次|四分五裂|五体投地|八面玲珑|三头六臂|九牛一毛|十全十美|千家万户"
    "|三言两语|三三两两|七嘴八舌|乱七八糟|横七竖八|三教九流|四通八达|五颜六色|三百六十行|十八般武艺|十二指肠"
    "|不管三七二十一|一五一十|八字没一撇|两面三刀|三天两头|五脏六腑|七手八脚|四平八稳|三长两短|九死一生"
)
"""What has numerals and counts nothing."""
_LONGEST_SAYING = 7
_DECIMAL = re.compile(rf"[点點]([{''.join(DIGITS)}]{{1,12}})")
_PARTS = re.compile(
    rf"([{HAN}]{{1,12}})分之(?:([0-9]{{1,12}}(?:\.[0-9]{{1,8}})?)|([{HAN}]{{1,24}})(?:[点點]([{''.join(DIGITS)}]{{1,12}}))?)"
)
_TENTHS = re.compile(r"成(半)?(?![为為立功果熟绩績员員本长長了就都])")
_QUARTER = re.compile(r"个?季度")
_MARKER = re.compile(r"[,、:。;]|[步行]|是(?=[^0-9])|点(?![0-9])|方面")


@dataclass(frozen=True, slots=True)
class HanNumber:
    """A Chinese numeral that counts, ranks or divides."""

    start: int
    end: int
    value: Fraction
    is_ratio: bool = False
    is_ordinal: bool = False
    is_quarter: bool = False
    is_marker: bool = False


def read_han(text: str, start: int, end: int) -> HanNumber | None:
    """Read the run of numerals at `start`; None where it counts nothing."""
    if parts := _PARTS.match(text, start):
        return _ratio(start, parts)
    if text[start:end] == "一" and text[end : end + 1] == "半":
        return HanNumber(start, end + 1, Fraction(1, 2), is_ratio=True)
    value, end = _value(text, start, end)
    return None if value is None else _whole(text, start, end, value)


def _whole(text: str, start: int, end: int, value: Fraction) -> HanNumber | None:
    if _QUARTER.match(text, end):
        return HanNumber(start, end, value, is_quarter=True)
    if start and text[start - 1] == "第":
        is_marker = value < 100 and bool(_MARKER.match(text, end))
        return HanNumber(start - 1, end, value, is_ordinal=True, is_marker=is_marker)
    if (tenths := _TENTHS.match(text, end)) and value < 10:
        return HanNumber(start, tenths.end(), (value + Fraction(bool(tenths[1]), 2)) / 10, is_ratio=True)
    return HanNumber(start, end, value) if _counts(text, start, end, value) else None


def _value(text: str, start: int, end: int) -> tuple[Fraction | None, int]:
    if decimal := _DECIMAL.match(text, end):
        return chinese_decimal(text[start:end], decimal[1]), decimal.end()
    run = text[start:end]
    if run[0] not in DIGITS and run[0] not in "十拾":
        return None, end  # 万, 千 or 百 first: an estimate, or part of a word, such as 万一
    value = chinese_value(run)
    return (None if value is None else Fraction(value)), end


def _ratio(start: int, parts: re.Match[str]) -> HanNumber | None:
    below = {"百": 100, "千": 1000, "万": 10_000}.get(parts[1]) or chinese_value(parts[1])
    if parts[2]:
        above: Fraction | None = Fraction(parts[2])
    elif parts[4]:
        above = chinese_decimal(parts[3], parts[4])
    else:
        above = None if (whole := chinese_value(parts[3])) is None else Fraction(whole)
    if not below or above is None:
        return None
    return HanNumber(start, parts.end(), above / below, is_ratio=True)


def _counts(text: str, start: int, end: int, value: Fraction) -> bool:
    """Return whether the numeral counts: a lone character needs a measure word behind it, 一 never counts."""
    if _is_in_saying(text, start, end):
        return False
    if end - start > 1:
        is_round = all(char in SMALL_SCALES or char in "万亿" for char in text[start:end])
        return not is_round or text[end : end + 1] in _MEASURE_SET
    if value <= 1 or text[end : end + 1] not in _MEASURE_SET:
        return False
    return not _NOT_COUNTS.match(text, end)


def _is_in_saying(text: str, start: int, end: int) -> bool:
    found = _SAYINGS.finditer(text, max(0, start - _LONGEST_SAYING), end + _LONGEST_SAYING)
    return any(saying.start() < end and saying.end() > start for saying in found)
