"""Which language a reply is in, code and quotes aside, and that no reply keeps the check busy."""

import time

import pytest

from chatterm.tasks.reply_language import wrong_language

ENGLISH = "the words of a language that nobody asked for"


@pytest.mark.parametrize(
    "mark", ["```py\n{}\n```", "````\n```\n{}\n````", "```\n{}", "`{}`", "“{}”", "「{}」"]
)
def test_code_and_quotes_may_be_in_any_language(mark: str) -> None:
    assert wrong_language(f"他说得很对。\n{mark.format(ENGLISH)}", "zh") is None
    found = wrong_language(f"他说得很对。\n{ENGLISH}", "zh")
    assert found is not None
    assert found.text == "en"


@pytest.mark.parametrize("unit", ["`", "``` ", "```\n", "`a", "````x\n```\n", "“", '"a', "http://"])
def test_a_reply_that_repeats_itself_is_read_at_once(unit: str) -> None:
    started = time.process_time()
    wrong_language(ENGLISH + unit * 20_000, "zh")
    assert time.process_time() - started < 2
