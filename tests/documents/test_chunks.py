"""Chunks: whole lines, by structure, never longer than asked, nothing left out."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.conversation import Document
from chatterm.documents.chunks import Chunk, cut
from chatterm.documents.units import Unit
from chatterm.errors import DoesNotFit


def words(text: str) -> int:
    """Count as a tokenizer might: words, marks, and every Han character."""
    return len(re.findall(r"[a-zA-Z0-9_]+|\S", text))


def document(text: str, name: str = "a.txt") -> Document:
    return Document(name, text, len(text.encode()))


def chunks(text: str, limit: int = 40, name: str = "a.txt", unit: Unit | None = None) -> tuple[Chunk, ...]:
    return cut([document(text, name)], words, limit, unit)


def paragraph(number: int, num_sentences: int = 3) -> str:
    return " ".join(f"Sentence {at} of part {number} says a thing." for at in range(num_sentences))


LINES = st.sampled_from(
    [
        *(
            "",
            "",
            "# Title",
            "## Deeper",
            "Some words of a paragraph.",
            "- an item of a list",
            "1. numbered item",
        ),
        *(
            "```",
            "~~~",
            "| a | b |",
            "|---|---|",
            "$$",
            "x = 1",
            "    indented",
            "第一章 总则",
            "这是一句话。又一句！",
        ),
        *("CAPITAL LETTERS", "\fA page begins", "===", "---", "word " * 60, "字" * 80, 'a,"b', 'c",d', "\f"),
    ]
)
TEXTS = st.lists(LINES, max_size=40).map("\n".join)
NAMES = st.sampled_from(["a.txt", "a.md", "a.csv", "a.py"])


@given(TEXTS, NAMES, st.integers(12, 80))
def test_every_line_is_in_a_chunk_and_no_chunk_is_too_long(text: str, name: str, limit: int) -> None:
    found = chunks(text, limit, name)
    lines = text.split("\n")
    for chunk in found:
        assert words(chunk.content) <= limit
        assert chunk.text in "\n".join(lines[chunk.first_line - 1 : chunk.last_line])
    characters = Counter(c for chunk in found for c in chunk.text if not c.isspace())
    assert characters == Counter(c for c in text if not c.isspace())
    ends = [(chunk.first_line, chunk.last_line) for chunk in found]
    assert ends == sorted(ends)


@given(TEXTS, NAMES, st.sampled_from(["row", "line", "review", "clause", "paragraph", "section", "page"]))
def test_units_leave_nothing_out(text: str, name: str, unit: Unit) -> None:
    found = chunks(text, 200, name, unit)
    characters = Counter(c for chunk in found for c in chunk.text if not c.isspace())
    if unit == "row" and any("|---|" in line or name == "a.csv" for line in text.split("\n")):
        assert not characters - Counter(c for c in text if not c.isspace())
    else:
        assert characters == Counter(c for c in text if not c.isspace())


@pytest.mark.parametrize(
    "kept",
    [
        "```python\nfirst = 1\n\n\nsecond = 2\n```",
        "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |",
        "$$\nx = 1\n\ny = 2\n$$",
        "\\begin{align}\nx &= 1 \\\\\n\ny &= 2\n\\end{align}",
    ],
)
def test_what_fits_a_chunk_is_not_cut(kept: str) -> None:
    text = "\n\n".join([paragraph(1, 4), kept, paragraph(2, 4)])
    assert any(kept in chunk.text for chunk in chunks(text, 44))


def test_a_chunk_carries_its_title_path_and_lines() -> None:
    text = f"# Guide\n\n## Setup\n\n{paragraph(1)}\n\n{paragraph(2)}\n\n## Use\n\n{paragraph(3)}\n"
    found = chunks(text, 34, "guide.md")
    assert [(one.title_path, one.first_line, one.last_line) for one in found] == [
        ((), 1, 5),
        (("Guide", "Setup"), 7, 7),
        (("Guide",), 9, 11),
    ]


@pytest.mark.parametrize(
    ("heading", "is_one"),
    [
        ("2.1 Scope", True),
        ("9. Acceptance Not Required for Having Copies.", True),
        ("TERMS AND CONDITIONS", True),
        ("Chapter 3", True),
        ("第三章 违约责任", True),
        ("Title\n=====", True),
        ("2. Buy some milk and bread.", False),
        ("45 pounds a year", False),
        ("第三章规定了违约责任，本章不再重复说明。", False),
        ("A sentence that ends.", False),
    ],
)
def test_headings_of_plain_text(heading: str, is_one: bool) -> None:
    found = chunks(f"{heading}\n\n{paragraph(1)}\n\n{paragraph(2)}\n", 36)
    title = re.sub(r"\n=+", "", heading)
    assert (found[-1].title_path == (title,)) == is_one


def test_a_chunk_within_a_section_shows_the_sentence_before_it() -> None:
    text = f"{paragraph(1)}\n\n{paragraph(2)}\n\n{paragraph(3)}\n"
    second = chunks(text, 40)[1]
    assert second.head == "Sentence 2 of part 1 says a thing."
    assert second.text.startswith("Sentence 0 of part 2")


def test_no_sentence_is_shown_over_a_heading() -> None:
    text = f"# One\n\n{paragraph(1)}\n\n# Two\n\n{paragraph(2)}\n"
    assert [chunk.head for chunk in chunks(text, 34, "a.md")] == ["", ""]


def test_chinese_is_cut_at_the_ends_of_its_sentences() -> None:
    text = "第一句话说了一件事。" * 30
    found = chunks(text, 44)
    assert len(found) > 5
    assert all(chunk.text.endswith("。") for chunk in found)


@pytest.mark.parametrize("name", ["a.csv", "a.md"])
def test_every_part_of_a_table_has_its_head(name: str) -> None:
    head = "name,amount" if name == "a.csv" else "| name | amount |\n|---|---|"
    row = "item {0},{0}00" if name == "a.csv" else "| item {0} | {0}00 |"
    found = chunks("\n".join([head, *(row.format(at) for at in range(40))]), 40, name)
    assert len(found) > 3
    assert found[0].content.startswith(head)
    assert all(chunk.content.startswith(f"{head}\n") for chunk in found)
    assert all(head not in chunk.text for chunk in found[1:])


def test_a_row_with_a_line_end_in_it_stays_whole() -> None:
    rows = [f'{at},"two\nlines of {at}"' for at in range(12)]
    found = chunks("id,note\n" + "\n".join(rows), 24, "a.csv")
    assert len(found) > 3
    assert all(chunk.text.count('"') % 2 == 0 for chunk in found)


UNITS: list[tuple[Unit, str, list[str]]] = [
    ("line", "one\n\ntwo\nthree", ["one", "two", "three"]),
    ("review", "good\nbad", ["good", "bad"]),
    ("review", "good\nindeed\n\nbad", ["good\nindeed", "bad"]),
    ("review", "good\n\fbad", ["good", "bad"]),
    ("paragraph", "a\nb\n\n\nc", ["a\nb", "c"]),
    ("row", "h1,h2\n1,2\n3,4", ["1,2", "3,4"]),
    ("row", 'h1,h2\n6" pipe,2\n"3\n4",5', ['6" pipe,2', '"3\n4",5']),
    ("page", "one\ntwo\n\fthree", ["one\ntwo", "three"]),
    ("section", "# A\n\nx\n\n## B\n\ny", ["# A\n\nx", "## B\n\ny"]),
    ("clause", "1. Rent is due.\n\n2. Pets are not.", ["1. Rent is due.", "2. Pets are not."]),
    ("clause", "第一条 租金。\n\n第二条 押金。\n继续。", ["第一条 租金。", "第二条 押金。\n继续。"]),
    ("clause", "no numbers\n\nat all", ["no numbers", "at all"]),
]


@pytest.mark.parametrize(("unit", "text", "expected"), UNITS)
def test_units(unit: Unit, text: str, expected: list[str]) -> None:
    name = "a.csv" if unit == "row" else "a.md"
    assert [chunk.text for chunk in chunks(text, 60, name, unit)] == expected


def test_a_row_is_shown_with_the_head_of_its_table() -> None:
    assert [chunk.content for chunk in chunks("h1,h2\n1,2\n3,4", 60, "a.csv", "row")] == [
        "h1,h2\n1,2",
        "h1,h2\n3,4",
    ]


def test_a_unit_that_is_too_long_is_cut() -> None:
    text = f"{paragraph(1, 20)}\n\nshort"
    found = chunks(text, 30, unit="paragraph")
    assert len(found) > 5
    assert found[-1].text == "short"


def test_documents_keep_their_numbers_and_names() -> None:
    found = cut([document("one", "a.txt"), document(""), document("two", "b.txt")], words, 20)
    assert [(one.document, one.name, one.text) for one in found] == [(0, "a.txt", "one"), (2, "b.txt", "two")]


def test_a_line_of_five_megabytes_is_cut_with_few_counts() -> None:
    num_counts = 0

    def count(text: str) -> int:
        nonlocal num_counts
        num_counts += 1
        return len(text) // 4 + 1

    found = cut([document("x" * 5_000_000)], count, 2000)
    assert sum(len(chunk.text) for chunk in found) == 5_000_000
    assert num_counts <= 2 * len(found)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "line",
    ["# a" + " " * 100_000 + "b", "| a |\n|-" + " " * 100_000 + "x", "." * 50_000],
    ids=["heading", "rule", "full stops"],
)
def test_no_line_takes_the_square_of_its_length(line: str) -> None:
    found = cut([document(f"{line}\n\nwords")], lambda part: len(part) // 4 + 1, 40)
    assert len(found) > 1
    assert all(len(title) <= 100 for chunk in found for title in chunk.title_path)


def test_what_is_too_short_to_be_cut_follows_its_headings_whole() -> None:
    for num_headings in range(10, 30):
        found = chunks("# a\n" * num_headings + "x\n", 40, "a.md")
        assert "\n".join(chunk.text for chunk in found) == "# a\n" * num_headings + "x"


def test_a_context_too_short_for_a_word_is_an_error() -> None:
    with pytest.raises(DoesNotFit, match="only 0 fit"):
        chunks("word", 0)
