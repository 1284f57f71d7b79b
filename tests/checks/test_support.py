"""What statements rest on, in English and Chinese."""

import time
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.checks.support import Citer
from chatterm.checks.verify import verify

LEASE = """LEASE AGREEMENT

1. Term. The lease begins on 1 March 2024 and runs for three years.
2. Rent. The tenant pays 1,250 euros each month, in advance.
   Late payments bear interest at 5 % a year.
3. Deposit. A deposit of 2,500 euros is returned within sixty days after the end of the lease.
4. Pets. The tenant shall not keep animals without the written consent of the landlord.
"""
REPORT = """年度报告

公司2023年营业收入为1.2亿元，同比增长15%。
净利润下降，主要原因是原材料价格上涨。
公司在上海新建了一座研发中心，员工人数增至850人。
"""


@pytest.mark.parametrize(
    ("statement", "how", "lines"),
    [
        ("The tenant pays 1,250 euros each month, in advance.", "quote", (4, 4)),
        ('It says "Late payments bear interest at 5 % a year".', "quote", (5, 5)),
        ("The monthly rent is 1250 euros.", "numbers", (4, 4)),
        ("Animals may not be kept unless the landlord consents in writing.", "words", (7, 7)),
        ("The deposit is returned after the lease ends.", "words", (6, 6)),
        ("The monthly rent is 1350 euros.", "nothing", None),
        ("The tenant may keep animals without asking the landlord in Hamburg.", "nothing", None),
        ("The weather was fine and the children played outside.", "nothing", None),
        ("2023年收入达到12000万元，增长了15%。", "numbers", (3, 3)),
        ("净利润因原材料涨价而下降。", "words", (4, 4)),
        ("公司在北京开设了三家门店。", "nothing", None),
        ("", "nothing", None),
        ("...", "nothing", None),
    ],
)
def test_statement(statement: str, how: str, lines: tuple[int, int] | None) -> None:
    found = Citer([LEASE, REPORT]).cite(statement)
    assert found.how == how
    assert found.text == statement == statement[found.start : found.end]
    if lines:
        assert (found.evidence[0].first_line, found.evidence[0].last_line) == lines
        assert found.evidence[0].source == ("2023" in statement or "净利润" in statement)
    else:
        assert not found.evidence


def test_accents_that_stand_apart_from_their_letters_are_the_same_words() -> None:
    lease = "Le café était fermé hier soir à cause de la neige."
    apart = normalize("NFD", lease)
    for source, statement in ((lease, apart), (apart, lease), (apart, apart)):
        assert Citer([source]).cite(statement).how == "quote"
        (quote,) = verify(f"Il dit “{statement}”", source).findings
        assert (quote.verdict, quote.text) == ("found", statement)


def test_reply() -> None:
    reply = "# Summary\n\n- The lease runs for three years.\n- It is free of charge. 净利润下降。\n"
    found = list(Citer([LEASE, REPORT]).cite_all(reply))
    assert [one.text for one in found] == [
        "The lease runs for three years.",
        "It is free of charge.",
        "净利润下降。",
    ]
    assert [one.is_supported for one in found] == [True, False, True]
    assert all(reply[one.start : one.end] == one.text for one in found)


TABLE = """Revenue in millions

| Region | 2023 | 2024 |
|---|---|---|
| Europe | 398.1 | 412.6 |
| Asia | 201.9 | 187.3 |
"""


@pytest.mark.parametrize(
    ("statement", "lines"),
    [
        ("Asia fell from 201.9 in 2023 to 187.3.", (6, 6)),
        ("Europe | 398.1 | 412.6", (5, 5)),
        ("Asia fell from 201.9 to 178.3.", None),
    ],
)
def test_rows_of_a_table_know_its_head(statement: str, lines: tuple[int, int] | None) -> None:
    found = Citer([TABLE]).cite(statement)
    assert [(one.first_line, one.last_line) for one in found.evidence[:1]] == ([lines] if lines else [])


def test_a_long_line_is_cut_into_sentences_and_cited_by_them() -> None:
    text = "intro\n" + " ".join(
        f"Clause {number} speaks of item{number} at length." for number in range(3000)
    )
    found = Citer([text]).cite("At length it speaks of item2500.")
    assert found.is_supported
    assert "item2500" in found.evidence[0].text
    assert (found.evidence[0].first_line, found.evidence[0].last_line) == (2, 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=3), st.text(max_size=200))
def test_spans_lie_inside_and_lines_exist(sources: list[str], reply: str) -> None:
    reply += "".join(sources)
    for one in Citer(sources).cite_all(reply):
        assert reply[one.start : one.end] == one.text
        assert one.is_supported == bool(one.evidence)
        for place in one.evidence:
            num_lines = sources[place.source].count("\n") + 1
            assert 1 <= place.first_line <= place.last_line <= num_lines


@pytest.mark.parametrize(
    ("text", "rent", "itself"),
    [
        ("a" * 200_000, [], [1]),
        ("tenant pays 5 euros\n" * 5_000, [1, 2, 3], [1]),
        ("营业收入" * 50_000, [], [1]),
        ("\n" * 200_000, [], []),
        ("a,b,7\n" * 10_000, [], [1]),
        ("1,250;" * 10_000, [], [1]),
    ],
    ids=["letters", "one line", "Han", "no line", "rows", "numbers"],
)
def test_sources_that_repeat_themselves_are_searched_at_once(
    text: str, rent: list[int], itself: list[int]
) -> None:
    started = time.process_time()
    citer = Citer([text])
    lines = [
        [place.first_line for place in citer.cite(statement).evidence]
        for statement in ("The tenant pays 5 euros.", text[:1200], "a " * 900, "资产负债")
    ]
    assert lines == [rent, itself, [], []]
    assert time.process_time() - started < 3
