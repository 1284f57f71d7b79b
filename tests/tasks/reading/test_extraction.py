"""Extraction: it fits, it ends, it keeps order, and it chooses what many facts are about."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.tasks.reading.digest import digest
from chatterm.tasks.reading.extraction import extracted
from chatterm.tasks.reading.facts import Fact


def facts(*texts: str) -> list[Fact]:
    return [
        Fact(text=text, document=0, first_line=line, last_line=line, is_supported=True)
        for line, text in enumerate(texts, 1)
    ]


_words = st.sampled_from(["bridge", "traffic", "noise", "bus", "18", "the", "of", "桥", "街", "噪", "音"])
_texts = st.lists(st.lists(_words, max_size=8).map(" ".join), max_size=25)


@settings(max_examples=60, deadline=None)
@given(_texts, st.integers(0, 120))
def test_what_is_chosen_fits_and_is_a_subset_in_order(texts: list[str], room: int) -> None:
    given_facts = facts(*texts)

    def fits(some: Sequence[Fact]) -> bool:
        return sum(len(one.text) + 1 for one in some) <= room

    chosen = extracted(given_facts, fits)
    assert fits(chosen)
    lines = [one.first_line for one in chosen]
    assert lines == sorted(set(lines))
    assert set(chosen) <= set(given_facts)
    smallest = min((len(one.text) + 1 for one in given_facts), default=10**9)
    if smallest <= room and len(given_facts) <= 5:
        assert chosen  # a single fact that fits is found


def test_all_are_kept_where_all_fit() -> None:
    given_facts = facts("One thing.", "", "Another thing entirely.", "3")
    assert extracted(given_facts, lambda some: True) == tuple(given_facts)


def test_what_the_text_is_about_goes_before_what_it_mentions_once() -> None:
    given_facts = facts(
        "The council closed Bridge Street to cars.",
        "A dog barked.",
        "Bridge Street was closed to cars after a trial of the council cut noise by 18 percent.",
        "Somebody wore a hat.",
        "Traffic on Mill Road rose while Bridge Street was closed to cars.",
        "Yes.",
    )
    chosen = extracted(given_facts, lambda some: len(some) <= 2)
    assert {one.first_line for one in chosen} <= {1, 3, 5}


def test_chosen_facts_do_not_repeat_one_another() -> None:
    given_facts = facts(
        "The council closed Bridge Street to cars on Tuesday.",
        "On Tuesday the council closed Bridge Street to all cars.",
        "Bridge Street closed to cars by the council, Tuesday.",
        "Residents of Mill Road complained to the council about noise from traffic.",
    )
    chosen = extracted(given_facts, lambda some: len(some) <= 2)
    assert given_facts[3] in chosen


def test_many_facts_take_no_longer_than_a_few_thousand() -> None:
    given_facts = facts(
        *(f"Item {number} costs {number * 7} euros in shop {number % 13}." for number in range(4000))
    )
    chosen = extracted(given_facts, lambda some: len(some) <= 10)
    assert len(chosen) == 10
    assert chosen[-1].first_line - chosen[0].first_line > 1500  # spread over the document


def test_a_line_of_the_digest_is_a_fact() -> None:
    given_facts = facts("One\n  thing.", "另一件事。")
    document = digest(given_facts, "zh")
    assert document.text.splitlines() == ["One thing.", "另一件事。"]
    assert document.num_lines == len(given_facts)
