"""What a test in a prompt's file expects, against replies that meet it and replies that do not."""

import pytest

from chatterm.prompts.expectations import Expectation, PromptTest
from chatterm.prompts.judging import unmet
from chatterm.tasks.prompt_tests import share_of_numbers_found

# an expectation, a reply that meets it, one that does not, and what is told of that one
CASES: list[tuple[Expectation, str, str, str]] = [
    ({"contains": "Paris"}, "It is Paris.", "It is paris.", "contains: Paris"),
    ({"contains_any": ("sun", "light")}, "sunlight", "rain", "contains_any: sun, light"),
    ({"contains_all": ("a", "b")}, "b a", "b", "contains_all: a"),
    ({"not_contains_any": ("you have", "x")}, "fine", "you have", "not_contains_any: you have"),
    ({"equals": "positive"}, " positive\n", "positive!", "equals: 'positive'"),
    ({"lang": "zh"}, "这是中文", "English", "lang: zh, found en"),
    ({"lang": "en"}, "English", "123", "lang: en, found no letters"),
    ({"max_words": 2.0}, "two words", "now three words", "max_words: 2, found 3"),
    ({"max_chars": 3.0}, "abc", "abcd", "max_chars: 3, found 4"),
    ({"min_chars": 3.0}, "abc", "ab", "min_chars: 3, found 2"),
    ({"max_lines": 1.0}, "one", "one\ntwo", "max_lines: 1, found 2"),
    ({"json_valid": True}, '{"a": 1}', "{a: 1}", "json_valid: it is no JSON"),
    ({"json_valid": True}, "[]", "[" * 100_000, "json_valid: it is no JSON"),
    (
        {"path": "[0].flag", "equals": "high"},
        '[{"flag": "high"}]',
        '[{"flag": "low"}]',
        "[0].flag: 'low' inst",
    ),
    ({"path": "a.b[1]", "equals": 2}, '{"a": {"b": [1, 2]}}', '{"a": {"b": [1]}}', "a.b[1]: not there"),
    ({"path": "a", "equals": None}, '{"a": null}', '{"b": null}', "a: not there"),
    ({"path": "a"}, '{"a": 1}', "a", "a: the reply is no JSON"),
    ({"grounded": 1.0}, "1,200 or 4.5%", "1200 or 45", "grounded: 0.50 of its numbers stand in the source"),
    ({"grounded": 1.0}, "4.5 %", "4.5 euros", "grounded: 0.00"),
    ({"grounded": 1.0}, "1. no numbers\n2. but the list's", "7", "grounded: 0.00"),
    ({"grounded": 0.5}, "４.５％ and 9", "7, 8 and 4.5%", "grounded: 0.33"),
]


@pytest.mark.parametrize(("expectation", "met", "missed", "told"), CASES)
def test_expectations(expectation: Expectation, met: str, missed: str, told: str) -> None:
    test = PromptTest("x", "en", {"document": "costs 1,200 or 4.5 percent"}, (expectation,))
    assert unmet(test, met, share_of_numbers_found) == ()
    (failure,) = unmet(test, missed, share_of_numbers_found)
    assert failure.startswith(told)
