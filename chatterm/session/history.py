"""What of a conversation's history is sent: as much as fits, the newest turns first. Pure functions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatterm.conversation import Message, system_in_force
from chatterm.errors import DoesNotFit


@dataclass(frozen=True, slots=True)
class FittedHistory:
    """The messages to send, and how many of the oldest turns were left out."""

    messages: tuple[Message, ...]
    num_dropped_turns: int
    dropped_questions: tuple[Message, ...] = ()
    """With which the turns begin that were left out."""


def fit_history(
    history: Sequence[Message], new: Sequence[Message], count: Callable[[Sequence[Message]], int], limit: int
) -> FittedHistory:
    """Drop as few whole turns as needed, oldest first, for the rest and `new` to be at most `limit` tokens.

    A system message always stays. `count` grows with the number of messages, so a binary search finds the
    cut. Raises DoesNotFit, with both numbers, where `new` alone is too long.
    """
    turns = _turns(history)

    def sent(dropped: int) -> tuple[Message, ...]:
        return _sent(history, turns[dropped:], new)

    whole = sent(0)
    if (num_tokens := count(whole)) <= limit:
        return FittedHistory(whole, 0)
    least = count(sent(len(turns))) if turns else num_tokens
    if least > limit:
        advice = "shorten it, ask about a part of it, or use a model or --ctx with a longer context"
        raise DoesNotFit(least, limit, advice)
    low, high = 0, len(turns)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if count(sent(middle)) <= limit else (middle + 1, high)
    return FittedHistory(sent(low), low, tuple(turn[0] for turn in turns[:low]))


def with_history(history: Sequence[Message], new: Sequence[Message]) -> tuple[Message, ...]:
    """Return what is sent where all of it fits."""
    return _sent(history, _turns(history), new)


def _sent(
    history: Sequence[Message], turns: Sequence[Sequence[Message]], new: Sequence[Message]
) -> tuple[Message, ...]:
    systems = [message for message in history if message.role == "system"]
    return system_in_force([*systems, *(message for turn in turns for message in turn), *new])


def _turns(history: Sequence[Message]) -> list[list[Message]]:
    """Group what was said into turns. A question that got no word of reply is not sent again."""
    turns: list[list[Message]] = []
    for message in history:
        if message.role == "user":
            turns.append([message])
        elif message.role == "assistant" and turns:
            turns[-1].append(message)
    return [turn for turn in turns if len(turn) > 1 and all(message.content.strip() for message in turn)]


def prompt_limit(context_length: int, max_tokens: int) -> int:
    """Return how many tokens a prompt may have: the context less the reply, for which a quarter is enough."""
    return context_length - max(1, min(max_tokens, context_length // 4))
