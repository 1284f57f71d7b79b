"""More categories of the generated set: slips that are hard to see, and forms that are hard to read.

As in `generated_numbers` each maker is a category and knows nothing of the checker. Wrong claims here are the
small ones: two digits changed over, the last digit off by one, a figure rounded in silence, a word of a quote
put in, left out or moved, a citation with one figure changed.
"""

import datetime
from collections.abc import Mapping
from random import Random

from tests.checks.generated_numbers import MONTHS, Maker, Sentence, changed_digit, chinese, other
from tests.checks.generated_texts import CHINESE, ENGLISH, MARKS

CAPITALS = str.maketrans("零一二三四五六七八九十百千", "零壹贰叁肆伍陆柒捌玖拾佰仟")
BELOW_TWENTY = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(value: int) -> str:
    """Return 0 < value < 1,000,000 as it is said in English."""
    if value >= 1000:
        rest = value % 1000
        return in_words(value // 1000) + " thousand" + (f" {in_words(rest)}" if rest else "")
    if value >= 100:
        return f"{BELOW_TWENTY[value // 100]} hundred" + (
            f" and {in_words(value % 100)}" if value % 100 else ""
        )
    if value < 20:
        return BELOW_TWENTY[value]
    return TENS[value // 10] + (f"-{BELOW_TWENTY[value % 10]}" if value % 10 else "")


def _odd(dice: Random, low: int = 12_345, high: int = 9_876_543) -> int:
    """Return a number without equal neighbours at its end, so that changing them over shows."""
    value = dice.randrange(low, high)
    return value - value % 100 + dice.choice([12, 27, 38, 49, 51, 63, 74, 86, 95])


def transposed(dice: Random, is_right: bool) -> Sentence:
    value = _odd(dice)
    text = str(value)
    swapped = int(text[:-2] + text[-1] + text[-2])
    claimed = value if is_right else swapped
    if dice.random() < 0.5:
        return Sentence(f"The port handled {value:,} crates.", "Crates: ", f"{claimed:,}", ".")
    return Sentence(f"港口处理货箱{value}箱。", "货箱共", f"{claimed / 10_000}万箱", "。")


def off_by_one(dice: Random, is_right: bool) -> Sentence:
    value = _odd(dice)
    claimed = value if is_right else value + dice.choice([-1, 1])
    source = dice.choice([f"{value:,} visitors came.", f"共有游客{value}人。"])
    return Sentence(source, "The visitors numbered ", dice.choice([f"{claimed:,}", str(claimed)]), ".")


def misplaced_point(dice: Random, is_right: bool) -> Sentence:
    tenths = _odd(dice, 112, 987)
    right = [f"{tenths / 10}%", f"{tenths / 10} per cent"]
    wrong = [f"{tenths / 100}%", f"{tenths}%", f"{tenths / 100} per cent"]
    return Sentence(
        f"产量占比{tenths / 10}%。", "Its share: ", dice.choice(right if is_right else wrong), "."
    )


def silent_rounding(dice: Random, is_right: bool) -> Sentence:
    value = _odd(dice, 1_234, 9_876)
    exact, rounded = f"{value / 100}", f"{round(value / 100 + 1e-9, 1)}"
    said = exact if is_right or rounded == exact else rounded
    unit = dice.choice(["%", " kg", " million euros"])
    return Sentence(f"The figure was {exact}{unit}.", "It was ", f"{said}{unit}", ".")


def brackets(dice: Random, is_right: bool) -> Sentence:
    value = _odd(dice, 11_111, 99_999)
    right = ["a loss of {}", "a deficit of {}", "minus {}", "-{}", "({})"]
    wrong = ["+{}"]
    claim = dice.choice(right if is_right else wrong).format(f"{value:,}")
    return Sentence(f"Result before tax   ({value:,})\n", "The result was ", claim, ".")


def date_forms(dice: Random, is_right: bool) -> Sentence:
    day = datetime.date(1991, 1, 13) + datetime.timedelta(days=dice.randrange(12_000))
    claimed = day if is_right else day + datetime.timedelta(days=dice.choice([1, 9, 30, 365]))
    month = MONTHS[claimed.month - 1]
    sources = [
        f"{day.isoformat()}T14:20:00Z",
        f"{day.year}.{day.month:02}.{day.day:02}",
        f"{MONTHS[day.month - 1][:3]}. {day.day}, {day.year}",
        f"{day.year}年{day.month:02}月{day.day:02}日",
    ]
    written = [
        f"the {_ordinal(claimed.day)} of {month} {claimed.year}",
        f"{month} {_ordinal(claimed.day)}, {claimed.year}",
        f"{claimed.day} {month[:3]} {claimed.year}",
        f"{claimed.day:02}.{claimed.month:02}.{claimed.year}",
        f"{claimed.year}/{claimed.month}/{claimed.day}",
        f"{claimed.year} 年 {claimed.month} 月 {claimed.day} 日",
    ]
    return Sentence(f"Recorded: {dice.choice(sources)}.", "It dates from ", dice.choice(written), ".")


def _ordinal(value: int) -> str:
    ending = "th" if 10 <= value % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{ending}"


def quarter(dice: Random, is_right: bool) -> Sentence:
    place = dice.randrange(4)
    said = place if is_right else other(dice, place, 0, 4)
    names = ("first", "second", "third", "fourth")
    year = dice.randrange(1990, 2025)

    def forms(one: int) -> list[str]:
        number = one + 1
        return [
            f"Q{number} {year}",
            f"the {names[one]} quarter of {year}",
            f"{year}年第{chinese(number)}季度",
            f"{year}年{number}季度",
        ]

    return Sentence(f"It was sold in {dice.choice(forms(place))}.", "Sale: ", dice.choice(forms(said)), ".")


def capitals_zh(dice: Random, is_right: bool) -> Sentence:
    value = _odd(dice, 11_111, 999_999)
    claimed = value if is_right else changed_digit(dice, value)
    return Sentence(
        f"金额（大写）：{chinese(value).translate(CAPITALS)}元整。", "The sum is ", f"{claimed:,} yuan", "."
    )


def short_zh(dice: Random, is_right: bool) -> Sentence:
    tens, rest = dice.randrange(2, 10), dice.randrange(1, 10)
    value = tens * 10_000 + rest * 1_000
    claimed = value if is_right else dice.choice([tens * 10_000 + rest, value * 10])
    source = f"{chinese(tens)}万{chinese(rest)}" if tens > 2 else f"两万{chinese(rest)}"
    return Sentence(f"这辆车卖了{source}元。", "It sold for ", f"{claimed:,} yuan", ".")


def mixed_zh(dice: Random, is_right: bool) -> Sentence:
    large, small = dice.randrange(2, 90), dice.randrange(11, 99) * 100
    if dice.random() < 0.5:
        value, source = large * 10**8 + small * 10**4, f"{large}亿{small}万元"
    else:
        value, source = large * 10**4 + small, f"{large}万{small}元"
    claimed = value if is_right else changed_digit(dice, value // 100) * 100
    return Sentence(f"总投资{source}。", "The investment is ", f"{claimed:,} yuan", ".")


def spelled_out(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(101, 99_999)
    claimed = value if is_right else changed_digit(dice, value)
    if dice.random() < 0.5:
        return Sentence(f"The choir has {value:,} members.", "It has ", in_words(claimed), " members.")
    return Sentence(f"The choir has {in_words(value)} members.", "合唱团有", f"{claimed}人", "。")


def per_unit(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(13, 96)
    right = [f"{value} mg/kg", f"{value} mg per kg", f"{value}毫克/公斤", f"{value} milligrams per kilogram"]
    wrong = [f"{value} g/kg", f"{value} mg/dL", f"{value} mg per day", f"{value}毫克/升"]
    return Sentence(f"Give {value} mg/kg.", "The dose: ", dice.choice(right if is_right else wrong), ".")


def temperature(dice: Random, is_right: bool) -> Sentence:
    tenths = _odd(dice, 112, 987)
    right = [f"{tenths / 10}℃", f"{tenths / 10} °C", f"{tenths / 10}摄氏度", f"{tenths / 10} degrees Celsius"]
    wrong = [f"{tenths / 10} °F", f"{tenths / 10}华氏度", f"{changed_digit(dice, tenths) / 10} °C"]
    return Sentence(
        f"It boils at {tenths / 10} °C.", "沸点：", dice.choice(right if is_right else wrong), "。"
    )


def one_in(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(3, 12)
    claimed = value if is_right else other(dice, value, 3, 12)
    english, mandarin = BELOW_TWENTY[claimed], chinese(claimed)
    written = dice.choice([f"1 in {claimed}", f"one in {english}", f"{mandarin}分之一"])
    return Sentence(f"The illness strikes 1 in {value} of them.", "It strikes ", written, ".")


def proportion(dice: Random, is_right: bool) -> Sentence:
    first, second = dice.randrange(13, 50), dice.randrange(51, 99)
    claimed = second if is_right else changed_digit(dice, second)
    written = dice.choice([f"{first}:{claimed}", f"{first} to {claimed}", f"{first}比{claimed}"])
    return Sentence(f"The vote went {first} to {second}.", "The vote: ", written, ".")


def several_times(dice: Random, is_right: bool) -> Sentence:
    tenths = _odd(dice, 112, 987)
    claimed = tenths if is_right else changed_digit(dice, tenths)
    written = dice.choice([f"{claimed / 10} times", f"{claimed / 10}倍", f"{claimed / 10}x"])
    return Sentence(f"It grew {tenths / 10}-fold.", "It grew ", written, ".")


def foreign_money(dice: Random, is_right: bool) -> Sentence:
    value = _odd(dice, 112_345, 998_765)
    claimed = value if is_right else changed_digit(dice, value)
    euros, cents = divmod(value, 100)
    source = dice.choice([f"{euros // 1000}.{euros % 1000:03},{cents:02} €", f"€ {euros:,}.{cents:02}"])
    return Sentence(f"The bill is {source}.", "It is ", f"€{claimed // 100:,}.{claimed % 100:02}", ".")


def powers(dice: Random, is_right: bool) -> Sentence:
    digits, power = _odd(dice, 112, 987), dice.randrange(4, 9)
    value = digits * 10 ** (power - 2)
    claimed = value if is_right else value * dice.choice([10, 100])
    source = dice.choice([f"{digits / 100} × 10^{power}", f"{digits / 100}e{power}"])
    return Sentence(f"The count was {source} cells.", "There were ", f"{claimed:,}", " cells.")


def half_units(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(2, 12)
    claimed = value if is_right else other(dice, value, 2, 12)
    mandarin = "两" if value == 2 else chinese(value)
    source = dice.choice([f"{mandarin}个半小时", f"{value} and a half hours", f"{value}½ hours"])
    written = dice.choice([f"{claimed}.5 hours", f"{claimed * 60 + 30} minutes", f"{claimed}.5小时"])
    return Sentence(f"It lasted {source}.", "Duration: ", written, ".")


def counted_parts(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(3, 12)
    claimed = value if is_right else other(dice, value, 3, 12)
    noun, mandarin = dice.choice([("steps", "个步骤"), ("reasons", "个原因"), ("sections", "个部分")])
    if dice.random() < 0.5:
        return Sentence(f"The plan names {value} {noun}.", "It names ", f"{claimed}{mandarin}", "。")
    return Sentence(
        f"方案列出{chinese(value)}{mandarin}。", "The plan has ", f"{BELOW_TWENTY[claimed]} {noun}", "."
    )


HARD_NUMBERS: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (
        *(transposed, off_by_one, misplaced_point, silent_rounding, brackets, date_forms, quarter),
        *(capitals_zh, short_zh, mixed_zh, spelled_out, per_unit, temperature, one_in, proportion),
        *(several_times, foreign_money, powers, half_units, counted_parts),
    )
}
HARD_SMALL = frozenset(
    ["quarter", "per_unit", "one_in", "proportion", "half_units", "temperature", "counted_parts"]
)
"""Whose values are so small that a source with several of them would hold each by chance."""


def _quoted(dice: Random, text: str) -> tuple[str, str, str]:
    opening, closing = dice.choice(MARKS)
    return f"It is written: {opening}", text, f"{closing} there."


def moved_word(dice: Random, is_right: bool) -> Sentence:
    text = dice.choice(ENGLISH)
    words = text.split()
    place = dice.randrange(1, len(words) - 3)
    moved = [*words[:place], words[place + 1], words[place], *words[place + 2 :]]
    return Sentence(text, *_quoted(dice, text if is_right else " ".join(moved)))


def inserted_word(dice: Random, is_right: bool) -> Sentence:
    if dice.random() < 0.5:
        text = dice.choice(ENGLISH)
        words = text.split()
        place = dice.randrange(2, len(words) - 2)
        wrong = " ".join([*words[:place], dice.choice(["never", "always", "old"]), *words[place:]])
    else:
        text = dice.choice(CHINESE)
        place = dice.randrange(3, len(text) - 3)
        wrong = text[:place] + dice.choice("不未大新") + text[place:]
    return Sentence(text, *_quoted(dice, text if is_right else wrong))


def dropped_word(dice: Random, is_right: bool) -> Sentence:
    if dice.random() < 0.5:
        text = dice.choice(ENGLISH)
        words = text.split()
        place = dice.randrange(2, len(words) - 2)
        wrong = " ".join([*words[:place], *words[place + 1 :]])
    else:
        text = dice.choice(CHINESE)
        place = dice.randrange(3, len(text) - 3)
        wrong = text[:place] + text[place + 2 :]
    return Sentence(text, *_quoted(dice, text if is_right else wrong))


def stitched(dice: Random, is_right: bool) -> Sentence:
    first, second = dice.sample(ENGLISH, 2)
    wrong = " ".join([*first.split()[:6], *second.split()[-6:]])
    return Sentence(f"{first} {second}", *_quoted(dice, first if is_right else wrong))


def number_in_quote(dice: Random, is_right: bool) -> Sentence:
    value = _odd(dice, 11_111, 99_999)
    text = f"a penalty of {value:,} euros falls due at the end of the month"
    claimed = value if is_right else changed_digit(dice, value)
    return Sentence(f"In that case {text}.", *_quoted(dice, text.replace(f"{value:,}", f"{claimed:,}")))


def bracketed(dice: Random, is_right: bool) -> Sentence:
    text = dice.choice(ENGLISH)
    said = text if is_right else dice.choice([one for one in ENGLISH if one != text])
    return Sentence(text, *_quoted(dice, f"[{said[0].lower()}]{said[1:]}"))


HARD_QUOTES: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (moved_word, inserted_word, dropped_word, stitched, number_in_quote, bracketed)
}


def _cited(dice: Random, is_right: bool, form: str, low: int, high: int) -> Sentence:
    """Return a citation whose `{}` is a number; a wrong one has another."""
    value = dice.randrange(low, high)
    claimed = value if is_right else other(dice, value, low, high)
    return Sentence(f"See {form.format(value)}.", "The text relies on ", form.format(claimed), " here.")


def neutral_uk(dice: Random, is_right: bool) -> Sentence:
    court = dice.choice(["UKSC", "UKHL", "EWCA Civ", "EWHC"])
    return _cited(dice, is_right, f"[{dice.randrange(2001, 2024)}] {court} {{}}", 11, 900)


def act_eu(dice: Random, is_right: bool) -> Sentence:
    kind = dice.choice(["Regulation (EU)", "Directive"])
    ending = "" if kind == "Regulation (EU)" else "/EU"
    return _cited(dice, is_right, f"{kind} {dice.randrange(2001, 2024)}/{{}}{ending}", 11, 900)


def judicial_zh(dice: Random, is_right: bool) -> Sentence:
    return _cited(dice, is_right, f"法释〔{dice.randrange(2001, 2024)}〕{{}}号", 11, 90)


def paragraph_zh(dice: Random, is_right: bool) -> Sentence:
    value = dice.randrange(21, 900)
    claimed = value if is_right else other(dice, value, 21, 900)
    source = f"依照《民法典》第{chinese(value)}条第二款的规定。"
    return Sentence(source, "依据是", f"《民法典》第{claimed}条第二款", "。")


def pmid(dice: Random, is_right: bool) -> Sentence:
    return _cited(dice, is_right, "PMID: {}", 11_000_000, 38_000_000)


def arxiv(dice: Random, is_right: bool) -> Sentence:
    return _cited(dice, is_right, f"arXiv:{dice.randrange(11, 24)}05.{{}}", 11_000, 99_000)


def standard(dice: Random, is_right: bool) -> Sentence:
    form = dice.choice(["ISO {}:2015", "GB/T {}-2015", "EN {}"])
    return _cited(dice, is_right, form, 1_100, 9_900)


HARD_CITATIONS: Mapping[str, Maker] = {
    maker.__name__: maker for maker in (neutral_uk, act_eu, judicial_zh, paragraph_zh, pmid, arxiv, standard)
}

HARD_TRAPS = (
    "Carbon dioxide is CO2, and H1N1 is a virus.",
    "The shop is open 24/7 for everybody.",
    "It prints in 3D and shows films in 4K.",
    "The file is UTF-8, and the sum is SHA-256.",
    "They met one by one, and for one thing it rained.",
    "He had second thoughts at first.",
    "张三和李四都来自四川，喜欢三明治和三文鱼。",
    "不管三七二十一，他千方百计做到十全十美。",
    "五花八门的说法七上八下，一五一十地讲了。",
    "请扫描二维码；十二指肠是器官。",
    "PM2.5 is dust; B2B is trade; x86-64 is a chip.",
    "(a) the one side; (b) the other one.",
    "Vitamin D3 and B6 are in the food.",
    "他以第一人称写作，一下子就成功了。",
    "Here are three key points:\n- The calm.\n- The clerk.\n- The town.",
    "There are 4 main reasons:\n1. The calm.\n2. The clerk.\n3. The town.\n4. The day.",
    "In two sentences: the clerk wrote, and the town read.",
    "Summary in five bullet points:",
    "以下是三个要点：\n1. 平静。\n2. 书记员。\n3. 城镇。",
    "主要有四个方面：\n一、平静。\n二、书记员。\n三、城镇。\n四、日子。",
    "用三句话概括如下：",
)
