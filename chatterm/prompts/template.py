"""PromptTemplate, and how a file becomes one: read, split, parse, check. All its errors at once."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from chatterm.conversation import Tier
from chatterm.prompts.header import PromptHeader, read_header
from chatterm.prompts.inheritance import Find, Heritage, Parsed, parse_lines, with_heritage
from chatterm.prompts.inputs import InputSpec
from chatterm.prompts.problems import BrokenPrompt, Place, Problem, located
from chatterm.prompts.section_checks import check_alone, check_with_header
from chatterm.prompts.sections import Section, SectionKind

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
    """Of the file's bytes, followed by those of the files it extends and uses."""
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

    def for_part(self, part: Literal["map", "reduce"]) -> "PromptTemplate":
        """Return the prompt as it is sent of one part of a long document, or of the parts' replies.

        It is rendered like any other; without @@ map a part is sent as a whole document would be.
        """
        parts = {lang: block for (kind, lang), block in self.texts.items() if kind == part}
        texts = {key: block for key, block in self.texts.items() if not parts or key[0] != "user"}
        for lang, block in parts.items():
            texts["user", lang] = block
        return replace(self, texts=texts)

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


def find_nothing(_prompt_id: str, _path: Path) -> Path | None:
    """Answer for a file that stands in no library."""
    return None


def load_prompt(
    path: Path, prompt_id: str, *, find: Find = find_nothing, is_listing: bool = False
) -> LoadedPrompt:
    """Read a prompt file; what is wrong with it stands in the result, nothing is raised.

    `find` knows the files that it may extend or use. A listing needs no texts and no tests:
    they are not parsed then (which costs the import of jinja2, and half the time), their mistakes are not
    found, and the template is None.
    """
    data, unreadable = _read(path)
    if unreadable:
        return LoadedPrompt(None, None, located([unreadable], path, ()))
    lines = _lines(data)
    heritage = _heritage(path, find, is_listing=is_listing)
    parsed = with_heritage(parse_lines(_without_tests(lines) if is_listing else lines, data), heritage)
    header, problems = _header(parsed)
    sections = [s for s in parsed.sections if not (header and s.source and s.lang not in _served(header))]
    found = [*parsed.section_problems, *check_alone(sections)]
    if header:
        found += check_with_header(sections, header, is_whole=not found)
    problems += found
    if not is_listing:
        texts, found = _texts(sections, header)
        problems += found
    template = None
    if header and not problems and not is_listing:
        template = PromptTemplate(
            id=prompt_id,
            path=path,
            sha256=hashlib.sha256(parsed.data).hexdigest(),
            header=header,
            sections=tuple(sections),
            texts=texts,
            examples=_examples(sections),
        )
    return LoadedPrompt(template, header, located(problems, path, lines), tuple(lines))


def _lines(data: bytes) -> list[str]:
    return re.sub("\r\n?", "\n", data.decode("utf-8-sig")).removesuffix("\n").split("\n")


def _without_tests(lines: list[str]) -> list[str]:
    """Blank a block of `tests:` in the front matter: it is half of it, and no listing shows it."""
    kept: list[str] = []
    is_skipping = False
    for number, line in enumerate(lines):
        if line == _FENCE and number:
            return kept + lines[number:]
        is_skipping = _TESTS.fullmatch(line) is not None or (is_skipping and line[:1] in _INSIDE)
        kept.append("" if is_skipping else line)
    return kept


_FENCE = "---"
_TESTS = re.compile(r"tests: *(#.*)?")
_INSIDE = ("", " ", "-", "#")
"""How a line that belongs to a block begins."""


def _served(header: PromptHeader) -> tuple[str | None, ...]:
    return (None, *header.languages)


def _heritage(path: Path, find: Find, *, is_listing: bool) -> Heritage:
    def parse(other: Path) -> Parsed:
        data, unreadable = _read(other)
        return Parsed(None, (), (unreadable,), (), b"") if unreadable else parse_lines(_lines(data), data)

    def problems_of(other: Path, prompt_id: str) -> tuple[Problem, ...]:
        return load_prompt(other, prompt_id, find=find, is_listing=is_listing).problems

    return Heritage(path, find, parse, problems_of)


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


def _header(parsed: Parsed) -> tuple[PromptHeader | None, list[Problem]]:
    problems = list(parsed.problems)
    if parsed.node is None:
        return None, problems
    header, found = read_header(parsed.node)
    lines = {problem.place.line for problem in problems}
    if any(problem.code in ("E34", "E35") for problem in problems):
        lines.add(1)  # what seems to be missing may be in the file that could not be taken over
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


def _examples(sections: Sequence[Section]) -> tuple[Example, ...]:
    return tuple(
        Example(sections[number + 1].text, sections[number + 2].text, section.lang, sections[number + 2].head)
        for number, section in enumerate(sections)
        if section.kind == "example"
    )
