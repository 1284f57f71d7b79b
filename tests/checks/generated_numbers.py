"""Number claims, made by rule: a sentence of a source, and one of a reply that restates it, right or wrong.

Each maker below is a category. It returns what the source says, and a reply's sentence cut in three: before
the claim, the claim, after it. Wrong claims are wrong in a way that small models are: a digit, the scale, the
unit, the sign, the day. Nothing here knows how the checker reads numbers.
"""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

DIGITS = "零一二三四五六七八九"
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
SMALL = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True, slots=True)
class Sentence:
    """What one maker returns."""

    source: str
    before: str
    claim: str
    after: str


Maker = Callable[[Random, bool], Sentence]
"""Takes the dice and whether the claim is to be right."""


def chinese(value: int) -> str:
    """Return 0 < value < 10**12 as it is read out."""
    for scale, name in ((10**8, "亿"), (10**4, "万")):
        if value >= scale:
            head, rest = divmod(value, scale)
            gap = "零" if 0 < rest < scale // 10 else ""
            return chinese(head) + name + gap + (chinese(rest) if rest else "")
    return _below_ten_thousand(value)


def _below_ten_thousand(value: int) -> str:
    if 10 <= value < 20:
        return "十" + (DIGITS[value - 10] if value > 10 else "")
    text, is_gap = "", False
    for scale, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, value = divmod(value, scale)
        if digit:
            text += ("零" if is_gap else "") + DIGITS[digit] + name
        is_gap = bool(text) and not digit
    return text


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def other(dice: Random, value: int, low: int, high: int) -> int:
    """Return another number of the range."""
    found = dice.randrange(low, high - 1)
    return found + (found >= value)


def changed_digit(dice: Random, value: int) -> int:
    """Return the value with one digit, never the leading one, replaced."""
    text = str(value)
    place = dice.randrange(1, len(text))
    digit = str((int(text[place]) + dice.randrange(1, 10)) % 10)
    return int(text[:place] + digit + text[place + 1 :])


def _digits(dice: Random, low: int = 11_111, high: int = 9_999_999) -> int:
    value = dice.randrange(low, high)
    return value + (value % 10 == 0)


def grouping(dice: Random, is_right: bool) -> Sentence:
    value = _digits(dice)
    claimed = value if is_right else changed_digit(dice, value)
    written = dice.choice(
        [f"{claimed:,}", str(claimed), full_width(str(claimed)), full_width(f"{claimed:,}")]
    )
    return Sentence(f"The archive holds {value:,} letters.", "There are ", written, " letters.")


def grouping_zh(dice: Random, is_right: bool) -> Sentence:
    value = _digits(dice)
    claimed = value if is_right else changed_digit(dice, value)
    written = dice.choice([f"{claimed:,}", str(claimed), full_width(str(claimed))])
    return Sentence(f"档案馆藏有{value}封信件。", "共有", written, "封信。")


def scale_en(dice: Random, is_right: bool) -> Sentence:
    tenths = _digits(dice, 111, 999)
    name, factor = dice.choice([("thousand", 10**3), ("million", 10**6), ("billion", 10**9)])
    wrong = {"thousand": "million", "million": "billion", "billion": "million"}
    source = dice.choice([f"{tenths / 10} {name}", f"{tenths * factor // 10:,}"])
    short = {"thousand": "k", "million": "m", "billion": "bn"}
    said = name if is_right else wrong[name]
    written = dice.choice([f"${tenths / 10} {said}", f"${tenths / 10}{short[said]}"])
    return Sentence(f"Revenue came to ${source} that year.", "Revenue: ", written, ".")


def scale_zh(dice: Random, is_right: bool) -> Sentence:
    tenths = _digits(dice, 111, 999)
    name, factor = dice.choice([("万", 10**4), ("亿", 10**8), ("万亿", 10**12)])
    wrong = {"万": "亿", "亿": "万", "万亿": "亿"}
    source = dice.choice([f"{tenths / 10}{name}元", f"{tenths * factor // 10}元"])
    said = name if is_right else wrong[name]
    return Sentence(f"营业收入为{source}。", "收入达到", f"{tenths / 10}{said}元", "。")


def scale_across(dice: Random, is_right: bool) -> Sentence:
    hundredths = _digits(dice, 111, 999)
    value = hundredths * 10**6
    claimed = hundredths if is_right else changed_digit(dice, hundredths)
    chinese_side, english_side = f"{claimed / 100}亿元", f"{claimed} million yuan"
    if dice.random() < 0.5:
        return Sentence(
            f"公司净利润{value // 10**8}.{value // 10**6 % 100:02}亿元。", "Profit was ", english_side, "."
        )
    return Sentence(f"Net profit was {hundredths} million yuan.", "净利润为", chinese_side, "。")


