"""PromptTemplate, and how a file becomes one: read, split, parse, check. All its errors at once."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.conversation import Tier
from chatterm.prompts.front_matter import parse_front_matter
from chatterm.prompts.header import PromptHeader, read_header
from chatterm.prompts.inputs import InputSpec
from chatterm.prompts.problems import BrokenPrompt, Place, Problem, located
from chatterm.prompts.sections import Section, SectionKind, Split, split_file, split_sections

if TYPE_CHECKING:
    from chatterm.prompts.prompt_text import Block

MAX_FILE_BYTES = 256 * 1024

_TEMPLATED: tuple[SectionKind, ...] = ("system", "user", "prefill", "map", "reduce")


@dataclass(frozen=True, slots=True)
class Example:
    """A pair of chat turns that shows the model what is wanted."""

    question: str
    answer: str
    lang: str | None
    place: Place
    """Of its `@@ out`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """A checked prompt file, ready to be rendered."""

    id: str
    """`domain/name`, from its place in the library; the bare name of a file given by path."""
    path: Path
    sha256: str
    """Of the file's bytes."""
    header: PromptHeader
    sections: tuple[Section, ...]
    texts: Mapping[tuple[SectionKind, str | None], "Block"]
    """Parsed, by kind and language."""
    examples: tuple[Example, ...]

    def block(self, kind: SectionKind, lang: str) -> "Block | None":
        """Return the section of this kind for `lang`, else the one for all languages."""
        return self.texts.get((kind, lang), self.texts.get((kind, None)))

    def examples_for(self, lang: str, tier: Tier) -> tuple[Example, ...]:
        """Return the examples that a model of `tier` is sent, those of this language first."""
        fitting = [example for example in self.examples if example.lang in (lang, None)]
        fitting.sort(key=lambda example: example.lang is None)
        return tuple(fitting[: self.header.shots.get(tier, 0)])

    def note(self, lang: str) -> str:
        """Return what the author says to people; empty where nothing."""
        notes = {section.lang: section.text for section in self.sections if section.kind == "note"}
        return notes.get(lang) or notes.get(None, "")


@dataclass(frozen=True, slots=True)
class LoadedPrompt:
    """What came of a file. The template is None where there are problems."""

    template: PromptTemplate | None
    header: PromptHeader | None
    """Also of a file whose body alone is broken."""
    problems: tuple[Problem, ...]
    lines: tuple[str, ...] = ()
    """Of the file, for further findings."""

    def usable(self, prompt_id: str) -> PromptTemplate:
        """Return the template, or raise BrokenPrompt."""
        if self.template is None:
            raise BrokenPrompt(prompt_id, self.problems)
        return self.template


def load_prompt(path: Path, prompt_id: str, *, is_listing: bool = False) -> LoadedPrompt:
    """Read a prompt file; what is wrong with it stands in the result, nothing is raised.

    A listing needs no texts: they are not parsed then (which costs the import of jinja2), their
    mistakes are not found, and the template is None.
    """
    data, unreadable = _read(path)
    if unreadable:
        return LoadedPrompt(None, None, located([unreadable], path, ()))
    lines = re.sub("\r\n?", "\n", data.decode("utf-8-sig")).removesuffix("\n").split("\n")
    split, problems = split_file(lines)
    if split is None:
        return LoadedPrompt(None, None, located(problems, path, lines), tuple(lines))
    header, problems = _header(split)
    sections, found = split_sections(split.body, split.body_line)
    found += _check_sections(sections, header)
    if header and not found:
        found = _check_whole(sections, header)
    problems += found
    texts, found = _texts(sections, header) if not is_listing else ({}, [])
    problems += found
    template = None
    if header and not problems and not is_listing:
        digest = hashlib.sha256(data).hexdigest()
        template = PromptTemplate(
            id=prompt_id,
            path=path,
            sha256=digest,
            header=header,
            sections=tuple(sections),
            texts=texts,
            examples=_examples(sections),
        )
    return LoadedPrompt(template, header, located(problems, path, lines), tuple(lines))


def _read(path: Path) -> tuple[bytes, Problem | None]:
    def refused(message: str, advice: str) -> tuple[bytes, Problem]:
        return b"", Problem("E12", message, Place(1), advice)

    try:
        if not path.is_file():  # a pipe or a device would be read for ever
            return refused("not a file", "a prompt is a Markdown file")
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"byte 0x{error.object[error.start]:02x} at offset {error.start:,} is not UTF-8"
        return refused(where, "save the file as UTF-8")
    except OSError as error:
        return refused(f"cannot be read: {error.strerror or error}", "check its permissions (ls -l)")
    if len(data) > MAX_FILE_BYTES:
        return refused(f"more than {MAX_FILE_BYTES:,} bytes", "a prompt is short; documents are piped in")
    if b"\0" in data:
        return refused(f"a NUL byte at offset {data.index(0):,}", "save the file as UTF-8 text")
    return data, None


