"""Finds the blocks of a text, line by line: headings, paragraphs, list items, fences, tables, formulas, code.

Works on any text, well formed or not, in time proportional to it. A block is whole lines; blank lines belong
to none. Markdown's rules are those of CommonMark 0.31 as far as where blocks begin and end; plain text gets
headings by how it numbers them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath
from typing import Literal

Shape = Literal["prose", "table", "code"]
"""What a document is made of; Markdown and plain text are both prose."""

BlockKind = Literal["heading", "paragraph", "item", "fence", "table", "formula", "code"]

_TABLE_NAMES = {".csv", ".tsv"}
_CODE_NAMES = {
    *(".py", ".pyi", ".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".rs", ".go", ".java", ".kt", ".swift"),
    *(".scala", ".js", ".mjs", ".jsx", ".ts", ".tsx", ".css", ".scss", ".sh", ".bash", ".zsh", ".rb"),
    *(".pl", ".php", ".lua", ".r", ".jl", ".sql", ".toml", ".yaml", ".yml", ".json", ".xml", ".ini"),
    *(".cfg", ".cmake"),
}


def shape_of(name: str) -> Shape:
    """Tell a document's shape from its name."""
    suffix = PurePath(name).suffix.lower()
    if suffix in _TABLE_NAMES:
        return "table"
    return "code" if suffix in _CODE_NAMES else "prose"


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together."""

    kind: BlockKind
    first: int
    """The first line's index, from 0."""
    end: int
    """The index behind its last line."""
    level: int = 0
    """Of a heading: 1 is the outermost."""
    title: str = ""
    """Of a heading, without its marks; of a long one its beginning."""
    num_head_lines: int = 0
    """Of a table: its first lines, without which the rest cannot be read."""


def blocks(lines: Sequence[str], shape: Shape) -> list[Block]:
    """Return the blocks in order; every line that is not blank is in exactly one."""
    if shape == "table":
        return _rows(lines)
    if shape == "code":
        return list(_code(lines))
    return list(_prose(lines))


_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")
_ATX = re.compile(r"[ ]{0,3}(#{1,6})(?:[ \t]+|$)(.*)")
_SETEXT = re.compile(r"[ ]{0,3}(=+|-+)[ \t]*$")
_TABLE_RULE = re.compile(r"[ ]{0,3}\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+$")
_ITEM = re.compile(
    r"[ \t]{0,8}(?:[-*+•·]|\d{1,4}[.)、．]|[(（]?[a-zA-Z一二三四五六七八九十]{1,3}[)）、])[ \t\u3000]*\S"
)
_QUOTED_FIELD = re.compile(r'(?:^|[,;|\t])"')
"""Elsewhere a quotation mark is one of the text, as in `6" pipe`."""
_FORMULA = re.compile(r"[ ]{0,3}(\$\$|\\\[|\\begin\{([a-z]+\*?)\})")
_NUMBERED = re.compile(
    r"[ ]{0,3}(?:(?P<number>\d{1,3}(?:\.\d{1,3})*)\.?[ \t]+(?=[A-Z\u4e00-\u9fff])"
    r"|(?i:chapter|part|section|article|appendix|annex|book|title)[ ]+(?i:[\dIVXLC]+)\b"
    r"|(?P<han>第[一二三四五六七八九十百千零〇\d]{1,8}[编篇章节条回部]))"
)
_HAN_LEVELS = {"编": 1, "篇": 1, "部": 1, "章": 2, "回": 2, "节": 3}
_MAX_TITLE = 100
_SENTENCE_END = (".", ",", ";", ":", "。", "，", "；", "：", "、")


def _prose(lines: Sequence[str]) -> Iterator[Block]:
    place = 0
    while place < len(lines):
        line = lines[place]
        if not line.strip():
            place += 1
            continue
        block = (
            _heading(lines, place) or _fenced(lines, place) or _table(lines, place) or _formula(lines, place)
        )
        block = block or _running(lines, place)
        yield block
        place = block.end


def _heading(lines: Sequence[str], place: int) -> Block | None:
    line = lines[place].strip("\f")
    if atx := _ATX.match(line):
        return Block("heading", place, place + 1, len(atx[1]), atx[2][:_MAX_TITLE].rstrip(" \t#").strip())
    title = line.strip()
    if len(title) > _MAX_TITLE:
        return None
    following = lines[place + 1] if place + 1 < len(lines) else ""
    rule = _SETEXT.match(following)
    if rule and len(rule[1]) > 1 and not title.startswith(("|", "-", "*", ">")):
        return Block("heading", place, place + 2, 1 if rule[1][0] == "=" else 2, title)
    stands_alone = not following.strip() and (place == 0 or not lines[place - 1].strip())
    level = _level_in_plain_text(line, stands_alone=stands_alone)
    return Block("heading", place, place + 1, level, title) if level else None


