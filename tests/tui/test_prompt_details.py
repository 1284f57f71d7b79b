"""Which prompts a search finds, and how close letters stand."""

import time

import pytest

from chatterm.tui.closeness import closeness
from chatterm.tui.prompt_details import found
from tests.tui.driving import SHIPPED

ENTRIES = SHIPPED.entries()


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("clauses", "legal/clauses"),
        ("legal/cl", "legal/clauses"),
        ("tldr", "general/summarize"),
        ("translaton", "general/translate"),
        ("翻译", "general/translate"),
        ("化验", "medical/lab-explain"),
        ("smrz", "general/summarize"),
    ],
)
def test_a_search_finds_by_name_title_tag_and_alias_in_both_languages(query: str, first: str) -> None:
    assert found(ENTRIES, query)[0].id == first


def test_without_a_query_all_are_there_and_without_a_match_none() -> None:
    assert found(ENTRIES, "  ") == ENTRIES
    assert found(ENTRIES, "qqqxyz") == []


@pytest.mark.parametrize(
    ("wanted", "text", "close"),
    [
        ("abc", "abc", 1.0),
        ("abc", "xxabcxx", 1.0),
        ("abc", "a-b-c", 0.6),
        ("abc", "aaabc", 1.0),
        ("abc", "acb", 0.0),
        ("", "abc", 0.0),
        ("abc", "", 0.0),
    ],
)
def test_letters_side_by_side_are_closest(wanted: str, text: str, close: float) -> None:
    assert closeness(wanted, text) == close


def test_a_title_that_holds_them_in_very_many_ways_takes_no_time() -> None:
    start = time.process_time()
    closeness("ea" * 30, "e" * 50_000 + "a" * 50_000 + "ea" * 20 + "b")
    closeness("ea" * 30, "eab" * 50_000)
    assert time.process_time() - start < 5