def numerals_zh(dice: Random, is_right: bool) -> Sentence:
    value = dice.choice(
        [dice.randrange(21, 99), dice.randrange(101, 9_999), dice.randrange(10_001, 99_999_999)]
    )
    claimed = value if is_right else changed_digit(dice, value)
    if dice.random() < 0.5:
        return Sentence(f"全县共有学生{value}人。", "学生有", chinese(claimed) + "人", "。")
    return Sentence(f"全县共有学生{chinese(value)}人。", "学生有", f"{claimed}人", "。")


def words_en(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(2, 13)
    claimed = value if is_right else other(dice, value, 2, 13)
    noun = dice.choice(["nurses", "ships", "teachers", "bridges"])
    if dice.random() < 0.5:
        return Sentence(f"The town employs {value} {noun}.", "It has ", SMALL[claimed - 2], f" {noun}.")
    return Sentence(f"The town employs {SMALL[value - 2]} {noun}.", "It has ", str(claimed), f" {noun}.")


def percent(dice: Random, is_right: bool) -> Sentence:
    tenths = _digits(dice, 111, 899)
    claimed = tenths if is_right else changed_digit(dice, tenths)
    sources = [
        f"The share rose to {tenths / 10}%.",
        f"占比升至{tenths / 10}%。",
        f"占比升至百分之{_spoken(tenths)}。",
    ]
    written = dice.choice(
        [
            f"{claimed / 10}%",
            f"{claimed / 10} percent",
            f"{claimed / 10} per cent",
            full_width(f"{claimed / 10}%"),
        ]
    )
    return Sentence(dice.choice(sources), "The share is ", written, ".")


def _spoken(tenths: int) -> str:
    return f"{chinese(tenths // 10)}点{DIGITS[tenths % 10]}"


def percent_zh(dice: Random, is_right: bool) -> Sentence:
    tenths = _digits(dice, 111, 899)
    claimed = tenths if is_right else changed_digit(dice, tenths)
    written = dice.choice([f"{claimed / 10}%", f"百分之{_spoken(claimed)}", f"{claimed / 10}％"])
    return Sentence(f"Unemployment stood at {tenths / 10} percent.", "失业率为", written, "。")


def points(dice: Random, is_right: bool) -> Sentence:
    tenths = _digits(dice, 11, 99)
    right = [f"{tenths / 10} percentage points", f"{tenths / 10}个百分点"]
    wrong = [f"{tenths / 10}%", f"{tenths / 10} percent"]
    written = dice.choice(right if is_right else wrong)
    return Sentence(f"The rate went up by {tenths / 10} percentage points.", "It rose by ", written, ".")


def basis_points(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(11, 99)
    wrong = [f"{value}%", f"{changed_digit(dice, value)} bp", f"{value} percentage points"]
    written = dice.choice(
        [f"{value} basis points", f"{value}bp", f"{value} bps", f"{value}个基点"] if is_right else wrong
    )
    return Sentence(f"央行下调利率{value}个基点。", "Rates were cut by ", written, ".")


def _date(dice: Random) -> datetime.date:
    return datetime.date(1990, 1, 1) + datetime.timedelta(days=dice.randrange(13_000))


def date_en(dice: Random, is_right: bool) -> Sentence:
    day = _date(dice)
    claimed = day if is_right else day + datetime.timedelta(days=dice.choice([1, 3, 31, 366]))
    source = dice.choice([_english_date(day), day.isoformat(), _chinese_date(day)])
    written = dice.choice(
        [
            _english_date(claimed),
            f"{MONTHS[claimed.month - 1]} {claimed.day}, {claimed.year}",
            claimed.isoformat(),
        ]
    )
    return Sentence(f"The contract was signed on {source}.", "It was signed on ", written, ".")


def date_zh(dice: Random, is_right: bool) -> Sentence:
    day = _date(dice)
    claimed = day if is_right else day + datetime.timedelta(days=dice.choice([1, 3, 31, 366]))
    source = dice.choice([_english_date(day), f"{day.year}/{day.month}/{day.day}", _chinese_date(day)])
    written = dice.choice([_chinese_date(claimed), _spoken_date(claimed), full_width(_chinese_date(claimed))])
    return Sentence(f"合同签署日期：{source}。", "合同于", written, "签署。")


def _english_date(day: datetime.date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _chinese_date(day: datetime.date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _spoken_date(day: datetime.date) -> str:
    year = "".join("〇" if c == "0" else DIGITS[int(c)] for c in str(day.year))
    return f"{year}年{chinese(day.month)}月{chinese(day.day)}日"


def part_of_date(dice: Random, is_right: bool) -> Sentence:
    day = _date(dice)
    month = day.month if is_right else day.month % 12 + 1
    year = day.year if is_right else day.year + 1
    english = [f"{day.day} {MONTHS[month - 1]}", f"{MONTHS[month - 1]} {year}", str(year)]
    return Sentence(
        f"The bridge opened on {_english_date(day)}.", "It opened in or on ", dice.choice(english), "."
    )


def dose(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(11, 490) * 5
    unit, wrong = dice.choice([("mg", "g"), ("mg", "mcg"), ("mL", "L"), ("毫克", "克"), ("mg", "mL")])
    said = unit if is_right else wrong
    return Sentence(f"Take {value} {unit} in the evening.", "The dose is ", f"{value} {said}", ".")


def unit_across(dice: Random, is_right: bool) -> Sentence:
    pairs = [
        ("km", "公里"),
        ("kg", "公斤"),
        ("mg", "毫克"),
        ("hours", "小时"),
        ("minutes", "分钟"),
        ("days", "天"),
    ]
    value = dice.randrange(13, 96)
    english, mandarin = dice.choice(pairs)
    wrong = dice.choice([one for _, one in pairs if one != mandarin])
    claim = f"{value}{mandarin if is_right else wrong}"
    return Sentence(f"The limit is {value} {english}.", "上限为", claim, "。")


def converted(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(13, 96)
    factor, large, small = dice.choice(
        [(1000, "km", "m"), (1000, "kg", "g"), (60, "hours", "minutes"), (1000, "g", "mg")]
    )
    claimed = value * factor if is_right else value * factor * dice.choice([10, 100])
    return Sentence(f"It needs {value} {large}.", "That is ", f"{claimed} {small}", ".")


def currency(dice: Random, is_right: bool) -> Sentence:
    value = _digits(dice, 1_001, 99_999)
    forms = {
        "USD": (f"${value:,}", f"{value:,} US dollars", f"{value}美元"),
        "EUR": (f"€{value:,}", f"{value:,} euros", f"{value}欧元"),
        "GBP": (f"£{value:,}", f"{value:,} pounds", f"{value}英镑"),
        "CNY": (f"¥{value:,}", f"RMB {value:,}", f"{value}元"),
    }
    code = dice.choice(list(forms))
    said = code if is_right else dice.choice([one for one in forms if one != code])
    return Sentence(f"The fee is {dice.choice(forms[code])}.", "The fee: ", dice.choice(forms[said]), ".")


def span_of_values(dice: Random, is_right: bool) -> Sentence:
    low = dice.randrange(12, 40)
    high = low + dice.randrange(11, 50)
    claimed = high if is_right else changed_digit(dice, high)
    dash, word = dice.choice(["-", "–", "~", " to "]), dice.choice(["至", "到", "-", "～"])
    if dice.random() < 0.5:
        return Sentence(f"Expect {low}{dash}{high} days.", "需要", f"{low}{word}{claimed}天", "。")
    return Sentence(
        f"预计{low}{word}{high}万元。", "Between ", f"{low * 10_000:,} and {claimed * 10_000:,}", " yuan."
    )


def negative(dice: Random, is_right: bool) -> Sentence:
    tenths = _digits(dice, 111, 999)
    value = f"{tenths / 10}"
    pairs = [
        (f"Growth was -{value}%.", f"−{value}%", f"+{value}%"),
        (f"Growth was minus {value}%.", f"-{value}%", f"+{value}%"),
        (f"增长率为负{value}%。", f"-{value}%", f"+{value}%"),
        (f"The balance is -{value} EUR.", f"(−{value} EUR)", f"+{value} EUR"),
        (f"Growth was +{value}%.", f"{value}%", f"-{value}%"),
    ]
    source, right, wrong = dice.choice(pairs)
    return Sentence(source, "The figure is ", right if is_right else wrong, ".")


def fall(dice: Random, is_right: bool) -> Sentence:
    tenths = _digits(dice, 111, 999)
    claimed = tenths if is_right else changed_digit(dice, tenths)
    pairs = [
        (f"Exports fell by {tenths / 10}%.", f"-{claimed / 10}%"),
        (f"出口下降{tenths / 10}%。", f"-{claimed / 10}%"),
    ]
    source, written = dice.choice(pairs)
    return Sentence(source, "Change in exports: ", written, ".")


def fraction(dice: Random, is_right: bool) -> Sentence:
    values = [
        ("a third", "三分之一", "1/3"),
        ("two thirds", "三分之二", "2/3"),
        ("three quarters", "四分之三", "3/4"),
        ("two fifths", "五分之二", "2/5"),
        ("half", "一半", "50%"),
        ("a quarter", "四分之一", "25%"),
    ]
    right = dice.randrange(len(values))
    said = right if is_right else other(dice, right, 0, len(values))
    return Sentence(
        f"It cut noise by {dice.choice(values[right])}.", "Noise fell by ", dice.choice(values[said]), "."
    )


def ordinal(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(4, 60)
    claimed = value if is_right else other(dice, value, 4, 60)
    sources = [
        f"It came {_ordinal(value)} of all cities.",
        f"在所有城市中排名第{value}。",
        f"在所有城市中排名第{chinese(value)}。",
    ]
    before, claim = dice.choice(
        [("Its rank is ", _ordinal(claimed)), ("排名", f"第{claimed}"), ("排名", f"第{chinese(claimed)}")]
    )
    return Sentence(dice.choice(sources), before, claim, ".")


def _ordinal(value: int) -> str:
    ending = "th" if 10 <= value % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{ending}"


def rounded(dice: Random, is_right: bool) -> Sentence:
    value = _digits(dice, 1_111_111, 9_899_999)
    tenths = round(value / 10**5)
    claimed = tenths if is_right else tenths + dice.choice([-7, -3, 3, 7])
    if dice.random() < 0.5:
        return Sentence(
            f"The city has {value:,} inhabitants.", "It has about ", f"{claimed / 10} million", " people."
        )
    return Sentence(f"全市人口{value}人。", "人口约", f"{claimed * 10}万", "人。")


def table_scale(dice: Random, is_right: bool) -> Sentence:
    value = _digits(dice, 11_111, 99_999)
    heads = [
        ("in thousand euros", "thousand euros", "million euros"),
        ("in million euros", "million euros", "billion euros"),
    ]
    head, right, wrong = dice.choice(heads)
    said = right if is_right else wrong
    return Sentence(
        f"Statement ({head})\nGross margin   {value:,}\n", "Gross margin: ", f"{value:,} {said}", "."
    )


def table_scale_zh(dice: Random, is_right: bool) -> Sentence:
    value = _digits(dice, 11_111, 99_999)
    head, wrong = dice.choice([("万元", "亿元"), ("千元", "万元"), ("百万元", "亿元")])
    return Sentence(
        f"利润表（单位：{head}）\n毛利  {value:,}\n", "毛利为", f"{value}{head if is_right else wrong}", "。"
    )


def clock(dice: Random, is_right: bool) -> Sentence:
    hour, minute = dice.randrange(13, 23), dice.randrange(11, 59)
    claimed = minute if is_right else other(dice, minute, 11, 59)
    source = dice.choice([f"{hour}:{minute}", f"{hour}时{minute}分"])
    written = dice.choice([f"{hour}:{claimed}", f"{hour - 12}:{claimed} pm", f"{hour}点{claimed}分"])
    return Sentence(f"The train leaves at {source}.", "Departure: ", written, ".")


def invented(dice: Random, is_right: bool) -> Sentence:
    value = _digits(dice, 211, 979)
    if is_right:
        return Sentence(f"The hall seats {value} people.", "It seats ", f"{value}", " people.")
    forms = [
        ("Tickets cost ", f"${value}", "."),
        ("另有", f"{value}人", "参加。"),
        ("In ", str(1100 + value % 800), ", it burnt."),
    ]
    return Sentence("The hall seats many people.", *dice.choice(forms))


NUMBERS: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (
        *(
            grouping,
            grouping_zh,
            scale_en,
            scale_zh,
            scale_across,
            numerals_zh,
            words_en,
            percent,
            percent_zh,
        ),
        *(points, basis_points, date_en, date_zh, part_of_date, dose, unit_across, converted, currency),
        *(
            span_of_values,
            negative,
            fall,
            fraction,
            ordinal,
            rounded,
            table_scale,
            table_scale_zh,
            clock,
            invented,
        ),
    )
}
"""The categories of numbers, by name."""
