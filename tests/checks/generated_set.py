"""The generated set that the checks are measured on: replies whose every claim is known to be right or wrong.

A reply is checked against its source alone, without understanding: a number of the source that a reply gives
to the wrong thing is beyond it. So small numbers, which a long source always holds, come once a case at most.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from tests.checks.generated_hard import (
    HARD_CITATIONS,
    HARD_NUMBERS,
    HARD_QUOTES,
    HARD_SMALL,
    HARD_TRAPS,
)
from tests.checks.generated_numbers import NUMBERS, Maker
from tests.checks.generated_texts import CITATIONS, LEAKS, QUOTES, TRAPS

SEED = 20_260
NUM_CASES = 2_000
SMALL_VALUES = frozenset(
    [
        "words_en",
        "span_of_values",
        "ordinal",
        "clock",
        "unit_across",
        "basis_points",
        "points",
        "numerals_zh",
        "fraction",
        *HARD_SMALL,
    ]
)
MAKERS: Mapping[str, Mapping[str, Maker]] = {
    "number": {**NUMBERS, **HARD_NUMBERS},
    "quote": {**QUOTES, **HARD_QUOTES},
    "citation": {**CITATIONS, **HARD_CITATIONS},
    "leak": LEAKS,
}
"""The categories, by what they claim."""
FILLERS = (
    "The report was written by the clerk of the town.",
    "Nothing else happened on that day.",
    "其余情况没有变化。",
    "The weather stayed calm.",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A stretch of a reply that is known to be right or wrong."""

    start: int
    end: int
    kind: str
    """number, quote, citation, leak, or trap: nothing to check."""
    category: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A source, a reply to it, and all that the reply claims."""

    source: str
    reply: str
    claims: tuple[Claim, ...]


def generated_set(seed: int = SEED, num_cases: int = NUM_CASES) -> Iterator[Case]:
    """Yield the cases, the same for the same seed."""
    dice = Random(seed)
    for _ in range(num_cases):
        yield _case(dice)


def _case(dice: Random) -> Case:
    picked = _picked(dice)
    sources = dice.sample(FILLERS, 2)
    reply, claims = "", []
    for kind, category, maker in picked:
        is_right = dice.random() < 0.5
        sentence = maker(dice, is_right)
        sources.insert(dice.randrange(len(sources) + 1), sentence.source)
        start = len(reply) + len(sentence.before)
        claims.append(Claim(start, start + len(sentence.claim), kind, category, is_right))
        reply += sentence.before + sentence.claim + sentence.after + "\n"
    trap = dice.choice(TRAPS + HARD_TRAPS)
    claims.append(Claim(len(reply), len(reply) + len(trap), "trap", "trap", True))
    return Case("\n".join(sources), reply + trap + "\n", tuple(claims))


def _picked(dice: Random) -> list[tuple[str, str, Maker]]:
    numbers = MAKERS["number"]
    large = [name for name in numbers if name not in SMALL_VALUES]
    names = [*dice.sample(large, 2), dice.choice(sorted(SMALL_VALUES))]
    picked = [("number", name, numbers[name]) for name in names]
    for kind in ("quote", "citation", "leak"):
        name = dice.choice(list(MAKERS[kind]))
        picked.append((kind, name, MAKERS[kind][name]))
    dice.shuffle(picked)
    return picked
