"""Chooses facts by code, where a model would not make them fewer, or would make them worse. Pure.

A fact tells much when its words are those that many others are about (the sum of what the words it shares
weigh, rare ones more: an extractive summary by centrality, after Erkan and Radev 2004, "LexRank", without
the walk), when it has numbers, and when no chosen one says the same; and facts are spread over the documents.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatterm.checks.folding import fold
from chatterm.checks.numbers import read_numbers
from chatterm.tasks.reading.facts import Fact
from chatterm.tasks.reading.likeness import content_words

Fits = Callable[[Sequence[Fact]], bool]

_MAX_FACTS = 3000
"""Looked at one by one; of more, every n-th."""
_MAX_MISSES = 5
"""Facts in a row that no longer fit, before no further one is tried."""
_NUMBER, _OPENING = 1.15, 1.1
"""How much more a fact with a number tells, and one from where a document begins."""
_LEANING = 0.6
"""How much less one tells that leans on what stood before it."""
_LEANS = re.compile(
    r"(?:but|however|and|or|so|this|these|that|those|it|its|they|he|she|such|otherwise|therefore|thus|then|also)\b"
    r"|但|然而|而且|因此|所以|这|那|它|他|她|此外|否则",
    re.IGNORECASE,
)
_FEWEST_WORDS, _MOST_WORDS = 4, 20
"""A fact of fewer or more tells less, or is no single fact."""


@dataclass(frozen=True, slots=True)
class _Weighed:
    words: Counter[str]
    score: float
    place: float
    """From 0, where the documents begin, to 1."""


def extracted(facts: Sequence[Fact], fits: Fits) -> tuple[Fact, ...]:
    """Return the most telling facts that `fits` lets stand together, in their order.

    `fits` holds of fewer facts where it holds of more. None is returned where no single one fits.
    """
    left = list(range(0, len(facts), max(1, math.ceil(len(facts) / _MAX_FACTS))))
    weighed = _weighed(facts, left)
    worth = {place: weighed[place].score for place in left}
    chosen: list[int] = []
    misses = 0
    while left and misses < _MAX_MISSES:
        best = max(left, key=lambda place: (worth[place], -place))
        left.remove(best)
        tried = sorted((*chosen, best))
        if not fits([facts[place] for place in tried]):
            misses += 1
            continue
        misses, chosen = 0, tried
        for place in left:
            worth[place] *= _what_is_left(weighed[place], weighed[best], len(chosen))
    return tuple(facts[place] for place in chosen)


def _what_is_left(one: _Weighed, chosen: _Weighed, num_chosen: int) -> float:
    """Return how much a fact still tells beside a chosen one: less for words and for places they share."""
    shared = sum(min(one.words[word], chosen.words[word]) for word in one.words.keys() & chosen.words.keys())
    alike = shared / max(1, min(one.words.total(), chosen.words.total()))
    near = max(0.0, 1 - abs(one.place - chosen.place) * 2 * (num_chosen + 1))
    return (1 - 0.8 * alike) * (1 - 0.4 * near)


def _weighed(facts: Sequence[Fact], places: Sequence[int]) -> dict[int, _Weighed]:
    """Return how telling the facts at `places` are among all; linear in the words of all."""
    bags = [content_words(fact.text) for fact in facts]
    counts = Counter(word for bag in bags for word in bag)
    weights = {word: math.log(1 + num) * math.log(1 + len(facts) / num) for word, num in counts.items()}
    last = max(1, len(facts) - 1)
    return {
        place: _Weighed(bags[place], _score(facts[place], bags[place], weights), place / last)
        for place in places
    }


def _score(fact: Fact, words: Counter[str], weights: dict[str, float]) -> float:
    if not words:
        return 0.0
    score = sum(weights[word] for word in words) / math.pow(len(words) + 4, 0.6)
    score *= _LEANING if _LEANS.match(fact.text) else 1.0
    score *= min(1.0, len(words) / _FEWEST_WORDS) * min(1.0, _MOST_WORDS / len(words))
    has_number = any(not number.is_marker and not number.is_one for number in read_numbers(fold(fact.text)))
    return score * (_NUMBER if has_number else 1.0) * (_OPENING if fact.first_line <= 5 else 1.0)
