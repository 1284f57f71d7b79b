"""Outline: what reading in parts would take, without asking the model anything."""

from dataclasses import dataclass

from chatterm.documents.chunks import Chunk
from chatterm.tasks.means import Means
from chatterm.tasks.reading.budget import token_counter
from chatterm.tasks.reading.driver import cut_parts
from chatterm.tasks.reading.plan import Reading
from chatterm.tasks.reading.retrieving import part_limit

_TOKENS_OF_A_REPLY = 120
"""About as many facts give a part's digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What would be read, in which parts."""

    parts: tuple[tuple[Chunk, int], ...]
    """Each with its tokens."""
    part_limit: int
    num_tokens: int
    """Of all parts, without what is said around each."""
    num_calls: int
    """Of the model, about; rounds of reducing are guessed."""


def outline_of(reading: Reading, means: Means) -> Outline:
    """Cut the documents and count. Raises as `cut_parts` does."""
    count = token_counter(means.engine)
    parts = tuple((chunk, count(chunk.content)) for chunk in cut_parts(reading, means))
    is_retrieved = reading.strategy == "retrieve"
    return Outline(
        parts=parts,
        part_limit=part_limit(reading.limit) if is_retrieved else reading.limit,
        num_tokens=sum(num_tokens for _, num_tokens in parts),
        num_calls=1 if is_retrieved else len(parts) + _num_reduces(reading, len(parts)),
    )


def _num_reduces(reading: Reading, num_parts: int) -> int:
    """Guess the calls that combine: each round leaves a third of the facts."""
    if reading.strategy != "map-reduce":
        return 0
    num_calls, tokens = 1, float(num_parts * _TOKENS_OF_A_REPLY)
    while tokens > reading.limit:
        num_calls += -(-int(tokens) // reading.limit)
        tokens /= 3
    return num_calls
