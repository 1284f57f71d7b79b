"""The typed values that code around the model acts on: schema, labels, plans, parts of long documents."""

import json
from pathlib import Path

import pytest

from chatterm.prompts import PromptLibrary, PromptTemplate, render
from chatterm.prompts.inputs import Value
from chatterm.prompts.output import Labels
from chatterm.prompts.plans import LongPlan, VerifyPlan
from chatterm.prompts.schema import Schema, constraint_text, endless, fields_of, violation
from tests.prompts.files import GOOD, card, changed, write

ROW: Schema = {
    "type": "object",
    "properties": {
        "quote": {"type": "string", "copy": True, "description": "as printed"},
        "value": {"type": ["number", "null"], "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    },
    "required": ["quote"],
}


def prompt(folder: Path, text: str = GOOD) -> PromptTemplate:
    return PromptLibrary([]).get(str(write(folder, text)))


def test_what_is_not_said_is_off(tmp_path: Path) -> None:
    header = prompt(tmp_path).header
    assert (header.long, header.verify, header.output.labels) == (LongPlan("fits"), VerifyPlan(), None)


def test_a_constraint_closes_objects_and_leaves_out_what_no_grammar_knows() -> None:
    assert json.loads(constraint_text({"type": "array", "items": ROW, "maxItems": 3})) == {
        "type": "array",
        "maxItems": 3,
        "items": {
            "type": "object",
            "properties": {
                "quote": {"type": "string"},
                "value": {"type": ["number", "null"], "minimum": 0},
                "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
            },
            "required": ["quote"],
            "additionalProperties": False,
        },
    }


def test_fields_come_in_the_order_of_generation() -> None:
    assert [name for name, _ in fields_of({"type": "array", "items": ROW})] == ["quote", "value", "tags"]


def test_what_never_ends_is_found_at_any_depth() -> None:
    assert endless({"type": "array", "items": ROW}) == ["the reply without maxItems", "tags without maxItems"]
    assert endless({"type": "string"}) == ["the reply without maxLength"]
    assert violation(ROW, {"quote": "x", "tags": ["c"]}) == "tags[0] is none of the enum"


@pytest.mark.parametrize(
    ("labels", "inputs", "values", "expected"),
    [
        ("{en: [yes, no], zh: [是, 否]}", "", {}, {"en": ("yes", "no"), "zh": ("是", "否")}),
        (
            "{by: scale, 2: {en: [bad, good], zh: [差, 好]}, 3: {en: [bad, fair, good], zh: [差, 中, 好]}}",
            "scale: {type: enum, values: [2, 3], default: 2}",
            {"scale": "3"},
            {"en": ("bad", "fair", "good"), "zh": ("差", "中", "好")},
        ),
        ("{from: kinds}", "kinds: {type: list}", {"kinds": ("a", "b")}, {"en": ("a", "b"), "zh": ("a", "b")}),
    ],
)
def test_labels_are_fixed_chosen_or_the_users_own(
    tmp_path: Path, labels: str, inputs: str, values: dict[str, Value], expected: dict[str, tuple[str, ...]]
) -> None:
    text = changed("version: 3", f"version: 3\noutput: {{format: label, labels: {labels}}}")
    text = text.replace("inputs:\n", f"inputs:\n  {inputs}\n" if inputs else "inputs:\n")
    found = prompt(tmp_path, text).header.output.labels
    assert isinstance(found, Labels)
    assert {lang: found.of(lang, values) for lang in ("en", "zh")} == expected


def test_parts_of_a_long_document_have_texts_of_their_own(tmp_path: Path) -> None:
    text = changed("version: 3", "version: 3\nlong: {strategy: map-reduce}")
    template = prompt(tmp_path, text + "@@ reduce\n{{ document }}\nJoin them for {{ party }}.\n")

    def sent(one: PromptTemplate) -> str:
        rendered = render(one, values={}, documents="facts", question="", lang="en", card=card())
        return rendered.messages[-1].content

    assert sent(template.for_part("reduce")) == "facts\nJoin them for buyer."
    assert sent(template.for_part("map")) == sent(template) == "facts\nShortly, for buyer."
    assert template.for_part("reduce").sha256 == template.sha256
