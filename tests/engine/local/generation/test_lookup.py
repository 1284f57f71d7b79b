"""Guesses come from what was said before, and never cost more than they may."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.engine.local.generation.lookup import MAX_DRAFT, MAX_LOSS, START_BALANCE, PromptLookup

COST = 0.3


def test_a_guess_is_what_followed_the_same_words() -> None:
    lookup = PromptLookup(0.1)
    assert list(lookup.draft([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3], 100)) == [4, 5, 6]


def test_the_longer_the_match_the_longer_the_guess() -> None:
    said = list(range(20))
    assert len(PromptLookup(0.1).draft([*said, 99, *said[2:10]], 100)) == MAX_DRAFT
    assert len(PromptLookup(0.1).draft([*said, 99, *said[2:6]], 100)) == 4


@pytest.mark.parametrize("ids", [[], [1], [1, 2, 3], [1, 2, 3, 4], [1, 2, 9, 1, 2], list(range(50))])
def test_without_the_same_words_there_is_no_guess(ids: list[int]) -> None:
    assert list(PromptLookup(0.1).draft(ids, 100)) == []


@pytest.mark.parametrize("room", [-1, 0, 1, 2])
def test_a_guess_is_no_longer_than_the_room(room: int) -> None:
    assert len(PromptLookup(0.1).draft([1, 2, 3, 4, 5, 6, 1, 2, 3], room)) == max(0, room)


def test_it_stops_after_misses_and_tries_again_later() -> None:
    lookup, ids, tries = PromptLookup(COST), [1, 2, 3, 4, 5, 6, 1, 2, 3], []
    for step in range(400):
        if draft := lookup.draft(ids, 100):
            lookup.note(len(draft), 0)
            tries.append(step)
        ids = [*ids, 1000 + step, 1, 2, 3]
    assert tries[0] == 0
    assert 3 <= len(tries) <= 400 * MAX_LOSS / COST + START_BALANCE / COST + 1
    assert tries[-1] > 300


@given(st.integers(0, 10**6), st.floats(0, 0.9))
def test_what_is_lost_is_bounded_whatever_comes(seed: int, share: float) -> None:
    """In passes: what is lost never exceeds a fiftieth of them and the start balance."""
    rng = random.Random(seed)
    lookup, ids, gain = PromptLookup(COST), [1, 2, 3, 1, 2, 3], 0.0
    for steps in range(1, 201):
        draft = lookup.draft(ids, 100)
        num_right = sum(rng.random() < share for _ in draft)
        if draft:
            lookup.note(len(draft), num_right)
            gain += num_right - COST * len(draft)
        ids = [*ids, *rng.choices(range(1, 4), k=1 + num_right)]
        assert gain >= -START_BALANCE - MAX_LOSS * steps - 1e-9
