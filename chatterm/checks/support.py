"""Finds for each statement of a reply the lines of the sources that it rests on. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from chatterm.checks.findings import Evidence

How = Literal["quote", "numbers", "words", "nothing"]
"""By what it was found. `nothing`: no line says anything like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A statement of a reply, and where the sources say it."""

    start: int
    """Where the statement stands in the reply, in characters, without its list mark and spaces."""
    end: int
    text: str
    how: How
    evidence: tuple[Evidence, ...] = ()
    """The best places, the best first; empty where it rests on nothing."""

    @property
    def is_supported(self) -> bool:
        return self.how != "nothing"


class Citer:
    """Finds the lines that statements rest on. Indexes the sources once."""

    def __init__(self, sources: Sequence[str]) -> None:
        raise NotImplementedError

    def cite(self, statement: str) -> Support:
        """Return where the sources say `statement`; its places count in it."""
        raise NotImplementedError

    def cite_all(self, reply: str) -> Iterator[Support]:
        """Yield one for each statement of `reply`, in order."""
        raise NotImplementedError


def statements(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the sentences and list items of a text stand; headings, code and notes are none."""
    raise NotImplementedError
