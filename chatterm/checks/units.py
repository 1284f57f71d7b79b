"""Units, currencies and scales as they stand beside numbers, in English and Chinese.

A unit is reduced to what it measures and a factor, so that 2 hours equal 120 minutes, and 25 bp a quarter
of a percentage point, while %, percentage points and plain numbers stay apart. Unknown words are no unit.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts; `name` is shared by all that convert into each other."""

    name: str = ""
    """Empty: nothing that is known here."""
    factor: Fraction = Fraction(1)


NO_UNIT = Unit()
RATIO = Unit("%")
ORDINAL = Unit("ordinal")
QUARTER = Unit("quarter")
CLOCK = Unit("clock")
TIMES = Unit("times")
DAY_OF_MONTH = Unit("day of the month")

_SPELLED = """
%: % percent per_cent percentage pct = 1/100
%: ‰ 千分点 = 1/1000
pp: percentage_points percentage_point pp ppt 个百分点 个百份点 百分点 個百分點 = 1
pp: bp bps basis_points basis_point 个基点 基点 個基點 = 1/100
m: km kilometre kilometres kilometer kilometers 公里 千米 = 1000
m: m metre metres meter meters 米 = 1
m: cm centimetre centimetres centimeter centimeters 厘米 公分 = 1/100
m: mm millimetre millimetres millimeter millimeters 毫米 = 1/1000
mile: mile miles 英里 = 1
foot: foot feet ft 英尺 = 1
m2: m² m2 sqm square_metres square_meters square_metre 平方米 平米 = 1
m2: km² square_kilometres square_kilometers 平方公里 = 1000000
m2: ha hectare hectares 公顷 = 10000
g: t ton tons tonne tonnes 吨 = 1000000
g: kg kilogram kilograms kilo kilos 公斤 千克 = 1000
g: 斤 = 500
g: g gram grams 克 = 1
g: mg milligram milligrams 毫克 = 1/1000
g: µg μg ug mcg microgram micrograms 微克 = 1/1000000
lb: lb lbs 磅 = 1
l: l L litre litres liter liters 升 = 1
l: dL dl decilitre 分升 = 1/10
l: ml mL millilitre millilitres milliliter milliliters 毫升 = 1/1000
day: d day days 天 日 = 1
day: week weeks 周 个星期 星期 个礼拜 = 7
day: h hr hrs hour hours 小时 个小时 钟头 個小時 小時 = 1/24
day: min mins minute minutes 分钟 分鐘 = 1/1440
day: s sec secs second seconds 秒 秒钟 = 1/86400
month: month months 个月 個月 = 1
month: year years yr yrs year-old years-old 年 岁 周岁 歲 = 12
USD: USD US$ $ dollar dollars US_dollars US_dollar 美元 美金 = 1
EUR: EUR € euro euros 欧元 歐元 = 1
GBP: GBP £ pound pounds pounds_sterling 英镑 英鎊 = 1
CNY: CNY RMB yuan renminbi 元 元人民币 人民币 块 块钱 = 1
JPY: JPY yen 日元 日圆 = 1
HKD: HKD HK$ 港元 港币 = 1
CHF: CHF franc francs 瑞士法郎 = 1
C: °C ℃ degrees_Celsius 摄氏度 = 1
F: °F ℉ degrees_Fahrenheit 华氏度 = 1
W: W watt watts 瓦 = 1
W: kW kilowatt kilowatts 千瓦 = 1000
W: MW megawatt megawatts 兆瓦 = 1000000
W: GW gigawatt gigawatts = 1000000000
Wh: kWh 千瓦时 度电 = 1
Wh: MWh 兆瓦时 = 1000
Wh: GWh = 1000000
B: KB kB = 1000
B: MB = 1000000
B: GB = 1000000000
B: TB = 1000000000000
times: times fold 倍 = 1
mmol: mmol = 1
kcal: kcal 千卡 大卡 = 1
mmHg: mmHg 毫米汞柱 = 1
IU: IU = 1
"""
_SCALES = {
    "k": 10**3,
    "thousand": 10**3,
    "thousands": 10**3,
    "million": 10**6,
    "millions": 10**6,
    "mn": 10**6,
    "mln": 10**6,
    "billion": 10**9,
    "billions": 10**9,
    "bn": 10**9,
    "bln": 10**9,
    "trillion": 10**12,
    "tn": 10**12,
    "trn": 10**12,
}
_GLUED_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6, "b": 10**9, "B": 10**9}
_HAN_SCALES = {"千": 10**3, "仟": 10**3, "百": 10**2, "十": 10, "万": 10**4, "萬": 10**4, "兆": 10**12}
_HAN_SCALES |= {
    "百万": 10**6,
    "千万": 10**7,
    "十万": 10**5,
    "亿": 10**8,
    "億": 10**8,
    "万亿": 10**12,
    "萬億": 10**12,
}
_HAN_SCALES |= {"十亿": 10**9, "百亿": 10**10, "千亿": 10**11}


