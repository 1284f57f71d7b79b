"""Whether two statements say the same, told from their words alone. Pure.

Numbers, negations and what turns a sense round are compared by themselves: statements that differ in one of
them are never the same, however alike their other words are.
"""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from chatterm.checks.folding import fold
from chatterm.checks.numbers import read_numbers
from chatterm.checks.tokens import is_han, tokenize
from chatterm.lexicon import stem

_ARTICLES = frozenset(("a", "an", "the"))
_FILLER = re.compile(
    r"an?|the|is|are|was|were|be|been|being|am|has|have|had|do|does|did|will|would|shall|can|could|to|of|in|on|at"
    r"|by|for|from|with|and|as|that|this|these|those|its?|their|his|her|our|your|which|who|also|s"
    r"|[的了是在和与及也将会为对于被把这那其该]"
)
_TURN = re.compile(
    r"not|no|never|none|n?either|nor|without|only|except|unless|least|most|more|less|fewer|before|after|may|must"
    r"|should|up|down|above|below|against|if|cannot|t|don|doesn|didn|isn|aren|wasn|weren|won"
    r"|[不未没无非否勿仅只除多少上下升降增减高低前后可须应若最]"
)
_MOST_ADDED = 4
"""One word in so many may be in the longer of two statements alone."""


@dataclass(frozen=True, slots=True)
class Gist:
    """What is compared of a statement."""

    words: tuple[str, ...]
    """All but articles, in order, as they are folded."""
    content: frozenset[str]
    """Stems of the words that carry sense."""
    turns: tuple[str, ...]
    numbers: tuple[str, ...]


def gist_of(text: str) -> Gist:
    """Return what is compared of one statement."""
    folded = fold(text)
    words = tuple(word for word in tokenize(folded).words if word not in _ARTICLES)
    content = frozenset(stem(word) for word in words if _carries_sense(word))
    return Gist(
        words=words,
        content=content,
        turns=tuple(sorted(word for word in words if _TURN.fullmatch(word))),
        numbers=_numbers(folded),
    )


def is_nearly(one: Gist, other: Gist) -> bool:
    """Return whether one says what the other says, with few words more."""
    if one.numbers != other.numbers or one.turns != other.turns:
        return False
    small, large = sorted((one.content, other.content), key=len)
    return bool(small) and small <= large and len(large) - len(small) <= max(1, len(large) // _MOST_ADDED)


def content_words(text: str) -> Counter[str]:
    """Count what a text is about: stems, and of Chinese the pairs of characters."""
    words = tokenize(fold(text)).words
    found = Counter(
        stem(word) for word in words if _carries_sense(word) and not is_han(word) and len(word) > 1
    )
    found.update(f"{one}{two}" for one, two in pairwise(words) if is_han(one) and is_han(two))
    return found


def _carries_sense(word: str) -> bool:
    return not (_FILLER.fullmatch(word) or _TURN.fullmatch(word))


def _numbers(folded: str) -> tuple[str, ...]:
    """Return what its numbers are worth, sorted; those that count a list's lines are none."""
    found = []
    for number in read_numbers(folded):
        if number.is_marker:
            continue
        if number.dates:
            found.append(repr(number.dates[0]))
        elif number.readings and not number.is_one:
            best = number.readings[0]
            found.append(f"{number.sign} {best.amount} {best.unit.name}")
    return tuple(sorted(found))
