"""What the search index is fed, and how a search is put to it. Pure.

FTS5's unicode61 tokenizer parts words at white space and punctuation, so it takes a whole run of Chinese for
one word. `searchable` therefore parts the characters of scripts that are written without spaces: each is a
token, and a phrase of them is found wherever they follow each other. The function is part of the schema:
triggers and a view call it, so that a change of it is a migration that rebuilds the index.
"""

import re
import unicodedata

SEPARATOR = "\x1f"
MARK_BEGIN = "\x02"
MARK_END = "\x03"

MAX_TOKENS = 32
"""So many words or Chinese characters of a search count."""

_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u303c"  # radicals, iteration marks, numerals
    "\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\uff66-\uff9f\U0001b000-\U0001b16f"  # kana, bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # ideographs
)
_CHARACTER = re.compile(f"([{_UNSPACED}])")
_PHRASE = re.compile(r'"([^"]*)"?|([^\s"]+)')
_TOKEN_CATEGORIES = ("L", "N", "Co")
"""Of Unicode: what unicode61 makes tokens of."""


def searchable(text: bytes) -> str:
    """Return a stored text, given as its UTF-8, as the index takes it: each unspaced character by itself.

    Damaged UTF-8 is replaced. The control characters with a meaning here become spaces, and so does NUL, at
    which a text that a function returns may end.
    """
    plain = text.decode("utf-8", "replace")
    for reserved in (SEPARATOR, MARK_BEGIN, MARK_END, "\x00"):
        plain = plain.replace(reserved, " ")
    return _parted(plain)


def match_expression(query: str) -> str | None:
    """Return the FTS5 expression for what a user typed, None where nothing in it can be searched for.

    All words must be found, in any order; what stands between double quotes is found as a phrase, and so is a
    run of Chinese. Nothing else has a meaning: AND, NEAR(, *, and the like are words or punctuation.
    """
    budget = MAX_TOKENS
    phrases = []
    for quoted, word in _PHRASE.findall(query):
        tokens = _tokens(quoted or word)[:budget]
        budget -= len(tokens)
        if tokens:
            phrases.append('"' + " ".join(tokens) + '"')
    return " AND ".join(dict.fromkeys(phrases)) or None


def _parted(text: str) -> str:
    return _CHARACTER.sub(rf"{SEPARATOR}\1{SEPARATOR}", text)


def _tokens(text: str) -> list[str]:
    """Return runs of what unicode61 may find a token in; it parts them further by its own tables."""
    parts = re.split(r"[\W_]+", _parted(text))
    return [part for part in parts if any(map(_is_indexed, part))]


def _is_indexed(character: str) -> bool:
    category = unicodedata.category(character)
    return category.startswith(_TOKEN_CATEGORIES[:2]) or category == _TOKEN_CATEGORIES[2]