def _header(split: Split) -> tuple[PromptHeader | None, list[Problem]]:
    node, problems = parse_front_matter(split.front, 2)
    if node is None:
        return None, problems
    header, found = read_header(node)
    lines = {problem.place.line for problem in problems}
    # a line that is not even read well would be told again for what it seems to say
    return (None if problems else header), problems + [one for one in found if one.place.line not in lines]


def _texts(
    sections: Sequence[Section], header: PromptHeader | None
) -> tuple[dict[tuple[SectionKind, str | None], "Block"], list[Problem]]:
    from chatterm.prompts.template_parser import parse_section

    inputs: dict[str, InputSpec] | None = {spec.name: spec for spec in header.inputs} if header else None
    texts: dict[tuple[SectionKind, str | None], Block] = {}
    problems: list[Problem] = []
    for section in sections:
        if section.kind in _TEMPLATED:
            block, found = parse_section(section, inputs)
            problems += found
            texts[section.kind, section.lang] = block or ()
    return texts, problems


def _check_sections(sections: Sequence[Section], header: PromptHeader | None) -> list[Problem]:
    problems = [*_check_twice(sections), *_check_examples(sections)]
    if header is None:
        return problems
    for section in sections:
        if section.lang and section.lang not in header.languages:
            advice = f"languages are: {', '.join(header.languages)}"
            message = f"a section in {section.lang!r}, which `languages` does not name"
            problems.append(Problem("E18", message, section.head, advice))
    return problems


def _check_twice(sections: Sequence[Section]) -> list[Problem]:
    seen: dict[tuple[SectionKind, str | None], int] = {}
    problems = []
    for section in sections:
        key = (section.kind, section.lang)
        if section.kind in ("example", "in", "out"):
            continue
        if key in seen:
            advice = f"it stands in line {seen[key]} already; make one of them"
            name = f"@@ {section.kind} {section.lang or ''}".rstrip()
            problems.append(Problem("E19", f"the section {name!r} is given twice", section.head, advice))
        seen.setdefault(key, section.head.line)
    return problems


def _check_examples(sections: Sequence[Section]) -> list[Problem]:
    """`example` is followed by one `in` and one `out`; these stand nowhere else."""
    problems = []
    kinds = [section.kind for section in sections]
    for number, section in enumerate(sections):
        before = kinds[number - 1] if number else None
        after = kinds[number + 1 : number + 3]
        is_wrong = {
            "example": after != ["in", "out"],
            "in": before != "example",
            "out": before != "in",
        }.get(section.kind, False)
        if is_wrong:
            advice = "an example is three lines with texts below the last two: @@ example, @@ in, @@ out"
            problems.append(Problem("E27", f"@@ {section.kind} out of place", section.head, advice))
        elif section.kind == "example" and section.text:
            advice = "put it below @@ in or @@ out"
            problems.append(Problem("E27", "text in @@ example itself", Place(section.line), advice))
    return problems


def _check_whole(sections: Sequence[Section], header: PromptHeader) -> list[Problem]:
    """A kind of section that exists must serve every language; `user` must exist; examples need `shots`."""
    problems = []
    if not header.shots and any(section.kind == "example" for section in sections):
        advice = "add a line: shots: {tiny: 1, small: 1, medium: 0, large: 0}"
        problems.append(Problem("E08", "examples without the key 'shots'", Place(1, 1, 3), advice))
    for kind in ("user", "system", "prefill", "map", "reduce"):
        tags = {section.lang for section in sections if section.kind == kind}
        missing = [lang for lang in header.languages if None not in tags and lang not in tags]
        if missing and (tags or kind == "user"):
            message = f"no @@ {kind} for {', '.join(missing)}"
            advice = f"add @@ {kind} {missing[0]}, or one @@ {kind} for all languages"
            place = next((s.head for s in sections if s.kind == kind), Place(1, 1, 3))
            problems.append(Problem("E20", message, place, advice))
    return problems


def _examples(sections: Sequence[Section]) -> tuple[Example, ...]:
    return tuple(
        Example(sections[number + 1].text, sections[number + 2].text, section.lang, sections[number + 2].head)
        for number, section in enumerate(sections)
        if section.kind == "example"
    )
