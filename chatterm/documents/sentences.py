"""Where the sentences of a running text end, in English and in Chinese."""

import re
from collections.abc import Iterator

from chatterm.lexicon import ends_in_abbreviation

_END = re.compile(r"[。！？；…]+[”’」』）)]*|(?<![.!?])[.!?]++[\"'”’)\]]*+(?=\s)")


def sentence_ends(text: str) -> Iterator[int]:
    """Yield the index behind each sentence of `text`, with the spaces after it; the last is its length."""
    last = 0
    for found in _END.finditer(text):
        end = found.end()
        is_abbreviation = found[0][0] == "." and ends_in_abbreviation(text, last, end)
        while end < len(text) and text[end].isspace():
            end += 1
        if is_abbreviation or (found[0][0] == "." and text[end : end + 1].islower()):
            continue
        yield end
        last = end
    if last < len(text):
        yield len(text)
