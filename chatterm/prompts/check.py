"""The lints of `chatterm prompts check`: what keeps a prompt from being used, and what makes it worse.

No model is needed; tokens are counted by the callable that is handed in, else estimated.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chatterm.conversation import Tier
from chatterm.prompts.header import GUARDS, TIERS, PromptHeader
from chatterm.prompts.inheritance import Find
from chatterm.prompts.inputs import Value, read_value
from chatterm.prompts.language import count_han
from chatterm.prompts.library import PromptEntry, misnamed
from chatterm.prompts.problems import Place, Problem, located
from chatterm.prompts.prompt_text import Words, fill, names_in
from chatterm.prompts.schema import endless, long_names, violation
from chatterm.prompts.sections import Section, SectionKind
from chatterm.prompts.template import PromptTemplate, find_nothing, load_prompt

Count = Callable[[str], int]
"""Tokens of a text, without those of a chat template."""

SYSTEM_TOKENS = 120
"""Of instruction a message; small models follow short ones."""
_SYSTEM_TOKENS_AT_MOST = 200
_WINDOW_TOKENS = 2048
_INSTRUCTION_SHARE = 0.25
_TESTS_PER_LANGUAGE = 3

_FILLER = re.compile(
    r"take a deep breath|(?<![A-Za-z])IQ(?![A-Za-z])|\$\d+ tip|world[- ]class|best in the world"
    r"|深呼吸|智商|世界顶级|世界一流",
    re.I,
)
_DISCLAIMER = re.compile(
    r"not (medical|legal|financial|investment) advice|consult (a|your) (doctor|lawyer|physician)"
    r"|disclaimer|免责声明|不构成.{0,8}建议|仅供参考|请咨询(医生|律师)",
    re.I,
)
_NUMBER = re.compile(r"\d[\d.,]*\d")
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}")


@dataclass(frozen=True, slots=True)
class _Checked:
    """What every lint looks at."""

    template: PromptTemplate
    count: Count

    @property
    def header(self) -> PromptHeader:
        return self.template.header

    def place(self, key: str) -> Place:
        return self.header.places.get(key.partition(".")[0], Place(1, 1, 3))

    def section(self, kind: SectionKind, lang: str) -> Section | None:
        tagged = {section.lang: section for section in self.template.sections if section.kind == kind}
        return tagged.get(lang) or tagged.get(None)


def estimate_tokens(text: str) -> int:
    """Estimate tokens where no tokenizer is at hand: 1.15 a Han character, else 1 for 4 characters.

    The first figure was measured on SmolLM2; tokenizers made for Chinese need about half of it.
    """
    num_han = count_han(text)
    return round(num_han * 1.15 + (len(text) - num_han) / 4)


def check(
    prompt: PromptTemplate | PromptEntry | Path,
    count: Count = estimate_tokens,
    *,
    find: Find = find_nothing,
    prompt_id: str = "",
) -> tuple[Problem, ...]:
    """Return every finding about a prompt's file, in the order of its lines: errors and warnings.

    `find` (of a PromptLibrary) knows the files that it may extend or use; `prompt_id` is that of a path.
    """
    path = prompt if isinstance(prompt, Path) else prompt.path
    prompt_id = (prompt_id or path.stem) if isinstance(prompt, Path) else prompt.id
    loaded = load_prompt(path, prompt_id, find=find)
    if loaded.template is None:
        return loaded.problems + misnamed(prompt_id, path)
    checked = _Checked(loaded.template, count)
    found = [problem for lint in _LINTS for problem in lint(checked)]
    return misnamed(prompt_id, path) + located(found, path, loaded.lines)


def _guard(checked: _Checked) -> Iterator[Problem]:
    domain = checked.template.id.partition("/")[0]
    if domain in GUARDS and domain not in checked.header.guard and not checked.header.guard_off:
        advice = f"add a line: guard: [{domain}] (or guard_off: why it does without)"
        yield Problem("E30", f"a {domain} prompt without its guard pack", Place(1, 1, 3), advice)


def _system_budget(checked: _Checked) -> Iterator[Problem]:
    for kind, lang, section, text in _instructions(checked):
        num_tokens = checked.count(text)
        if num_tokens <= SYSTEM_TOKENS:
            continue
        code = "E33" if num_tokens > _SYSTEM_TOKENS_AT_MOST and kind == "system" else "W01"
        advice = f"keep it to {SYSTEM_TOKENS}; small models follow short instructions"
        message = f"the {kind} text in {lang} takes {num_tokens} tokens without its inputs"
        yield Problem(code, message, section.head, advice)


def _instructions(checked: _Checked) -> Iterator[tuple[SectionKind, str, Section, str]]:
    """Yield the system and user texts of each language as they are with no more than the defaults."""
    values = _defaults(checked)
    for lang in checked.header.languages:
        for kind in ("system", "user"):
            section, block = checked.section(kind, lang), checked.template.block(kind, lang)
            if section and block:
                yield kind, lang, section, fill(block, values)[0]


def _defaults(checked: _Checked) -> Mapping[str, Value]:
    return {
        spec.name: None if spec.default is None else read_value(checked.template.id, spec, spec.default)
        for spec in checked.header.inputs
    }


def _window(checked: _Checked) -> Iterator[Problem]:
    limit = int(_WINDOW_TOKENS * _INSTRUCTION_SHARE)
    for lang in checked.header.languages:
        words = sum(checked.count(text) for _, one, _, text in _instructions(checked) if one == lang)
        num_tokens = words + max(_shots_cost(checked, lang, tier) for tier in TIERS)
        if num_tokens > limit:
            message = f"instruction and shots in {lang} take {num_tokens} tokens"
            advice = f"keep them to {limit}, a quarter of a window of {_WINDOW_TOKENS}: send fewer shots"
            yield Problem("W05", message, checked.place("shots"), advice)


def _shots_cost(checked: _Checked, lang: str, tier: Tier) -> int:
    examples = checked.template.examples_for(lang, tier)
    return sum(checked.count(example.question + example.answer) for example in examples)


def _wording(checked: _Checked) -> Iterator[Problem]:
    lints = (
        ("W02", _FILLER, "filler", "leave it out; it costs tokens and changes nothing"),
        ("W04", _DISCLAIMER, "a disclaimer", "leave it out; the program writes it, on stderr"),
    )
    for section in checked.template.sections:
        if section.kind == "note":
            continue
        for number, line in enumerate(section.text.split("\n"), section.line):
            for code, pattern, what, advice in lints:
                for found in pattern.finditer(line):
                    place = Place(number, found.start() + 1, len(found.group()))
                    yield Problem(code, f"{what}: {found.group()!r}", place, advice)


def _unused(checked: _Checked) -> Iterator[Problem]:
    used = {name for block in checked.template.texts.values() for name in names_in(block)}
    if labels := checked.header.output.labels:
        used |= {labels.source, labels.chosen_by, labels.several}
    for spec in checked.header.inputs:
        if spec.name not in used:
            place = checked.header.places[f"inputs.{spec.name}"]
            yield Problem("W03", f"the input {spec.name!r} is never used", place, "use it or take it out")


def _tests(checked: _Checked) -> Iterator[Problem]:
    few = {
        lang: sum(test.lang in (lang, "") for test in checked.header.tests)
        for lang in checked.header.languages
    }
    for lang, number in few.items():
        if number < _TESTS_PER_LANGUAGE:
            message = f"{number} tests in {lang}"
            advice = (
                f"min_tier says what a prompt is made for; show it by {_TESTS_PER_LANGUAGE} tests a language"
            )
            yield Problem("W06", message, checked.place("tests"), advice)


def _one_language(checked: _Checked) -> Iterator[Problem]:
    if len(checked.header.languages) == 1:
        message = f"only in {checked.header.languages[0]}"
        yield Problem("W10", message, checked.place("languages"), "shipped prompts are in en and zh")


def _examples(checked: _Checked) -> Iterator[Problem]:
    schema = checked.header.output.schema
    for example in checked.template.examples:
        wrong = _mismatch(schema, example.answer) if schema else None
        if wrong:
            advice = "make the example what the model shall write"
            yield Problem("E29", f"the example's output violates the schema: {wrong}", example.place, advice)
        inputs = " ".join(text for test in checked.header.tests for text in test.inputs.values())
        for word in sorted(_marks(f"{example.question} {example.answer}") & _marks(inputs)):
            advice = "use invented numbers and names in examples: a copied one must be recognisable"
            yield Problem("W07", f"{word!r} is in an example and in a test", example.place, advice)


def _mismatch(schema: Mapping[str, object], answer: str) -> str | None:
    try:
        return violation(schema, json.loads(answer))
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"


def _marks(text: str) -> set[str]:
    return {*_NUMBER.findall(text), *_NAME.findall(text)}


def _schema_names(checked: _Checked) -> Iterator[Problem]:
    if checked.header.output.schema:
        for name in long_names(checked.header.output.schema):
            advice = "at most 40 characters: the model reads every one"
            yield Problem("W08", f"{name!r} in the schema is long", checked.place("output"), advice)


def _endless(checked: _Checked) -> Iterator[Problem]:
    for what in endless(checked.header.output.schema) if checked.header.output.schema else ():
        advice = "give it an end: a small model may not find one"
        yield Problem("W11", f"{what} in the schema", checked.place("output"), advice)


def _document_first(checked: _Checked) -> Iterator[Problem]:
    document = checked.header.document_input
    if document is None:
        return
    for section in checked.template.sections:
        block = checked.template.texts.get((section.kind, section.lang), ())
        first = block[0] if block else None
        is_used = any(document.name == name for name in names_in(block))
        if section.kind == "user" and is_used and isinstance(first, Words) and first.text.strip():
            advice = (
                "the document first, the instruction last: further questions then reuse the cached prefix"
            )
            yield Problem("W09", "an instruction before the document", Place(section.line), advice)


_LINTS = (
    *(_guard, _system_budget, _window, _wording, _unused, _tests, _one_language),
    *(_examples, _schema_names, _endless, _document_first),
)
