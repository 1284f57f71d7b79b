"""What can be wrong with a prompt file: stable codes, places, and how a problem is told.

E codes keep a file from being used, but for E29, E30 and E33: these are findings of `check` alone, as W
codes (warnings) and I codes (what this version does not act on) are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from chatterm.errors import PromptError
from chatterm.prompts.inputs import InputSpec
from chatterm.sanitize import num_cells

CODES = {
    "E01": "no front matter between two lines that are exactly ---",
    "E02": "full-width punctuation where YAML needs its ASCII form",
    "E03": "front matter that is not YAML",
    "E04": "a key given twice",
    "E05": "a tab in the indentation",
    "E06": "a tag, anchor, alias, directive or second document",
    "E07": "an unknown key",
    "E08": "a missing key",
    "E09": "a value of the wrong kind",
    "E10": "a value out of its range, or not one of those allowed",
    "E11": "a format version that this chatterm does not read",
    "E12": "a file that cannot be read: no UTF-8, too long, no file",
    "E14": "an unquoted value that runs over several lines",
    "E15": "nested too deep",
    "E16": "text before the first section",
    "E17": "an unknown section",
    "E18": "a section in a language that `languages` does not name",
    "E19": "a section given twice",
    "E20": "a section missing for a language",
    "E21": "a name that is not an input",
    "E22": "a text that is not a template",
    "E23": "a construct outside the allowed part of the template language",
    "E24": "an unknown filter, or a filter used wrongly",
    "E25": "a document where only plain values may stand",
    "E26": "a default that its own input refuses",
    "E27": "an example without its `in` or its `out`",
    "E28": "a schema outside the supported subset",
    "E29": "an example whose output violates the schema",
    "E30": "a domain prompt without its guard pack",
    "E31": "a file name that cannot be a prompt's name",
    "E32": "a test that the prompt could not run",
    "E33": "a system text far over its budget",
    "E34": "`extends` or `use` names a file that is not there, or is broken",
    "E35": "`extends` names a prompt that itself extends another",
    "E36": "a file named by `use` that is no snippet",
    "E37": "a text for parts of a document that its strategy never sends, or a strategy without a document",
    "W01": "a system text over its budget",
    "W02": "filler that no model needs",
    "W03": "an input that no section uses",
    "W04": "a disclaimer in the prompt, where the program writes its own",
    "W05": "instruction and shots take more than a quarter of a small window",
    "W06": "a prompt for small models without enough tests",
    "W07": "an example whose numbers or names are also in a test",
    "W08": "a schema name or description that is too long",
    "W09": "an instruction before the document",
    "W10": "a prompt in one language only",
    "W11": "a schema that lets a reply go on for ever",
}

Severity = Literal["error", "warning"]
_SEVERITIES: dict[str, Severity] = {"E": "error", "W": "warning"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file. Line and column count from 1, in characters; `length` may be 0."""

    line: int
    column: int = 1
    length: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a prompt file, or worth knowing of it."""

    code: str
    message: str
    place: Place
    help: str
    path: str = ""
    """As shown to people."""
    source: str = ""
    """The line of the file at `place`; empty where there is none."""

    @property
    def severity(self) -> Severity:
        return _SEVERITIES[self.code[0]]

    def __str__(self) -> str:
        head = f"{self.severity}[{self.code}]: {self.message}"
        line, column = self.place.line, self.place.column
        where = f"  --> {self.path}:{line}:{column}"
        if not self.source.strip():
            return f"{head}\n{where}\n  help: {self.help}"
        gutter = " " * len(str(line))
        before, marked = self.source[: column - 1], self.source[column - 1 : column - 1 + self.place.length]
        carets = "^" * max(1, num_cells(marked))
        return (
            f"{head}\n{where}\n{line} | {self.source}\n"
            f"{gutter} | {' ' * num_cells(before)}{carets} help: {self.help}"
        )


class BrokenPrompt(PromptError):
    """A prompt file with errors; its message shows all of them."""

    def __init__(self, prompt_id: str, problems: Sequence[Problem]) -> None:
        """Take the errors of one file, in the order of its lines."""
        self.prompt_id = prompt_id
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class MissingInput(PromptError):
    """A required input has no value; the caller may ask for it, or end naming the flag."""

    def __init__(self, prompt_id: str, spec: InputSpec) -> None:
        """Take the input without a value."""
        self.prompt_id = prompt_id
        self.spec = spec
        self.name = spec.name
        self.is_document = spec.type == "document"
        self.choices = spec.choices
        values = "|".join(spec.choices) or "..."
        way = (
            "pipe it in, or name a file with -f FILE" if self.is_document else f"add -v {spec.name}={values}"
        )
        super().__init__(f"the prompt {prompt_id} needs {spec.name!r}, which is missing; {way}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the help for a name that is not among `known`."""
    known = list(known)
    near = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known) or 'none'}"


def located(problems: Iterable[Problem], path: Path, lines: Sequence[str]) -> tuple[Problem, ...]:
    """Return `problems` in the order of the file's lines, each with its path and line."""

    def at(problem: Problem) -> Problem:
        line = problem.place.line
        source = lines[line - 1].replace("\t", " ") if 0 < line <= len(lines) else ""
        return replace(problem, path=shown(path), source=source)

    return tuple(sorted(map(at, problems), key=lambda one: (one.place.line, one.place.column, one.code)))


def shown(path: Path) -> str:
    """Return `path` as people write it: the home folder is ~."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):  # not below it; or no home is known
        return str(path)
