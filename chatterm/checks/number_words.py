"""What numbers in words are worth, in English and Chinese. Words in, exact values out; knows no units."""

from collections.abc import Sequence
from fractions import Fraction

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
_MORE = "seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

CARDINALS = {word: value for value, word in enumerate(f"{_ONES} {_MORE}".split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), 2)
}
SCALES = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}
ORDINALS = {
    word: value
    for value, word in enumerate(
        ["third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"], 3
    )
}
FRACTIONS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4} | {
    name: value for word, value in ORDINALS.items() if value <= 10 for name in (word, word + "s")
}
"""By the denominator they name."""

DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {
    char: value for value, char in enumerate("〇壹贰叁肆伍陆柒捌玖")
}
DIGITS |= {"两": 2, "兩": 2, "俩": 2, "貳": 2, "參": 3, "陸": 6}
SMALL_SCALES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
LARGE_SCALES = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "兆": 10**12}
HAN = "".join((*DIGITS, *SMALL_SCALES, *LARGE_SCALES))
"""The characters of Chinese numerals; 点 and 分之 are joined by who reads the text."""


def english_value(words: Sequence[str]) -> int:
    """Return what cardinal words make together: three hundred and five -> 305. `and`, `a` count nothing."""
    total = current = 0
    for word in words:
        if word in CARDINALS:
            current += CARDINALS[word]
        elif word in ("hundred", "dozen"):
            current = max(current, 1) * SCALES[word]
        elif word in SCALES:
            total, current = total + max(current, 1) * SCALES[word], 0
    return total + current


def chinese_value(text: str) -> int | None:
    """Return what a run of `HAN` is worth; None where it is no one number, such as 二三 (two or three)."""
    if not any(char in SMALL_SCALES or char in LARGE_SCALES for char in text):
        return _by_place(text)
    total = section = 0
    digit: int | None = None
    for char in text:
        if char in DIGITS:
            if digit:
                return None
            digit = DIGITS[char]
        elif char in SMALL_SCALES:
            section += SMALL_SCALES[char] * (digit or 1)
            digit = None
        else:
            total, section = _raised(total, section + (digit or 0), LARGE_SCALES[char]), 0
            digit = None
    return total + section + _short_tail(text, digit)


def _by_place(text: str) -> int | None:
    """Read digit after digit, as years are: 二〇二四. Two digits without a zero are an estimate: 二三."""
    if len(text) == 2 and not set(text) & set("〇零"):
        return None
    return int("".join(str(DIGITS[char]) for char in text)) if len(text) <= 20 else None


def _raised(total: int, section: int, scale: int) -> int:
    """万亿 raises all that stands before it, 亿 in 一亿三千万 only what is its own."""
    if section:
        return total + section * scale if not total or total > scale else (total + section) * scale
    return max(total, 1) * scale


def _short_tail(text: str, digit: int | None) -> int:
    """三万五 is 35 000: a last digit behind a scale counts the next lower place; not so after 零 or 十."""
    if digit is None or len(text) < 2:
        return digit or 0
    scale = SMALL_SCALES.get(text[-2]) or LARGE_SCALES.get(text[-2])
    return digit * (scale // 10 if scale and scale > 10 else 1)


def chinese_decimal(whole: str, decimals: str) -> Fraction | None:
    """Return 三点一四 from 三 and 一四."""
    value = chinese_value(whole)
    if value is None or not decimals or len(decimals) > 20:
        return None
    digits = "".join(str(DIGITS[char]) for char in decimals)
    return value + Fraction(int(digits), 10 ** len(digits))
