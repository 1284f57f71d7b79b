"""Full-width punctuation in YAML: what a Chinese keyboard types, and what YAML does not take for its own.

`名称：报告` is no key to YAML; it fails on the *next* line, or is swallowed by the line before it.
"""

import re
from collections.abc import Sequence

from chatterm.prompts.problems import Place, Problem

_FORMS = {"：": ":", "，": ",", "、": ",", "｛": "{", "｝": "}", "［": "[", "］": "]", "【": "[", "】": "]"}
_MARK = re.compile("[：，、｛｝［］【】]")
_IN_BRACKETS = re.compile(r"[{\[][^'\"#]*(?P<mark>[：，、｛｝［］【】])[^'\"#]*\Z")
_KEY = re.compile(r"\s*(?:- )?[^\s:'\"#]*?(?P<mark>：)")


def wide_mark_in_brackets(line: str, number: int, column: int) -> Problem | None:
    """Return the last full-width mark before `column` (from 0) in brackets without quotes, as a problem.

    For a line that YAML could not read on from there: `{en: x，zh: y}`.
    """
    found = _IN_BRACKETS.search(line[:column])
    return _problem(found["mark"], Place(number, found.start("mark") + 1, 1)) if found else None


def wide_key(lines: Sequence[str], numbers: range, first_line: int) -> Problem | None:
    """Return the first line among `numbers` (from 0) whose key ends in a full-width colon, as a problem.

    A line without any ASCII colon counts with whatever full-width mark it has. `first_line` is the number
    of `lines[0]` in the file.
    """
    for number in numbers:
        line = lines[number] if number < len(lines) else ""
        key = _KEY.match(line)
        other = _MARK.search(line) if not key and ":" not in line else None
        start = key.start("mark") if key else other.start() if other else None
        if start is not None:
            return _problem(line[start], Place(first_line + number, start + 1, 1))
    return None


def wide_mark(text: str, place: Place) -> Problem | None:
    """Return the first full-width mark in `text`, which stands at `place`, as a problem."""
    found = _MARK.search(text)
    if not found:
        return None
    return _problem(found.group(), Place(place.line, place.column + found.start(), 1))


def _problem(mark: str, place: Place) -> Problem:
    space = " followed by a space" if mark in "：，、" else ""
    advice = f"use {_FORMS[mark]!r}{space}; put the text in quotes if {mark} is meant"
    return Problem("E02", f"full-width {mark!r} in front matter", place, advice)
