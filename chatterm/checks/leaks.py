"""Finds what a reply took from a prompt's examples: their names, their numbers, their phrases.

What the sources hold too is no leak.
"""

import re
from collections.abc import Iterator, Sequence

from chatterm.checks.findings import Finding
from chatterm.checks.folding import fold
from chatterm.checks.number_check import check_numbers
from chatterm.checks.number_index import NumberIndex, index_numbers
from chatterm.checks.sources import Source, make_source
from chatterm.checks.tokens import Tokens, is_han, tokenize

_PHRASE_WORDS, _PHRASE_HAN = 8, 6
_NAME = re.compile(r"[A-Z][A-Za-z'’-]{1,40}(?: [A-Z][A-Za-z'’-]{1,40}){0,5}")
_COMMON = frozenset(
    re.findall(
        "[a-z]+",
        "a an and as at but by for from he her his i if in is it its my no not of on or our she so that the"
        " their there these they this to we what when where which who with you your yes doctor dr mr mrs ms"
        " bank company foods plc ltd inc january february march april may june july august september october"
        " november december monday tuesday wednesday thursday friday saturday sunday english chinese",
    )
)
"""Words that are capitalised and yet tell nothing of where they came from."""


def check_leaks(
    reply: str, examples: Sequence[str], sources: Sequence[Source], numbers: Sequence[Finding]
) -> Iterator[Finding]:
    """Yield a finding, never verified, for each name, number and phrase of the examples alone.

    `numbers` are the findings of the reply's numbers in the sources.
    """
    made = [make_source(example) for example in examples]
    tokens = tokenize(fold(reply))
    spans = [*_names(reply, made, sources), *_phrases(tokens, made, sources)]
    spans += _numbers(reply, index_numbers(made), numbers)
    for start, end in _merged(spans):
        yield Finding("leak", "absent", start, end, reply[start:end], "from-example")


def _names(reply: str, examples: Sequence[Source], sources: Sequence[Source]) -> Iterator[tuple[int, int]]:
    known = {word for source in sources for word in source.tokens.words}
    wanted = {word for example in examples for word in _name_words(example.folded)} - known - _COMMON
    for match in _NAME.finditer(fold(reply)):
        if any(word.casefold() in wanted for word in re.split(r"[ '’-]", match[0])):
            yield match.span()


def _name_words(text: str) -> Iterator[str]:
    """Yield the words of names; a lone capitalised word that starts a sentence is not taken for one."""
    for match in _NAME.finditer(text):
        before = text[max(0, match.start() - 2) : match.start()].strip(" ")
        if " " in match[0] or (before and before[-1] not in ".!?\n:\"'|{[-。>"):
            yield from (word.casefold() for word in re.split(r"[ '’-]", match[0]) if len(word) > 2)


def _phrases(
    tokens: Tokens, examples: Sequence[Source], sources: Sequence[Source]
) -> Iterator[tuple[int, int]]:
    shared = {phrase for example in examples for _, _, phrase in _runs(example.tokens)}
    for start, end, phrase in _runs(tokens):
        if phrase in shared and not any(phrase in source.tokens.joined for source in sources):
            yield start, end


def _runs(tokens: Tokens) -> Iterator[tuple[int, int, str]]:
    """Yield each run of neighbours too long to be chance: its place in the text, and its words."""
    for place, word in enumerate(tokens.words):
        length = _PHRASE_HAN if is_han(word) else _PHRASE_WORDS
        run = tokens.words[place : place + length]
        if len(run) == length:
            yield tokens.starts[place], tokens.ends[place + length - 1], "".join(run)


def _numbers(reply: str, examples: NumberIndex, found: Sequence[Finding]) -> Iterator[tuple[int, int]]:
    absent = {finding.start for finding in found if finding.verdict == "absent"}
    for finding in check_numbers(reply, examples) if absent else ():
        if finding.is_verified and finding.start in absent and len(finding.text) > 1:
            yield finding.start, finding.end


def _merged(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start = end = -1
    for first, last in sorted(spans):
        if first > end:
            if end >= 0:
                yield start, end
            start, end = first, last
        end = max(end, last)
    if end >= 0:
        yield start, end
