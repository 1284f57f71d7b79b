import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.sanitize import Sanitizer, num_cells, sanitize, sanitize_line

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1)]
KEPT_FORMATS = (
    "\u200c\u200d"  # joiners
    "\u061c\u200e\u200f"  # implicit bidi marks
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"  # visible signs
    + "".join(map(chr, range(0x13430, 0x13440)))  # joiners of hieroglyphs
)
OTHER_INVISIBLES = {"\u2065", "\u3164", "\uffa0"} | {
    chr(code) for code in (*range(0xE0000, 0xE0100), *range(0xE01F0, 0xE1000))
}
HIDING_PLACES = "\t\n\r\x1b\x9b\x7f\x00\u202e\u2066\u200b\ufeff\U000e0041\ud800\u2028\u0085"
HOSTILE_TEXT = st.text(
    st.one_of(st.sampled_from(HIDING_PLACES + "ab[m1;"), st.characters(exclude_categories=[]))
)


def is_dangerous(char: str) -> bool:
    category = unicodedata.category(char)
    if category == "Cf":
        return char not in KEPT_FORMATS
    return category in {"Cc", "Cs", "Zl", "Zp"} and char not in "\n\t"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", "a␛[31mred␛[0m"),
        ("before\x1b]52;c;never ended", "before␛]52;c;never ended"),
        ("\x1bP1$r after", "␛P1$r after"),
        ("bell\x07 null\x00 back\x08 del\x7f", "bell␇ null␀ back␈ del␡"),
        ("\x9b31m \x85", "\ufffd31m \ufffd"),
        ("one\r\ntwo\rthree\u2028four\u2029", "one\ntwo\nthree\nfour\n"),
        ("name\u202egpj.exe", "name<U+202E>gpj.exe"),
        ("\u2066isolated\u2069", "<U+2066>isolated<U+2069>"),
        ("zero\u200bwidth\ufeff", "zero<U+200B>width<U+FEFF>"),
        ("hi\U000e0041\U000e007f", "hi\ufffd\ufffd"),
        ("half \ud83d", "half \ufffd"),
        ("soft\xadhyphen", "soft-hyphen"),
        ("\u3164", "<U+3164>"),
    ],
)
def test_what_a_terminal_obeys_or_nobody_sees_becomes_visible_and_the_text_around_it_stays(
    text: str, shown: str
) -> None:
    assert sanitize(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain\tand\nlines\n",
        "family 👨‍👩‍👧 heart ❤️ flag 🇳🇿 keycap 1️⃣",
        "cafe\u0301, naïve",
        "光合作用是植物的过程。",
        "السلام عليكم \u200f(2024)\u200e",
        "می\u200cخواهم",
        "क्\u200dष",
        "[b]markup[/b] [@click=app.bell()]x[/]",
        "private use \ue0b0, ideographic variation 葛\U000e0100",
    ],
)
def test_what_people_write_passes_as_it_is(text: str) -> None:
    assert sanitize(text) is text


def test_of_all_characters_exactly_the_dangerous_ones_are_changed() -> None:
    changed = {char for char in EVERY_CHARACTER if sanitize(char) != char}
    assert changed == {char for char in EVERY_CHARACTER if is_dangerous(char)} | OTHER_INVISIBLES


def test_nothing_dangerous_is_left_of_any_character_and_none_vanishes() -> None:
    for char in EVERY_CHARACTER:
        shown = sanitize(char)
        assert shown
        assert not any(map(is_dangerous, shown))


@given(HOSTILE_TEXT)
def test_the_result_is_clean(text: str) -> None:
    shown = sanitize(text)
    assert not any(map(is_dangerous, shown))
    assert sanitize(shown) is shown


@given(HOSTILE_TEXT, st.data())
def test_the_result_is_the_same_however_the_text_was_cut(text: str, data: st.DataObject) -> None:
    sanitizer = Sanitizer()
    pieces = []
    rest = text
    while rest:
        length = data.draw(st.integers(0, 3))
        pieces.append(sanitizer.feed(rest[:length]))
        rest = rest[length:]
    assert "".join(pieces) == sanitize(text)


def test_a_line_end_cut_in_two_is_one_line_end() -> None:
    sanitizer = Sanitizer()
    assert [sanitizer.feed(chunk) for chunk in ("a\r", "", "\n", "\nb")] == ["a\n", "", "", "\nb"]


@given(HOSTILE_TEXT)
def test_a_sanitised_line_is_one_line(text: str) -> None:
    line = sanitize_line(text)
    assert "\t" not in line
    assert len(line.splitlines()) <= 1


def test_a_title_keeps_its_words_apart() -> None:
    assert sanitize_line("two\r\nlines\tand a tab") == "two lines and a tab"


@pytest.mark.parametrize(("text", "cells"), [("", 0), ("abc", 3), ("合同", 4), ("ｱb", 2), ("e\u0301", 1)])
def test_a_line_is_as_wide_as_a_terminal_shows_it(text: str, cells: int) -> None:
    assert num_cells(text) == cells
