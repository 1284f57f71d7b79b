"""`extends` and `use`: what a prompt takes over from another file, before it is read as a whole.

`extends: general/summarize` takes over each top-level key and each section that the file does not have
itself; examples are replaced all together. It goes one level deep. `use: [snippets/x]` adds the texts of a
snippet below the sections of the same kind and language. What is taken over stands, for problems, at the
key that asked for it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chatterm.prompts.front_matter import Items, Mapping, Node, Scalar, parse_front_matter
from chatterm.prompts.problems import Place, Problem
from chatterm.prompts.sections import Section, SectionKind, split_file, split_sections

Find = Callable[[str, Path], Path | None]
"""Returns the file that answers to an id, other than the given one; None where there is none."""

_OWN_KEYS = ("chatterm", "version", "extends", "base", "tried")
"""Never taken over: they are about the file itself."""
_SNIPPET_KEYS = ("chatterm", "title", "languages")
_SNIPPET_KINDS: tuple[SectionKind, ...] = ("system", "user", "map", "reduce", "note")
_EXAMPLE_KINDS: tuple[SectionKind, ...] = ("example", "in", "out")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file cut into front matter and sections."""

    node: Mapping | None
    sections: tuple[Section, ...]
    problems: tuple[Problem, ...]
    """Of the front matter, and of taking over."""
    section_problems: tuple[Problem, ...]
    data: bytes
    """Of the file, and of every file it takes something from."""


Parse = Callable[[Path], Parsed]
"""Reads a file and cuts it; problems stand in the result."""


def parse_lines(lines: list[str], data: bytes) -> Parsed:
    """Cut a file's lines into front matter and sections."""
    split, problems = split_file(lines)
    if split is None:
        return Parsed(None, (), tuple(problems), (), data)
    node, problems = parse_front_matter(split.front, 2)
    sections, found = split_sections(split.body, split.body_line)
    return Parsed(node, tuple(sections), tuple(problems), tuple(found), data)


@dataclass(frozen=True, slots=True)
class Heritage:
    """Where files are found, and how they are read."""

    path: Path
    """Of the file that takes over."""
    find: Find
    parse: Parse
    problems_of: Callable[[Path, str], Sequence[Problem]]
    """All problems of another prompt's file."""


def with_heritage(parsed: Parsed, heritage: Heritage) -> Parsed:
    """Return the file with what it takes over; problems of doing so are added."""
    if parsed.node is None:
        return parsed
    parsed = _extended(parsed, parsed.node, heritage)
    assert parsed.node is not None, "extending keeps the front matter"
    for name in _names(_value(parsed.node, "use")):
        parsed = _with_snippet(parsed, name, heritage)
    return parsed


def _value(node: Mapping, key: str) -> Node | None:
    return next((value for one, value in node.entries if one.text == key), None)


def _names(node: Node | None) -> Iterator[Scalar]:
    """Yield the names in a list; what is none is told when the front matter is read."""
    items = node.items if isinstance(node, Items) else ()
    return (item for item in items if isinstance(item, Scalar) and isinstance(item.value, str))


def _extended(parsed: Parsed, node: Mapping, heritage: Heritage) -> Parsed:
    name = _value(node, "extends")
    if not isinstance(name, Scalar) or not isinstance(name.value, str):
        return parsed
    path = heritage.find(name.value, heritage.path)
    if path is None:
        advice = "write a prompt's full name, as in general/summarize (`chatterm prompts list`)"
        return _noted(parsed, "E34", f"there is no other prompt {name.value!r} to extend", name.place, advice)
    parent = heritage.parse(path)
    if parent.node and _value(parent.node, "extends"):
        advice = "extend the prompt that it extends, or write its texts out here"
        return _noted(parsed, "E35", f"{name.value!r} itself extends another prompt", name.place, advice)
    broken = heritage.problems_of(path, name.value)
    if broken or parent.node is None:
        advice = f"mend it first: chatterm prompts check {name.value}"
        message = f"{name.value!r} is broken: {broken[0].message}" if broken else f"{name.value!r} is broken"
        return _noted(parsed, "E34", message, name.place, advice)
    return Parsed(
        _merged(node, parent.node, name.place),
        _inherited(parsed.sections, parent.sections, name),
        parsed.problems,
        parsed.section_problems,
        parsed.data + parent.data,
    )


