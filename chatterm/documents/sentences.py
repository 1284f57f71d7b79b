"""Where the sentences of a running text end, in English and in Chinese."""

import re
from collections.abc import Iterator

_END = re.compile(r"[。！？；…]+[”’」』）)]*|[.!?]+[\"'”’)\]]*(?=\s)")
_ABBREVIATION = re.compile(
    r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Fig|Figs|Eq|Sec|Art|Nr|No|vs|etc|e\.g|i\.e|cf|approx|pp?|al|Inc|Corp|Ltd"
    r"|Co|Jr|Sr|Vol|Ch|ca)\.$"
)


def sentence_ends(text: str) -> Iterator[int]:
    """Yield the index behind each sentence of `text`, with the spaces after it; the last is its length."""
    last = 0
    for found in _END.finditer(text):
        end = found.end()
        if found[0][0] == "." and _ABBREVIATION.search(text, max(last, end - 12), end):
            continue
        while end < len(text) and text[end].isspace():
            end += 1
        if text[last:end].strip():
            yield end
            last = end
    if last < len(text):
        yield len(text)
