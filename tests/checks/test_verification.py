"""How good and how fast the checks are: the bounds that the generated set and hostile texts are held to."""

import time

import pytest

from chatterm.checks.verify import Basis, verify
from tests.checks.generated_set import generated_set
from tests.checks.generated_texts import EXAMPLES
from tests.checks.verification import measure, table

CASES = tuple(generated_set(num_cases=300))
SOURCE = "\n".join(case.source for case in CASES)[:60_000]
REPLY = "".join(case.reply for case in CASES[:40])[:4_096]


def test_precision_and_recall_on_the_generated_set() -> None:
    scores = measure(CASES)
    shown = table(scores)
    assert min(scores["all"].precision, scores["all"].recall) >= 0.97, shown
    for kind in ("number", "quote", "citation", "leak"):
        assert min(scores[kind].precision, scores[kind].recall, scores[kind].seen) >= 0.95, shown
    assert sum(scores[one].num_false_marks for one in ("trap", "elsewhere") if one in scores) <= 4, shown
    for category, score in scores.items():
        if score.num_wrong >= 5:
            assert min(score.precision, score.recall, score.seen) >= 0.8, f"{category}\n{shown}"


def test_a_wrong_checker_would_be_noticed() -> None:
    """The bounds mean nothing if marking all, or nothing, met them."""
    claims = [claim for case in CASES for claim in case.claims if claim.kind != "trap"]
    assert 0.4 < sum(claim.is_right for claim in claims) / len(claims) < 0.6


def test_a_reply_is_checked_in_a_tenth_of_a_second() -> None:
    verify(REPLY, SOURCE)
    costs = []
    for _ in range(3):
        started = time.process_time()
        assert len(verify(REPLY, Basis((SOURCE,), examples=EXAMPLES)).findings) > 50
        costs.append(time.process_time() - started)
    assert min(costs) < 0.6  # in CPU seconds: six times the promise, for slow and busy machines


HOSTILE = {
    "digits": "1",
    "groups": "111,",
    "decimals": "1.",
    "ranges": "1-",
    "slashes": "1/",
    "dates": "1 Mar ",
    "numerals": "三",
    "scales": "三万",
    "points": "一点",
    "parts": "三分之",
    "number words": "hundred and ",
    "open quotes": "“a",
    "straight quotes": '"',
    "dots": ".",
    "names": "Aaa Bbb ",
    "parties": "A v. ",
    "laws": "《",
    "heads": "(in thousand ",
    "dockets": "(2020)",
    "articles": "第",
    "spaces": " ",
    "lines": "\n",
    "links": "http://",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    def cost(length: int) -> float:
        text = (unit * length)[:length]
        started = time.process_time()
        verify(text, text)
        return time.process_time() - started

    small = max(0.005, *(cost(1_000) for _ in range(3)))
    large = min(cost(10_000) for _ in range(2))
    assert large < 60 * small  # ten times the length; a quadratic check would take a hundred times


def test_a_megabyte_of_digits_is_read_in_seconds() -> None:
    text = "7" * 1_000_000
    started = time.process_time()
    assert verify(text, text).findings == ()
    assert time.process_time() - started < 5
