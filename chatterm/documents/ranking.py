"""Ranks texts by how much they are about a question: BM25 over words, character bigrams for Chinese."""

from collections.abc import Sequence


def rank(texts: Sequence[str], question: str) -> list[float]:
    """Return the score of each text, 0 or more; 0 where it has no word of the question."""
    raise NotImplementedError