def _noted(parsed: Parsed, code: str, message: str, place: Place, advice: str) -> Parsed:
    return replace(parsed, problems=(*parsed.problems, Problem(code, message, place, advice)))


def _merged(own: Mapping, parent: Mapping, place: Place) -> Mapping:
    known = {*_OWN_KEYS, *(key.text for key, _ in own.entries)}
    taken = tuple(
        (replace(key, place=place), _placed(value, place))
        for key, value in parent.entries
        if key.text not in known
    )
    return replace(own, entries=(*own.entries, *taken))


def _placed(node: Node, place: Place) -> Node:
    """Return the node as if it stood at `place`."""
    match node:
        case Scalar():
            return replace(node, place=place)
        case Items(items):
            return Items(tuple(_placed(item, place) for item in items), place)
        case Mapping(entries):
            moved = ((replace(key, place=place), _placed(value, place)) for key, value in entries)
            return Mapping(tuple(moved), place)


def _inherited(own: tuple[Section, ...], parent: tuple[Section, ...], name: Scalar) -> tuple[Section, ...]:
    """A section without a language replaces those of all languages."""
    has_examples = any(section.kind == "example" for section in own)
    replaced = {(section.kind, section.lang) for section in own}
    for_all = {kind for kind, lang in replaced if lang is None}

    def is_kept(section: Section) -> bool:
        if section.kind in _EXAMPLE_KINDS:
            return not has_examples
        return section.kind not in for_all and (section.kind, section.lang) not in replaced

    taken = (
        replace(section, head=name.place, line=name.place.line, source=name.text)
        for section in parent
        if is_kept(section)
    )
    return (*own, *taken)


def _with_snippet(parsed: Parsed, name: Scalar, heritage: Heritage) -> Parsed:
    path = heritage.find(name.text, heritage.path)
    if path is None:
        advice = "a snippet is a file of its own: snippets/name.md, beside the prompts' domains"
        return _noted(parsed, "E34", f"there is no snippet {name.text!r}", name.place, advice)
    snippet = heritage.parse(path)
    wrong = _wrong_in(snippet)
    if wrong:
        advice = "a snippet has the keys chatterm, title, languages, and plain texts in @@ sections"
        return _noted(parsed, "E36", f"the snippet {name.text!r}: {wrong}", name.place, advice)
    sections = parsed.sections
    for added in snippet.sections:
        sections = _appended(
            sections, replace(added, head=name.place, line=name.place.line, source=name.text)
        )
    return replace(parsed, sections=sections, data=parsed.data + snippet.data)


def _wrong_in(snippet: Parsed) -> str:
    """Return what keeps a file from being a snippet; empty where nothing does."""
    problems = (*snippet.problems, *snippet.section_problems)
    if problems or snippet.node is None:
        return problems[0].message if problems else "no front matter"
    for key, _ in snippet.node.entries:
        if key.text not in _SNIPPET_KEYS:
            return f"the key {key.text!r}"
    for section in snippet.sections:
        if section.kind not in _SNIPPET_KINDS:
            return f"a section @@ {section.kind}"
        if re.search(r"\{[{%#]", section.text):
            return f"{{{{ }}}} or {{% %}} in @@ {section.kind}"
    return ""


def _appended(sections: tuple[Section, ...], added: Section) -> tuple[Section, ...]:
    """Add a snippet's text below the section that would be sent in its language."""
    exact = [n for n, one in enumerate(sections) if one.kind == added.kind and one.lang == added.lang]
    if exact:
        longer = replace(sections[exact[0]], text=f"{sections[exact[0]].text}\n{added.text}")
        return (*sections[: exact[0]], longer, *sections[exact[0] + 1 :])
    for_all = next((one for one in sections if one.kind == added.kind and one.lang is None), None)
    if for_all:
        return (*sections, replace(for_all, lang=added.lang, text=f"{for_all.text}\n{added.text}"))
    if added.lang is None:
        return _appended_to_each(sections, added)
    return (*sections, added)


def _appended_to_each(sections: tuple[Section, ...], added: Section) -> tuple[Section, ...]:
    """Add a text for all languages below the section of each; where there is none it stands alone."""
    if not any(section.kind == added.kind for section in sections):
        return (*sections, added)
    return tuple(
        replace(one, text=f"{one.text}\n{added.text}") if one.kind == added.kind else one for one in sections
    )
