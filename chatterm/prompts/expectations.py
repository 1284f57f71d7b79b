"""The tests a prompt file carries: inputs, and what a reply is expected to be. Checked and kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from chatterm.prompts.front_matter import Node, Scalar
from chatterm.prompts.inputs import InputSpec
from chatterm.prompts.problems import did_you_mean
from chatterm.prompts.reader import Reader

_TRUTHS = ("json_valid",)
_NUMBERS = ("grounded", "max_words", "max_chars", "min_chars", "max_lines")
_TEXTS = ("contains", "lang")
_LISTS = ("contains_any", "contains_all", "not_contains_any")
_PATH = ("path", "equals")
EXPECTATIONS = (*_TRUTHS, *_NUMBERS, *_TEXTS, *_LISTS, *_PATH)

Argument = str | float | int | bool | tuple[str, ...] | None
Expectation = Mapping[str, Argument]


@dataclass(frozen=True, slots=True)
class PromptTest:
    """One case: what goes in, and what must hold of the reply."""

    name: str
    lang: str
    """Empty: as the inputs decide."""
    inputs: Mapping[str, str]
    expect: tuple[Expectation, ...]


def read_tests(
    reader: Reader, node: Node | None, inputs: tuple[InputSpec, ...], languages: tuple[str, ...]
) -> tuple[PromptTest, ...]:
    """Read the list under `tests`."""
    return tuple(_test(reader, item, inputs, languages) for item in reader.items(node, "tests"))


def _test(
    reader: Reader, node: Node, inputs: tuple[InputSpec, ...], languages: tuple[str, ...]
) -> PromptTest:
    fields = reader.fields(node, "a test", ("name", "lang", "inputs", "expect"))
    if "name" not in fields or "expect" not in fields:
        reader.note("E08", "a test without name or expect", node.place, "give it both")
    lang = reader.choice(fields.get("lang"), "a test's lang", languages, "")
    values: dict[str, str] = {}
    names = [spec.name for spec in inputs]
    for key, value in reader.entries(fields.get("inputs"), "a test's inputs"):
        if key.text not in names:
            advice = did_you_mean(key.text, names)
            reader.note("E32", f"a test gives {key.text!r}, which is not an input", key.place, advice)
        values[key.text] = reader.spelled(value, f"a test's {key.text}") or ""
    for spec in inputs:
        if spec.is_required and spec.name not in values:
            message = f"a test without the required input {spec.name!r}"
            reader.note("E32", message, node.place, f"add inputs: {{{spec.name}: ...}}")
    expect = tuple(_expectation(reader, item) for item in reader.items(fields.get("expect"), "expect"))
    return PromptTest(reader.text(fields.get("name"), "a test's name"), lang, values, expect)


def _expectation(reader: Reader, node: Node) -> Expectation:
    fields = reader.fields(node, "expect", EXPECTATIONS)
    if set(fields) != set(_PATH) and len(fields) != 1:
        advice = "each item of expect is one check, or path and equals"
        reader.note("E32", "an expectation that is not one check", node.place, advice)
    return {key: _argument(reader, key, value) for key, value in fields.items()}


def _argument(reader: Reader, key: str, node: Node) -> Argument:
    what = f"expect.{key}"
    if key in _TRUTHS:
        return reader.truth(node, what, default=True)
    if key in _NUMBERS:
        return reader.number(node, what, 0, 10**6)
    if key in _LISTS:
        return reader.texts(node, what)
    if key == "equals" and isinstance(node, Scalar):
        return node.value
    return reader.text(node, what)
