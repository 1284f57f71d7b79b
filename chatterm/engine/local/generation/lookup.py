"""Prompt lookup: guesses that a reply goes on as the same words did before, in the prompt or the reply.

A guess is checked by the model in the pass that reads the next token anyway, which costs a part of a pass a
token; a right one spares a whole pass. What was gained and lost is kept as a balance, so that guessing
stops by itself where it does not pay, and is tried again after a while. Torch-free.

The method: Saxena 2023, "Prompt Lookup Decoding"; transformers calls it `prompt_lookup_num_tokens`.
"""

from collections.abc import Sequence

MAX_DRAFT = 7
"""In tokens."""
NGRAM = 3
"""So many tokens must be the same before a guess is worth anything."""
MAX_LOSS = 0.02
"""Of all passes, what may be lost to guesses that were wrong."""
START_BALANCE = 1.5
"""In passes: for the first guesses."""
MAX_BALANCE = 6.0
"""What was gained long ago pays for no more guesses than this."""


class PromptLookup:
    """Guesses for one reply. Not for several at once: their pass has better use for its rows."""

    def __init__(self, row_cost: float, most: int = MAX_DRAFT) -> None:
        """`row_cost` is what one more row adds to a pass, in passes; `most` the longest guess."""
        self._row_cost = row_cost
        self._most = most
        self._balance = START_BALANCE
        self._last_seen: dict[tuple[int, ...], int] = {}
        """Where the tokens after each n-gram start, the latest; all but the last token are in it."""
        self._num_known = 0

    def draft(self, ids: Sequence[int], room: int) -> Sequence[int]:
        """Return what may follow `ids`, at most `room` tokens; mostly nothing.

        `ids` begins with what it was at the call before.
        """
        self._learn(ids)
        self._balance = min(self._balance + MAX_LOSS, MAX_BALANCE)
        most = min(self._most, room, int(self._balance / self._row_cost))
        start = self._last_seen.get(tuple(ids[-NGRAM:]))
        if start is None or most < 1:
            return ()
        length = min(most, max(NGRAM, _num_equal_before(ids, start)))
        return ids[start : start + length]

    def note(self, num_drafted: int, num_right: int) -> None:
        """Tell how many tokens of the last guess came true."""
        self._balance += num_right - self._row_cost * num_drafted

    def _learn(self, ids: Sequence[int]) -> None:
        for end in range(max(self._num_known, NGRAM), len(ids)):
            self._last_seen[tuple(ids[end - NGRAM : end])] = end
        self._num_known = len(ids)


def _num_equal_before(ids: Sequence[int], start: int) -> int:
    """Return how many tokens before `start` are those at the end of `ids`, at most MAX_DRAFT."""
    count = 0
    while count < min(start, MAX_DRAFT) and ids[start - 1 - count] == ids[-1 - count]:
        count += 1
    return count
