"""What of the history is sent: the newest whole turns that fit, the system message always."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.conversation import Message
from chatterm.errors import DoesNotFit
from chatterm.session import fit_history, prompt_limit

SYSTEM = Message("system", "s s s")
NEW = (Message("user", "new question"),)


def count(messages: Sequence[Message]) -> int:
    return sum(len(message.content.split()) for message in messages)


def turn(number: int, words: int = 5) -> list[Message]:
    text = " ".join([str(number)] * words)
    return [Message("user", text), Message("assistant", text)]


def test_everything_is_sent_where_it_fits() -> None:
    history = [SYSTEM, *turn(1), *turn(2)]
    fitted = fit_history(history, NEW, count, 25)
    assert fitted.messages == (*history, *NEW)
    assert fitted.num_dropped_turns == 0


def test_the_oldest_whole_turns_go_first_and_the_system_message_stays() -> None:
    history = [SYSTEM, *turn(1), *turn(2), *turn(3)]
    fitted = fit_history(history, NEW, count, 24)
    assert fitted.messages == (SYSTEM, *turn(3), *NEW)
    assert fitted.num_dropped_turns == 2


def test_a_question_that_is_too_long_alone_tells_both_numbers() -> None:
    with pytest.raises(DoesNotFit) as error:
        fit_history([SYSTEM, *turn(1)], NEW, count, 4)
    assert (error.value.num_tokens, error.value.limit, error.value.exit_code) == (5, 4, 3)
    assert "5 tokens" in str(error.value)
    assert "only 4 fit" in str(error.value)


def test_the_newest_system_message_is_in_force() -> None:
    newer = Message("system", "newer")
    fitted = fit_history([SYSTEM, *turn(1), newer, *turn(2)], NEW, count, 100)
    assert fitted.messages == (newer, *turn(1), *turn(2), *NEW)


@pytest.mark.parametrize("reply", [[], [Message("assistant", "")], [Message("assistant", " \n")]])
def test_a_question_without_a_word_of_reply_is_not_sent_again(reply: list[Message]) -> None:
    fitted = fit_history([*turn(1), Message("user", "lost"), *reply], NEW, count, 100)
    assert fitted.messages == (*turn(1), *NEW)
    assert fitted.num_dropped_turns == 0


@given(st.lists(st.integers(1, 30), max_size=12), st.integers(2, 200))
def test_as_few_turns_as_possible_are_dropped(sizes: list[int], limit: int) -> None:
    turns = [turn(number, size) for number, size in enumerate(sizes)]
    fitted = fit_history([message for one in turns for message in one], NEW, count, limit)
    assert count(fitted.messages) <= limit
    assert fitted.num_dropped_turns + (len(fitted.messages) - 1) // 2 == len(turns)
    if fitted.num_dropped_turns:
        assert count(fitted.messages) + 2 * sizes[fitted.num_dropped_turns - 1] > limit


@pytest.mark.parametrize(
    ("context", "max_tokens", "limit"), [(8192, 1024, 7168), (1000, 1024, 750), (100, 1, 99), (2, 10, 1)]
)
def test_a_reply_keeps_room(context: int, max_tokens: int, limit: int) -> None:
    assert prompt_limit(context, max_tokens) == limit
