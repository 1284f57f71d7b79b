"""Ranks texts by how much they are about a question: Okapi BM25 (Robertson and Zaragoza 2009, equation 3.15).

Words count without case and common endings; Chinese, which has no spaces, by pairs of characters.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from chatterm.lexicon import STOP_WORDS, stem

_K1, _B = 1.2, 0.75
"""How soon a repeated word stops to count, and how much long texts are held back: the usual values."""

_HAN = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TERM = re.compile(rf"(?P<han>[{_HAN}]+)|[^\W_{_HAN}]+")
_OF_QUESTIONS = """
no not please say says tell some document documents file files text texts
什么 怎么 如何 哪些 多少 为什 是否 请问 文档 文件 这个 那个 的是 是什 么是
"""
_IDLE = STOP_WORDS | frozenset(_OF_QUESTIONS.split())
"""Of a question: they say nothing of what it is about."""


def rank(texts: Sequence[str], question: str) -> list[float]:
    """Return the score of each text, 0 or more; 0 where it has no word of the question."""
    wanted = Counter(stem(word) for word in _words(question) if word not in _IDLE)
    counts = [Counter(map(stem, _words(text))) for text in texts]
    lengths = [sum(one.values()) for one in counts]
    mean = sum(lengths) / max(len(lengths), 1) or 1.0
    rarities = {term: _rarity(sum(term in one for one in counts), len(texts)) for term in wanted}
    return [
        sum(
            times * rarities[term] * _weight(one[term], length / mean)
            for term, times in wanted.items()
            if term in one
        )
        for one, length in zip(counts, lengths, strict=True)
    ]


def _rarity(num_with: int, num_texts: int) -> float:
    """Never negative, as Lucene has it."""
    return math.log(1 + (num_texts - num_with + 0.5) / (num_with + 0.5))


def _weight(count: int, relative_length: float) -> float:
    return count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * relative_length))


def _words(text: str) -> list[str]:
    """Return what is counted of a text, in order: words, and pairs of Chinese characters."""
    found: list[str] = []
    for match in _TERM.finditer(unicodedata.normalize("NFKC", text).casefold()):
        word = match[0]
        if not match["han"] or len(word) == 1:
            found.append(word)
        else:
            found += (word[at : at + 2] for at in range(len(word) - 1))
    return found