def _level_in_plain_text(line: str, *, stands_alone: bool) -> int:
    """Return how deep the heading is that a line looks like: numbered, or in capitals; 0: it is none."""
    title, numbered = line.strip(), _NUMBERED.match(line)
    if numbered and numbered["han"]:
        rest = line[numbered.end() :].strip()
        level = _HAN_LEVELS.get(numbered["han"][-1], 0)
        return level if len(rest) <= 30 and not rest.endswith(_SENTENCE_END) else 0
    if not stands_alone:
        return 0
    if numbered:
        rest = line[numbered.end() :].strip()
        is_title = not rest.endswith(_SENTENCE_END) or (rest.endswith(".") and _is_title_case(rest))
        return numbered["number"].count(".") + 1 if is_title and numbered["number"] else int(is_title)
    is_shouted = title.upper() == title and title.lower() != title and sum(map(str.isalpha, title)) >= 4
    return int(is_shouted and len(title) <= 80 and not title.endswith(_SENTENCE_END))


def _is_title_case(text: str) -> bool:
    words = [word for word in text.split() if len(word) > 3]
    return bool(words) and len(text) <= 60 and all(word[0].isupper() for word in words)


def _fenced(lines: Sequence[str], place: int) -> Block | None:
    """A fence that is never closed reaches to the end, as in CommonMark."""
    mark = _FENCE.match(lines[place])
    if not mark:
        return None
    closing = re.compile(rf"[ ]{{0,3}}{re.escape(mark[1][0])}{{{len(mark[1])},}}[ \t]*$")
    end = next((at + 1 for at in range(place + 1, len(lines)) if closing.match(lines[at])), len(lines))
    return Block("fence", place, end)


def _table(lines: Sequence[str], place: int) -> Block | None:
    has_rule = "|" in lines[place] and place + 1 < len(lines) and "|" in lines[place + 1]
    if not has_rule or not _TABLE_RULE.match(lines[place + 1]):
        return None
    end = place + 2
    while end < len(lines) and "|" in lines[end] and lines[end].strip():
        end += 1
    return Block("table", place, end, num_head_lines=2)


def _formula(lines: Sequence[str], place: int) -> Block | None:
    mark = _FORMULA.match(lines[place])
    if not mark:
        return None
    closing = {"$$": "$$", "\\[": "\\]"}.get(mark[1], f"\\end{{{mark[2]}}}")
    if closing in lines[place][mark.end() :]:
        return Block("formula", place, place + 1)
    for at in range(place + 1, min(place + 200, len(lines))):
        if closing in lines[at]:
            return Block("formula", place, at + 1)
    return None


def _running(lines: Sequence[str], place: int) -> Block:
    """A paragraph, list item or indented code: until a blank line, or until something else begins."""
    kind: BlockKind = "item" if _ITEM.match(lines[place]) else "paragraph"
    if kind == "paragraph" and lines[place].startswith(("    ", "\t")):
        kind = "code"
    end = place + 1
    while end < len(lines) and lines[end].strip() and not _begins(lines, end):
        end += 1
    return Block(kind, place, end)


def _begins(lines: Sequence[str], place: int) -> bool:
    line = lines[place]
    if line.startswith("\f") or _ITEM.match(line) or _FENCE.match(line) or _ATX.match(line):
        return True
    return bool(_heading(lines, place) or _table(lines, place) or _formula(lines, place))


def _rows(lines: Sequence[str]) -> list[Block]:
    """One table with the names of its columns in its first row."""
    filled = [at for at, line in enumerate(lines) if line.strip()]
    if not filled:
        return []
    first, end = filled[0], filled[-1] + 1
    return [Block("table", first, end, num_head_lines=row_ends(lines, first, end)[0] - first)]


def row_ends(lines: Sequence[str], first: int, end: int) -> list[int]:
    """Return where each row of a table ends, as indexes behind its last line.

    A row spans lines where a quoted field holds a line end (RFC 4180).
    """
    ends, is_open = [], False
    for at in range(first, end):
        if is_open or _QUOTED_FIELD.search(lines[at]):
            is_open ^= lines[at].count('"') % 2 == 1
        if not is_open:
            ends.append(at + 1)
    return [*ends, end] if is_open else ends


def _code(lines: Sequence[str]) -> Iterator[Block]:
    """Parts that begin, behind a blank line, with a line that is not indented."""
    starts = [
        at
        for at, line in enumerate(lines)
        if line[:1].strip()
        and line.strip() not in ("}", "};", ")", "]")
        and (at == 0 or not lines[at - 1].strip())
    ]
    filled = [at for at, line in enumerate(lines) if line.strip()]
    if not filled:
        return
    edges = sorted({filled[0], *starts, filled[-1] + 1})
    for first, end in pairwise(edges):
        while end > first and not lines[end - 1].strip():
            end -= 1  # noqa: PLW2901  # blank lines belong to no block
        if end > first:
            yield Block("code", first, end)
