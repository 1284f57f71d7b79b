"""How much a model is given to read at once, counted by the engine's own tokenizer, which counts messages."""

from collections.abc import Callable, Iterable, Mapping

from chatterm.conversation import Message, ModelCard, Tier
from chatterm.engine.base import Engine

SHARE_OF_WINDOW = 0.4
"""Of the context a part may fill at most so much: small models lose what stands in the middle of more."""

MOST_TOKENS: Mapping[Tier, int] = {"tiny": 1000, "small": 2000}
"""Of a part, whatever the window: of 3,276 tokens a model of 135M finds 7 statements that its text has, of as
many in parts of 1,000 it finds 90, in the same time."""

TOLD_IN_TEXT, TOLD_IN_JSON = 0.75, 2.0
"""How many tokens a part may have for each that its reply may have, where that is the answer: a translation
is about as long as its text; what is picked out of it is shorter."""

LEAST_TOKENS = 40
"""A sentence; with less room nothing is read."""

_NUM_PASSAGES = 6
"""So many fill what may be read: fewer would hang on one of them, more would have no context."""
_LONGEST_PASSAGE, _SHORTEST_PASSAGE = 400, 80

_PIECE_CHARS = 50_000
_SLACK = 16
"""So many tokens two pieces may have more than the text that they are of."""


def only_points(card: ModelCard) -> bool:
    """Return whether a model is too small to write of long texts: it points at sentences."""
    return card.tier == "tiny"


def passage_limit(limit: int) -> int:
    """Return how many tokens a part may have of which only some are read, `limit` tokens of all."""
    return min(max(min(limit // _NUM_PASSAGES, _LONGEST_PASSAGE), _SHORTEST_PASSAGE), limit)


def token_counter(engine: Engine) -> Callable[[str], int]:
    """Return what counts the tokens of a text, without what the chat template adds to a message."""
    around = engine.count([Message("user", "a")]).tokens - 1

    def count(text: str) -> int:
        return max(engine.count([Message("user", text)]).tokens - around, 0) if text else 0

    return count


def surely_over(engine: Engine, texts: Iterable[str], limit: int) -> bool:
    """Return whether texts have more than `limit` tokens, without counting all of long ones.

    False says nothing. A text of megabytes takes hundreds of them to be made tokens of.
    """
    count = token_counter(engine)
    total = 0
    for text in texts:
        for start in range(0, len(text), _PIECE_CHARS):
            total += max(count(text[start : start + _PIECE_CHARS]) - _SLACK, 0)
            if total > limit:
                return True
    return False
