import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.conversation import Document
from chatterm.documents.fence import fence
from chatterm.documents.places import pages_of, without_page_marks

PAGED = "title\nfirst\n\fsecond\nmore\n\f\n\f\ffifth\n"
"""Five pages: the third is empty but for its line, the fourth has no line of its own."""


@pytest.mark.parametrize(
    ("first", "last", "lang", "said"),
    [
        (1, 2, "en", "page 1, lines 1-2"),
        (4, 4, "en", "page 2, line 2"),
        (3, 4, "zh", "第2页第1-2行"),
        (6, 6, "zh-Hans", "第5页第1行"),
        (2, 3, "en", "page 1, line 2 to page 2, line 1"),
        (2, 3, "zh", "第1页第2行至第2页第1行"),
    ],
)
def test_a_place_on_a_page_is_said_by_the_lines_of_that_page(
    first: int, last: int, lang: str, said: str
) -> None:
    assert pages_of(PAGED).place(first, last, lang=lang) == said


@pytest.mark.parametrize(
    ("first", "last", "lang", "said"),
    [
        (5, 7, "en", "lines 5-7"),
        (5, 7, "zh", "第5-7行"),
        (5, 5, "en", "line 5"),
        (5, 5, "zh", "第5行"),
        (1200, 3400, "fr", "lines 1,200-3,400"),
    ],
)
def test_without_pages_it_is_said_by_lines(first: int, last: int, lang: str, said: str) -> None:
    assert pages_of("a\n" * 4000).place(first, last, lang=lang) == said


@pytest.mark.parametrize(
    ("first", "last", "lang", "mark"),
    [
        (1, 2, "en", "p. 1:1-2"),
        (4, 4, "en", "p. 2:2"),
        (3, 4, "zh", "第2页:1-2"),
        (2, 3, "en", "p. 1:2-p. 2:1"),
    ],
)
def test_a_mark_says_it_short(first: int, last: int, lang: str, mark: str) -> None:
    assert pages_of(PAGED).mark(first, last, lang=lang) == mark


def test_a_mark_without_pages_is_the_lines() -> None:
    assert [pages_of("a\n" * 40).mark(5, last) for last in (5, 7)] == ["5", "5-7"]


@pytest.mark.parametrize(
    ("text", "num_pages"),
    [("", 0), ("a\nb", 0), ("mid\fline", 0), ("one\n\f", 0), ("a\n\fb\n\f\f", 2), ("\fb", 2), ("a\n\f\n", 2)],
)
def test_a_page_begins_with_a_form_feed_at_the_start_of_a_line(text: str, num_pages: int) -> None:
    assert len(pages_of(text)) == num_pages


@given(st.lists(st.text("ab\n", max_size=12), min_size=2, max_size=8))
def test_every_line_is_on_the_page_it_was_written_on(pages: list[str]) -> None:
    text = "\n\f".join(pages) + "\n"
    line, found = 0, pages_of(text)
    for number, page in enumerate(pages, 1):
        for _ in range(page.count("\n") + 1):
            line += 1
            assert found.page_of(line) == number
    assert len(found) == len(pages)


@given(st.text("a\f\n`", max_size=40).map(lambda text: f"x{text}\n"))
def test_no_form_feed_reaches_the_model_and_its_lines_stay_the_same(text: str) -> None:
    message = fence([Document("a.txt", text, len(text))])
    assert "\f" not in message
    assert message == fence([Document("a.txt", without_page_marks(text), 0)])
    assert f"\n{without_page_marks(text)}`" in message
    assert without_page_marks(text).count("\n") == text.count("\n")
