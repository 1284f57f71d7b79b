"""The units that a prompt may be answered for one by one: lines, rows, reviews, clauses, sections, pages."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from chatterm.documents.structure import Block, row_ends

Unit = Literal["row", "line", "review", "clause", "paragraph", "section", "page"]

Span = tuple[int, int]
"""Indexes of lines, from 0: the first, and the one behind the last."""

_CLAUSE = re.compile(
    r"[ \t\f]{0,8}(?:\d{1,3}(?:\.\d{1,3})*[.)、．]?[ \t\u3000]+\S|第[一二三四五六七八九十百千零〇\d]{1,8}条"
    r"|§\s*\d|(?:article|section|clause)[ ]+[\dIVXLC]+\b|[(（][a-z\divx一二三四五六七八九十]{1,4}[)）])",
    re.IGNORECASE,
)


def unit_spans(lines: Sequence[str], blocks: Sequence[Block], unit: Unit) -> list[Span]:
    """Return where each unit stands; together they hold every line that is not blank.

    But for the heads of tables: these are shown with each row.
    """
    spans = _SPANS[unit](lines, blocks)
    return [span for span in spans if any(line.strip() for line in lines[slice(*span)])]


def _lines(lines: Sequence[str], _blocks: Sequence[Block]) -> Iterator[Span]:
    return ((at, at + 1) for at in range(len(lines)))


def _rows(lines: Sequence[str], blocks: Sequence[Block]) -> Iterator[Span]:
    """The rows of the tables below their heads; lines where there is no table."""
    if not any(block.kind == "table" for block in blocks):
        yield from _lines(lines, blocks)
        return
    for block in blocks:
        if block.kind != "table":
            yield block.first, block.end
            continue
        start = block.first + block.num_head_lines
        if start >= block.end:
            yield block.first, block.end
        else:
            yield from pairwise([start, *row_ends(lines, start, block.end)])


def _paragraphs(lines: Sequence[str], _blocks: Sequence[Block]) -> Iterator[Span]:
    edges = [at for at, line in enumerate(lines) if not line.strip()]
    return pairwise([0, *edges, len(lines)])


def _reviews(lines: Sequence[str], blocks: Sequence[Block]) -> Iterator[Span]:
    """Paragraphs, where blank lines part them; else lines."""
    filled = [at for at, line in enumerate(lines) if line.strip()]
    is_parted = bool(filled) and filled[-1] - filled[0] >= len(filled)
    return _paragraphs(lines, blocks) if is_parted else _lines(lines, blocks)


def _clauses(lines: Sequence[str], blocks: Sequence[Block]) -> Iterator[Span]:
    """From one numbered clause, or heading, to the next; paragraphs where nothing is numbered."""
    starts = [block.first for block in blocks if block.kind == "heading" or _CLAUSE.match(lines[block.first])]
    if len(starts) < 2:
        return _paragraphs(lines, blocks)
    return pairwise(sorted({0, *_without_bare_headings(starts, lines, blocks), len(lines)}))


def _without_bare_headings(starts: Sequence[int], lines: Sequence[str], blocks: Sequence[Block]) -> list[int]:
    """Leave out what begins right under a heading: the heading belongs to its first clause."""
    ends = {block.end for block in blocks if block.kind == "heading"}

    def follows_heading(start: int) -> bool:
        while start > 0 and not lines[start - 1].strip():
            start -= 1
        return start in ends

    return [start for start in starts if not follows_heading(start)]


def _sections(lines: Sequence[str], blocks: Sequence[Block]) -> Iterator[Span]:
    starts = [block.first for block in blocks if block.kind == "heading"]
    return pairwise(sorted({0, *_without_bare_headings(starts, lines, blocks), len(lines)}))


def _pages(lines: Sequence[str], _blocks: Sequence[Block]) -> Iterator[Span]:
    starts = [at for at, line in enumerate(lines) if line.startswith("\f")]
    return pairwise(sorted({0, *starts, len(lines)}))


_SPANS: Mapping[Unit, Callable[[Sequence[str], Sequence[Block]], Iterator[Span]]] = {
    "row": _rows,
    "line": _lines,
    "review": _reviews,
    "clause": _clauses,
    "paragraph": _paragraphs,
    "section": _sections,
    "page": _pages,
}
