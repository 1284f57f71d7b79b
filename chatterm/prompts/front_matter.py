"""The strict YAML of a prompt's front matter, as nodes that know where they stand.

libyaml's events are made into nodes here rather than by PyYAML's composer: tags, anchors and aliases
are refused as they come, depth is bounded, and scalars follow the YAML 1.2 core schema (10.3.2 of the
specification), in which `no`, `on`, `12:30` and `1_000` are strings.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chatterm.prompts.problems import Place, Problem
from chatterm.prompts.punctuation import wide_key, wide_mark, wide_mark_in_brackets

if TYPE_CHECKING:
    import yaml

_MAX_DEPTH = 16

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value, read by the core schema unless it was quoted."""

    value: str | int | float | bool | None
    text: str
    """As written."""
    place: Place


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    items: tuple["Node", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file; of a key given twice the first."""

    entries: tuple[tuple[Scalar, "Node"], ...]
    place: Place


Node = Scalar | Items | Mapping


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    place: Place
    is_mapping: bool
    is_flow: bool
    children: list[Node] = field(default_factory=list)


def parse_front_matter(lines: list[str], first_line: int) -> tuple[Mapping | None, list[Problem]]:
    """Return the mapping that `lines` hold, which start at `first_line` of the file, and what is wrong.

    None where they are no YAML, or no mapping.
    """
    refused = [problem for number, line in enumerate(lines, first_line) for problem in _refused(line, number)]
    if refused:
        return None, refused
    builder = _Builder(first_line, lines)
    return builder.run(), builder.problems


def _refused(line: str, number: int) -> Iterator[Problem]:
    """Yield what libyaml would tell less well: tabs, directives, the end of a document."""
    if re.match(" *\t", line):
        place = Place(number, line.index("\t") + 1, 1)
        yield Problem("E05", "a tab in the indentation", place, "indent with spaces")
    if line.startswith(("%", "---", "...")):
        message = "directives (%) and document marks (--- and ...) are not allowed"
        yield Problem("E06", message, Place(number, 1, 3), "take the line out, or indent it")


class _Builder:
    """Makes nodes of events; a problem that leaves the rest readable is noted, and reading goes on."""

    def __init__(self, first_line: int, lines: list[str]) -> None:
        self.problems: list[Problem] = []
        self._first_line = first_line
        self._lines = lines
        self._open: list[_Open] = []
        self._root: Node | None = None

    def run(self) -> Mapping | None:
        import yaml

        text = "\n".join(self._lines) + "\n"
        # typed Any: the stubs know neither the C loader's absence nor its readiness to take events apart
        loader: Any = getattr(yaml, "CLoader", yaml.Loader)
        try:
            if not all(self._take(event) for event in yaml.parse(text, Loader=loader)):
                return None
        except yaml.MarkedYAMLError as error:
            # of a quote or bracket that never ends, where it began helps more than the end of the file
            endless = "end of stream" in (error.problem or "") and error.context_mark
            mark = error.context_mark if endless else error.problem_mark or error.context_mark
            self._not_yaml(
                error.problem or "unreadable", mark.line if mark else 0, mark.column if mark else 0
            )
            return None
        except yaml.YAMLError as error:
            self._not_yaml(str(error).splitlines()[0], 0, 0)
            return None
        return self._mapping()

    def _take(self, event: "yaml.Event") -> bool:
        """Return False where the rest makes no sense any more."""
        import yaml

        match event:
            case yaml.AliasEvent():
                goes_on = self._refuse(event, "aliases (*name)")
            case yaml.ScalarEvent():
                goes_on = self._add(self._scalar(event), event)
            case yaml.CollectionStartEvent():
                goes_on = self._start(event, is_mapping=isinstance(event, yaml.MappingStartEvent))
            case yaml.CollectionEndEvent():
                goes_on = self._end(self._open.pop())
            case _:
                goes_on = True
        return goes_on

    def _start(self, event: "yaml.CollectionStartEvent", *, is_mapping: bool) -> bool:
        place = self._place(event)
        if len(self._open) >= _MAX_DEPTH:
            self._problem("E15", "nested too deep", place, f"at most {_MAX_DEPTH} levels are read")
            return False
        self._check_marks(event)
        self._open.append(_Open(place, is_mapping=is_mapping, is_flow=bool(event.flow_style)))
        return True

    def _end(self, done: _Open) -> bool:
        if not done.is_mapping:
            return self._place_node(Items(tuple(done.children), done.place))
        keys, values = done.children[::2], done.children[1::2]
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key, value in zip(keys, values, strict=True):
            self._add_entry(entries, key, value)
        return self._place_node(Mapping(tuple(entries.values()), done.place))

    def _add_entry(self, entries: dict[str, tuple[Scalar, Node]], key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self._problem("E09", "a key that is a list or a mapping", key.place, "keys are plain words")
        elif key.text in entries:
            first = entries[key.text][0].place.line
            advice = f"it stands in line {first} already; keep one"
            self._problem("E04", f"the key {key.text!r} is given twice", key.place, advice)
        else:
            self._check_wide(key)
            entries[key.text] = (key, value)

    def _add(self, scalar: Scalar, event: "yaml.ScalarEvent") -> bool:
        self._check_marks(event)
        is_plain = event.implicit[0] and event.style in (None, "")
        first, last = _line_numbers(event)
        if is_plain and last > first:
            if not self._explain_wide(range(first, last + 1)):
                advice = "put it in quotes, or write | after the colon"
                self._problem("E14", "an unquoted value over several lines", scalar.place, advice)
        elif is_plain and self._open and self._open[-1].is_flow and not self._open[-1].is_mapping:
            self._check_wide(scalar)
        return self._place_node(scalar)

    def _place_node(self, node: Node) -> bool:
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node
        return True

    def _scalar(self, event: "yaml.ScalarEvent") -> Scalar:
        text = event.value
        place = self._place(event)
        return Scalar(core_value(text) if event.implicit[0] else text, text, place)

    def _mapping(self) -> Mapping | None:
        if isinstance(self._root, Mapping):
            return self._root
        if not self._explain_wide(range(len(self._lines))):
            place = self._root.place if self._root else Place(self._first_line)
            self._problem("E09", "front matter is not a mapping", place, "write it as lines of `key: value`")
        return None

    def _not_yaml(self, problem: str, line: int, column: int) -> None:
        line = max(0, min(line, len(self._lines) - 1))
        # an unclosed bracket or quote swallows the lines below it: that follows from this
        self.problems = [problem for problem in self.problems if problem.code != "E14"]
        if self._explain_wide(range(max(0, line - 1), line + 1)):
            return
        if in_brackets := wide_mark_in_brackets(self._lines[line], self._first_line + line, column):
            self.problems.append(in_brackets)
            return
        place = Place(self._first_line + line, column + 1, 1)
        advice = "check quotes, brackets and indentation here and in the line before"
        self._problem("E03", f"not YAML: {problem}", place, advice)

    def _explain_wide(self, numbers: range) -> bool:
        """Report the full-width punctuation in these lines (from 0), if that is what is wrong with them."""
        found = wide_key(self._lines, numbers, self._first_line)
        self.problems += [found] if found else []
        return found is not None

    def _check_wide(self, scalar: Scalar) -> None:
        found = wide_mark(scalar.text, scalar.place)
        self.problems += [found] if found else []

    def _check_marks(self, event: "yaml.NodeEvent") -> None:
        if event.anchor is not None:
            self._refuse(event, "anchors (&name)")
        if getattr(event, "tag", None) is not None:
            self._refuse(event, "tags (!name)")

    def _refuse(self, event: "yaml.Event", what: str) -> bool:
        advice = "a prompt file holds plain values only"
        self._problem("E06", f"{what} are not allowed", self._place(event), advice)
        return False

    def _place(self, event: "yaml.Event") -> Place:
        start, end = event.start_mark, event.end_mark
        assert start is not None, "an event that was parsed has a place"
        assert end is not None
        length = end.column - start.column if end.line == start.line else 1
        return Place(self._first_line + start.line, start.column + 1, max(length, 1))

    def _problem(self, code: str, message: str, place: Place, advice: str) -> None:
        self.problems.append(Problem(code, message, place, advice))


def _line_numbers(event: "yaml.Event") -> tuple[int, int]:
    """Return the first and last line of an event, from 0."""
    assert event.start_mark is not None, "an event that was parsed has a place"
    assert event.end_mark is not None
    return event.start_mark.line, event.end_mark.line


def core_value(text: str) -> str | int | float | bool | None:
    """Read an unquoted scalar by the core schema; octal, hexadecimal, infinity and NaN stay strings."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
