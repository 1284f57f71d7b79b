"""What a prompt's sections must be together: each once, each language served, examples whole."""

from collections.abc import Sequence

from chatterm.prompts.header import PromptHeader
from chatterm.prompts.plans import Strategy
from chatterm.prompts.problems import Place, Problem
from chatterm.prompts.sections import Section, SectionKind

_SENT_BY: dict[SectionKind, tuple[Strategy, ...]] = {
    "map": ("map", "map-reduce", "refine"),
    "reduce": ("map-reduce", "refine"),
}
"""The strategies of `long:` that send a section."""


def check_alone(sections: Sequence[Section]) -> list[Problem]:
    """Return what is wrong whatever the front matter says."""
    return [*_check_twice(sections), *_check_examples(sections)]


def check_with_header(sections: Sequence[Section], header: PromptHeader, *, is_whole: bool) -> list[Problem]:
    """Return what the front matter and the sections disagree on.

    What is missing is told only where the sections are all there: `is_whole`.
    """
    problems = []
    for section in sections:
        if section.lang and section.lang not in header.languages:
            advice = f"languages are: {', '.join(header.languages)}"
            message = f"a section in {section.lang!r}, which `languages` does not name"
            problems.append(Problem("E18", message, section.head, advice))
    if problems or not is_whole:
        return problems
    return [*_check_whole(sections, header), *_check_long(sections, header)]


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
    needed = ("user", "reduce") if header.long.strategy in _SENT_BY["reduce"] else ("user",)
    for kind in ("user", "system", "prefill", "map", "reduce"):
        tags = {section.lang for section in sections if section.kind == kind}
        missing = [lang for lang in header.languages if None not in tags and lang not in tags]
        if missing and (tags or kind in needed):
            message = f"no @@ {kind} for {', '.join(missing)}"
            advice = f"add @@ {kind} {missing[0]}, or one @@ {kind} for all languages"
            place = next((s.head for s in sections if s.kind == kind), Place(1, 1, 3))
            problems.append(Problem("E20", message, place, advice))
    return problems


def _check_long(sections: Sequence[Section], header: PromptHeader) -> list[Problem]:
    """Texts for parts of a document need a strategy that sends them, and a strategy a document."""
    problems = []
    strategy = header.long.strategy
    if strategy != "fits" and header.document_input is None:
        place = header.places.get("long", Place(1, 1, 3))
        problems.append(Problem("E37", f"{strategy} without a document", place, "add an input: document: {}"))
    for section in sections:
        senders = _SENT_BY.get(section.kind)
        if senders and strategy not in senders:
            message = f"@@ {section.kind} is never sent by the strategy {strategy}"
            advice = f"add a line: long: {{strategy: {senders[0]}}} (or {', '.join(senders[1:])})"
            problems.append(Problem("E37", message, section.head, advice))
    return problems
