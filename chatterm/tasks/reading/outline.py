"""Outline: what reading in parts would take, without asking the model anything."""

from dataclasses import dataclass

from chatterm.conversation import ModelCard
from chatterm.documents.chunks import Chunk
from chatterm.tasks.means import Means
from chatterm.tasks.reading.budget import token_counter
from chatterm.tasks.reading.driver import cut_parts
from chatterm.tasks.reading.plan import Reading
from chatterm.tasks.reading.quoting import num_quoted, quotes_only

REPLY_TOKENS = 120
"""What a part's reply is taken to have, and what about as many facts give a digest."""


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
    return Outline(
        parts=parts,
        part_limit=reading.part_limit,
        num_tokens=sum(num_tokens for _, num_tokens in parts),
        num_calls=num_calls(reading, len(parts), means.engine.describe()),
    )


def num_calls(reading: Reading, num_parts: int, card: ModelCard) -> int:
    """Return about how often the model is asked; a round is taken to leave a third of the facts."""
    if reading.strategy == "retrieve":
        return 0 if quotes_only(reading.question, card) else 1
    if reading.strategy != "map-reduce" or num_quoted(reading.question, card) is not None:
        return num_parts
    num, tokens = num_parts + 1, float(num_parts * REPLY_TOKENS)
    while tokens > reading.limit:
        num += -(-int(tokens) // reading.limit)
        tokens /= 3
    return num
