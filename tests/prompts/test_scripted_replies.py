"""Every test in a shipped prompt's file can be passed and can be failed, tried with scripted replies.

The good replies stand in `replies/<domain>.md`. They are also held to all that the prompt promises of a
reply: its schema or labels, what `verify:` is strict about, and the phrasings its guard pack forbids.
"""

import json
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from chatterm.conversation import Document, Message, MessageNode, Turn, Usage
from chatterm.engine.base import CancelToken, GenerationRequest, StreamEvent
from chatterm.engine.echo import EchoEngine
from chatterm.prompts import PromptFolder, PromptLibrary, PromptTemplate
from chatterm.prompts.expectations import PromptTest
from chatterm.prompts.inputs import read_value
from chatterm.prompts.schema import Schema
from chatterm.resources import shipped_prompts
from chatterm.tasks import Checked, Question, compose
from chatterm.tasks.check_plan import Earlier
from chatterm.tasks.checking import check_turn
from chatterm.tasks.prompt_tests import run_tests
from tests.prompts.files import card

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
TEMPLATES = {prompt_id: LIBRARY.get(prompt_id) for prompt_id in LIBRARY.names()}
CARD = card(1_000_000_000, can_constrain=False)
REPLIES = Path(__file__).parent / "replies"
_HEAD = re.compile(r"^## (\S+) \| (.+)$", re.MULTILINE)


class FreeFormEngine(EchoEngine):
    """Says its scripted replies also where a form is asked for: the forms are checked here by themselves."""

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        yield from super().stream(
            [replace(request, constraint=None, prefill="") for request in requests], cancel
        )


def good_replies() -> dict[tuple[str, str], str]:
    """By prompt and test."""
    found = {}
    for path in sorted(REPLIES.glob("*.md")):
        parts = _HEAD.split(path.read_text(encoding="utf-8"))
        for prompt_id, name, reply in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            assert (prompt_id, name) not in found, f"{prompt_id} | {name} is there twice"
            found[prompt_id, name] = reply.strip()
    return found


GOOD = good_replies()


def test_there_is_a_good_reply_for_every_test_and_for_no_other() -> None:
    tests = {(prompt_id, one.name) for prompt_id, t in TEMPLATES.items() for one in t.header.tests}
    assert set(GOOD) == tests


def failures(template: PromptTemplate, replies: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What each test of a prompt finds lacking in the reply that it gets."""
    results = run_tests(template, FreeFormEngine(replies), CancelToken())
    return {result.test.name: result.failures for result in results}


@pytest.mark.parametrize("prompt_id", TEMPLATES)
def test_a_good_reply_passes(prompt_id: str) -> None:
    template = TEMPLATES[prompt_id]
    names = [one.name for one in template.header.tests]
    assert failures(template, [GOOD[prompt_id, name] for name in names]) == dict.fromkeys(names, ())


@pytest.mark.parametrize("prompt_id", TEMPLATES)
def test_a_reply_of_no_worth_fails_every_test(prompt_id: str) -> None:
    template = TEMPLATES[prompt_id]
    for bad in bad_replies(template):
        for name, found in failures(template, [bad]).items():
            assert found, f"{name!r} is passed by {bad!r}"


def bad_replies(template: PromptTemplate) -> list[str]:
    """Off the subject, in either language; and in the right form with nothing right in it."""
    bad = ["As an AI language model, I cannot help with that request.", "作为人工智能，我无法回答。"]
    if template.header.output.schema:
        bad.append(json.dumps(_filled_with(template.header.output.schema), ensure_ascii=False))
    return bad


def _filled_with(schema: Schema) -> object:
    """A value that the schema allows and that says nothing: x for every text, of every list one item."""
    if "enum" in schema:
        return cast(list[object], schema["enum"])[0]
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    match kind:
        case "object":
            properties = cast(Mapping[str, Schema], schema["properties"])
            return {name: _filled_with(inner) for name, inner in properties.items()}
        case "array":
            return [_filled_with(cast(Schema, schema["items"]))]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return True
        case _:
            return "x"


@pytest.mark.parametrize("prompt_id", TEMPLATES)
def test_a_good_reply_keeps_all_that_the_prompt_promises(prompt_id: str) -> None:
    template = TEMPLATES[prompt_id]
    for test in template.header.tests:
        reply = GOOD[prompt_id, test.name]
        if template.header.output.labels is not None:
            assert reply in labels_of(template, test), test.name
            continue
        found = verdict(template, test, reply)
        assert found.misses_schema is None, test.name
        assert [(one.kind, one.text) for one in found.report.failures] == [], test.name
        assert [one.text for one in found.phrasings] == [], test.name


def labels_of(template: PromptTemplate, test: PromptTest) -> tuple[str, ...]:
    assert template.header.output.labels is not None
    texts = [(spec, test.inputs.get(spec.name, spec.default)) for spec in template.header.inputs]
    values = {spec.name: read_value(template.id, spec, text) for spec, text in texts if text is not None}
    return template.header.output.labels.of(test.lang, values)


def verdict(template: PromptTemplate, test: PromptTest, reply: str) -> Checked:
    """What both front ends would say of this reply."""
    values = dict(test.inputs)
    document = template.header.document_input
    text = values.pop(document.name, "") if document else ""
    question = Question(
        text="",
        documents=(Document("document.txt", text, len(text)),) if text else (),
        prompt=template,
        is_prompt_chosen=True,
        values=values,
        lang=test.lang,
        emergency_number="112",
    )
    composed = compose(question, CARD, {"max_tokens": 1000})
    return check_turn(turn_with(reply), composed.checks, Earlier())


def turn_with(reply: str) -> Turn:
    question, answer = (
        MessageNode(
            id=message.role,
            conversation_id="c",
            parent_id=None,
            message=message,
            status="complete",
            created="2026-01-01T00:00:00Z",
        )
        for message in (Message("user", "q"), Message("assistant", reply))
    )
    usage = Usage(input_tokens=1, cached_tokens=0, output_tokens=1, prefill_s=0.0, decode_s=0.0)
    return Turn(question=question, reply=answer, finish_reason="stop", usage=usage)
