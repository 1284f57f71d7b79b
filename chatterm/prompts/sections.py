"""Splits a prompt file: front matter, then a body cut at lines that start with `@@ `.

Roles are fixed here, before any value is filled in, so no value can open or close a section.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from chatterm.prompts.problems import Place, Problem, did_you_mean

SectionKind = Literal["system", "user", "example", "in", "out", "prefill", "map", "reduce", "note"]
KINDS: tuple[SectionKind, ...] = get_args(SectionKind)

_FENCE = "---"
_MARK = "@@ "
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the body. `in` and `out` belong to the `example` before them and have its language."""

    kind: SectionKind
    lang: str | None
    """None: it serves all languages."""
    text: str
    """Without the empty lines around it; `\\@@` at the start of a line is `@@` here."""
    line: int
    """Of the first line of `text`, from 1."""
    head: Place
    """Of the line that opens it."""
    source: str = ""
    """The id of the file it was taken over from; empty for the file's own. `head` and `line` are then
    those of the key that asked for it."""


@dataclass(frozen=True, slots=True)
class Split:
    """A file in two: lines of YAML, which start at line 2, and lines of the body."""

    front: list[str]
    body: list[str]
    body_line: int


def split_file(lines: list[str]) -> tuple[Split | None, list[Problem]]:
    """Split at the first line and the next one that are exactly `---`."""
    if not lines or lines[0] != _FENCE:
        advice = "the first line is exactly --- and the front matter follows"
        return None, [Problem("E01", "no front matter", Place(1, 1, len(lines[0]) if lines else 0), advice)]
    for number, line in enumerate(lines[1:], 1):
        if line == _FENCE:
            return Split(lines[1:number], lines[number + 1 :], number + 2), []
    advice = "close it by a line that is exactly ---, without spaces"
    return None, [Problem("E01", "the front matter has no end", Place(1, 1, 3), advice)]


def split_sections(body: list[str], first_line: int) -> tuple[list[Section], list[Problem]]:
    """Cut the body, which starts at `first_line` of the file, into sections."""
    sections: list[Section] = []
    problems: list[Problem] = []
    heads = [number for number, line in enumerate(body) if line.startswith(_MARK) or line.rstrip() == "@@"]
    problems += _stray(body[: heads[0]] if heads else body, first_line)
    lang: str | None = None
    for start, end in pairwise([*heads, len(body)]):
        opened = _open(body[start], first_line + start)
        if isinstance(opened, Problem):
            problems.append(opened)
            continue
        kind, tag, head = opened
        lang = lang if kind in ("in", "out") else tag
        sections.append(_section(kind, lang, head, body[start + 1 : end], first_line + start + 1))
    return sections, problems


def _stray(lines: list[str], first_line: int) -> list[Problem]:
    for number, line in enumerate(lines, first_line):
        if line.strip():
            advice = "open a section above it, for example: @@ user"
            return [Problem("E16", "text before the first section", Place(number, 1, len(line)), advice)]
    return []


def _open(line: str, number: int) -> tuple[SectionKind, str | None, Place] | Problem:
    """Read a line such as `@@ system zh`."""
    place = Place(number, 1, len(line))
    kind, *tags = line.removeprefix("@@").split() or [""]
    known = next((one for one in KINDS if one == kind), None)
    if known is None:
        advice = f"{did_you_mean(kind, KINDS)} (for a line of text that starts with @@, write \\@@)"
        return Problem("E17", f"unknown section {kind!r}", Place(number, 4, len(kind)), advice)
    if len(tags) > 1 or (tags and not _LANGUAGE.fullmatch(tags[0])) or (tags and known in ("in", "out")):
        advice = "at most a language may follow, on `@@ example` rather than on `in` and `out`: @@ system zh"
        return Problem("E17", f"unknown words after @@ {kind}", place, advice)
    return known, tags[0] if tags else None, place


def _section(kind: SectionKind, lang: str | None, head: Place, lines: list[str], first_line: int) -> Section:
    filled = [number for number, line in enumerate(lines) if line.strip()]
    first, last = (filled[0], filled[-1] + 1) if filled else (0, 0)
    text = "\n".join(line[1:] if line.startswith("\\@@") else line for line in lines[first:last])
    return Section(kind, lang, text, first_line + first, head)
