"""Facts: what is the same, what never is, and that a second pass changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.documents.chunks import Chunk
from chatterm.tasks.reading.events import Partial
from chatterm.tasks.reading.facts import Fact, distinct, facts_from_digest, facts_of, supported


def fact(text: str, first: int = 1, last: int = 0, *, is_supported: bool = True, document: int = 0) -> Fact:
    return Fact(
        text=text,
        document=document,
        first_line=first,
        last_line=last or first,
        is_supported=is_supported,
    )


SAME = [
    ("Bridge Street closes on 1 May.", "Bridge street closes on 1 May", 1, 90),
    ("The report is of 3 March 2024", "Report is of 3 March 2024.", 3, 700),
    ("Ｐａｇｅ header", "page header", 1, 2),
    ("The lift was out of order for nine days.", "The old lift was out of order for nine days.", 4, 4),
    ("Buses and bicycles use it", "Bicycles and buses use it", 2, 2),
    ("Either party terminates the contract", "The contract is terminated by either party", 8, 8),
    ("桥街从5月1日起禁止通行。", "桥街从5月1日起禁止通行", 1, 40),
    ("噪音下降了三分之一。", "去噪音下降了三分之一。", 2, 2),
]

OTHER = [
    ("Traffic rose by 18 percent", "Traffic rose by 19 percent", 1, 1),
    ("Traffic rose by 18 percent", "Traffic fell by 18 percent", 1, 1),
    ("The tenant may keep dogs", "The tenant may not keep dogs", 1, 1),
    ("Three people came", "Five people came", 1, 1),
    ("The low was -5 °C.", "The low was 5 °C.", 1, 40),
    ("It cost $5 million", "It cost €5 million", 1, 40),
    ("A owes B 5 euros", "B owes A 5 euros", 1, 20),
    ("The lift was out of order for nine days.", "The old lift was out of order for nine days.", 4, 5),
    ("Page 3 of 12", "Page 4 of 12", 60, 120),
    ("Paid on 3 May 2024", "Paid on 4 May 2024", 1, 1),
    ("车流量上升了18%。", "车流量下降了18%。", 1, 1),
    ("不得转租。", "得转租。", 1, 1),
]


@pytest.mark.parametrize(("first", "second", "line", "other"), SAME)
def test_what_is_said_twice_is_kept_once(first: str, second: str, line: int, other: int) -> None:
    assert distinct([fact(first, line), fact(second, other)]) == (fact(first, line),)


@pytest.mark.parametrize(("first", "second", "line", "other"), OTHER)
def test_what_differs_is_never_merged(first: str, second: str, line: int, other: int) -> None:
    facts = (fact(first, line), fact(second, other))
    assert distinct(facts) == facts


def test_lines_of_different_documents_are_different_lines() -> None:
    facts = (fact("The lift was old.", 4), fact("The lift was very old.", 4, document=1))
    assert distinct(facts) == facts


def test_of_equal_words_those_that_rest_on_something_stay() -> None:
    loose, firm = fact("It rained.", 1, 40, is_supported=False), fact("It rained.", 52)
    assert distinct([loose, fact("It snowed.", 3), firm]) == (fact("It snowed.", 3), firm)


_words = st.lists(
    st.sampled_from(
        ["the", "lift", "lifts", "was", "not", "old", "nine", "9", "days", "red", "桥", "街", "不"]
    ),
    max_size=6,
).map(" ".join)
_facts = st.lists(
    st.builds(
        fact,
        _words,
        st.integers(1, 3),
        st.integers(3, 4),
        is_supported=st.booleans(),
        document=st.integers(0, 1),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(_facts)
def test_a_second_pass_changes_nothing_and_order_stays(facts: list[Fact]) -> None:
    once = distinct(facts)
    assert distinct(once) == once
    places = iter(facts)
    assert all(one in places for one in once)  # consumes: a subsequence
    assert {one.text for one in once} <= {one.text for one in facts}


CHUNK = Chunk(
    document=1,
    name="news.txt",
    text="The council met on Tuesday.\n\nBridge Street closes to cars on 1 May.\nTraffic rose by 18%.\n",
    first_line=40,
    last_line=43,
)


def test_statements_of_a_part_get_the_documents_lines() -> None:
    reply = "1. Bridge Street closes to cars on 1 May.\n2. Traffic rose by 81%.\n- The council met on Tuesday"
    found = facts_of(Partial(chunk=CHUNK, text=reply))
    assert [(one.text, one.first_line, one.last_line, one.is_supported) for one in found] == [
        ("Bridge Street closes to cars on 1 May.", 42, 42, True),
        ("Traffic rose by 81%.", 40, 43, False),
        ("The council met on Tuesday", 40, 40, True),
    ]
    assert {one.document for one in found} == {1}
    assert [one.text for one in supported(found)] == [found[0].text, found[2].text]
    assert facts_of(Partial(chunk=CHUNK, text="", failure="loop")) == ()


def test_what_is_made_of_facts_keeps_their_places() -> None:
    facts = (
        fact("The council met on Tuesday.", 40),
        fact("Bridge Street closes to cars on 1 May.", 2042, document=3),
    )
    reply = "- Bridge Street closes to cars on 1 May\n- Unicorns dance."
    closes, dances = facts_from_digest(reply, facts)
    assert (closes.document, closes.first_line, closes.is_supported) == (3, 2042, True)
    assert not dances.is_supported
    assert facts_from_digest(reply, ()) == ()