def _read_table() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for line in _SPELLED.strip().splitlines():
        name, rest = line.split(": ", 1)
        words, factor = rest.rsplit(" = ", 1)
        found |= {word.replace("_", " "): Unit(name, Fraction(factor)) for word in words.split()}
    return found


_UNITS = _read_table()


def _longest_first(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_LATIN = [word for word in _UNITS if word.isascii() or word[0] in "°µμm€£‰℃℉k"]
_HAN = [word for word in _UNITS if "\u3400" <= word[0] <= "\u9fff"]
# 元 of 元旦, 年 of 年级, 日 of 日本, 米 of 米饭 are no units of the number before them
_UNIT = re.compile(
    rf"[ -]?(?:({_longest_first(_LATIN)})(?![A-Za-z²])|({_longest_first(_HAN)})(?!旦|级|級|本人|饭))"
)
_CASELESS_UNIT = re.compile(r"[ -]?([A-Za-z]{3,12}(?: [A-Za-z]{5,10})?)(?![A-Za-z])")
_SCALE = re.compile(rf" ?({_longest_first(_HAN_SCALES)})|[ -]?([A-Za-z]{{1,9}})(?![A-Za-z])")
_PER = re.compile(
    r"/ ?([A-Za-z]{1,4})(?![A-Za-z])|/ ?([\u3400-\u9fff]{1,3})|( per )([A-Za-z]{1,12})(?![A-Za-z])"
)
_PREFIX = re.compile(
    r"(US\$|HK\$|[$€£¥]|(?<![A-Za-z])(?:RMB|CNY|USD|EUR|GBP|JPY|HKD|CHF)|人民币|美元|欧元) ?(?=[-+]?\Z)"
)
CURRENCIES = frozenset(_UNITS[name] for name in ("USD", "EUR", "GBP", "CNY", "JPY", "HKD", "CHF"))
_YEN_OR_YUAN = (_UNITS["CNY"], _UNITS["JPY"])


@dataclass(frozen=True, slots=True)
class Suffix:
    """What follows a number: its scale, what it may count, and where that ends."""

    scale: int
    units: tuple[tuple[int, Unit], ...]
    """Each with the scale that this reading has; the likeliest first."""
    end: int


def read_prefix(text: str, place: int) -> tuple[int, tuple[Unit, ...]]:
    """Return where the currency that stands right before `place` starts, and what it may be."""
    found = _PREFIX.search(text, max(0, place - 6), place)
    if not found:
        return place, ()
    word = found[1]
    return found.start(), _YEN_OR_YUAN if word == "¥" else (_UNITS[word],)


def read_suffix(text: str, place: int, *, has_currency: bool) -> Suffix:
    """Return the scale and unit that follow a number which ends at `place`."""
    scale, end = _read_scale(text, place, has_currency)
    units, unit_end = _read_unit(text, end)
    unit = units[0]
    if scale == 1 and text[place : place + 1] == "m" and unit_end == place + 1:
        if has_currency:
            return Suffix(10**6, (), unit_end)
        return Suffix(1, ((1, unit), (10**6, NO_UNIT)), unit_end)
    named = tuple((scale, one) for one in units if one.name)
    return Suffix(scale, named, unit_end if named else end)


def _read_scale(text: str, place: int, has_currency: bool) -> tuple[int, int]:
    found = _SCALE.match(text, place)
    if not found:
        return 1, place
    if found[1]:
        # 3千米 and 5千克 are units, 12 千瓦 too
        return (1, place) if _UNIT.match(text, found.start(1)) else (_HAN_SCALES[found[1]], found.end())
    word = found[2]
    is_resolution = word == "K" and not has_currency and not text[max(0, place - 2) : place - 1].isalnum()
    glued = _GLUED_SCALES.get(word, 0) if found.start(2) == place and not is_resolution else 0
    if has_currency and word in ("t", "T"):
        glued = 10**12
    scale = _SCALES.get(word.lower(), 0) if len(word) > 1 else 0
    return (scale or glued, found.end()) if scale or glued else (1, place)


def _read_unit(text: str, place: int) -> tuple[tuple[Unit, ...], int]:
    """Return what the unit at `place` may be, the likeliest first; 20 mg per day is 20 mg too."""
    found = _UNIT.match(text, place)
    if found:
        unit, end = _UNITS[found[1] or found[2]], found.end()
    else:
        unit, end = _read_word(text, place)
    if not unit.name:
        return (NO_UNIT,), place
    per = _PER.match(text, end)
    if not per:
        return (unit,), end
    below = _UNITS.get(per[1] or per[2] or per[4])
    if per[2] and not below:
        return (unit,), end
    if below:
        both = Unit(f"{unit.name}/{below.name}", unit.factor / below.factor)
    else:
        both = Unit(f"{text[place:end].strip(' -')}/{per[1] or per[4]}".lower())
    is_of_time = per[3] and (not below or below.name in ("day", "month"))
    return ((both, unit) if is_of_time else (both,)), per.end()


def _read_word(text: str, place: int) -> tuple[Unit, int]:
    """Return a unit that is spelled out, in whatever case: Percent, KILOMETRES, US Dollars."""
    found = _CASELESS_UNIT.match(text, place)
    if not found:
        return NO_UNIT, place
    words = found[1].lower()
    both, first = _UNITS.get(words), _UNITS.get(words.split(" ")[0])
    if both:
        return both, found.end()
    return (first, found.start(1) + len(words.split(" ")[0])) if first else (NO_UNIT, place)


_HEADS = re.compile(
    r"(?i:\(|\bin |单位[:为是] ?|單位: ?|人民币)(?: ?(?i:rmb|cny|usd|eur|gbp|us\$|[$€£¥]|of))?[ ']*"
    r"((?i:thousands?|millions?|billions?|trillions?|bn|mn|k|m)|'?000s?|百万|千万|十亿|万亿|千|万|亿)"
    r"(?: ?(?i:of )?[A-Za-z$€£]{0,8}|美?[元人股]?|欧元)?(?=[\s),;.:]|$)"
)
_PERCENT_HEAD = re.compile(r"\(\s?(?:in )?%\s?\)|\bin %|\bin per ?cent\b|单位[:为] ?%|百分比")


def declared_scales(text: str) -> list[tuple[int, int]]:
    """Return where heads of tables scale the bare numbers below, and by what: (in thousand euros)."""
    return [(head.start(), _scale_of_head(head[1].lower())) for head in _HEADS.finditer(text)]


def _scale_of_head(word: str) -> int:
    return _SCALES.get(word) or _HAN_SCALES.get(word) or {"m": 10**6}.get(word, 10**3)


def declares_percent(text: str) -> bool:
    """Return whether a table's head says that bare numbers are percentages."""
    return bool(_PERCENT_HEAD.search(text))
