"""Runs a prompt's own tests on an engine: what `chatterm prompts test` tells. Nothing is stored."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from chatterm.conversation import Document, FinishReason
from chatterm.documents import fence
from chatterm.engine.base import (
    CancelToken,
    Choices,
    Constraint,
    Engine,
    Finished,
    GenerationRequest,
    JsonSchema,
    TextDelta,
)
from chatterm.prompts import PromptTemplate, RenderedPrompt, render
from chatterm.prompts.expectations import PromptTest
from chatterm.prompts.inputs import Value, read_value
from chatterm.prompts.judging import unmet
from chatterm.prompts.schema import constraint_text
from chatterm.tasks.question import sampling_params

_SEED = 0
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_LIST_MARK = re.compile(r"^\s*[0-9]{1,2}[.)] ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """How one test of a prompt went."""

    __test__ = False  # pytest would take the name for one of its own

    test: PromptTest
    reply: str
    finish_reason: FinishReason
    failures: tuple[str, ...]
    """What the reply lacks; empty where it passed."""


def run_tests(
    template: PromptTemplate, engine: Engine, cancel: CancelToken, *, lang: str | None = None
) -> Iterator[TestResult]:
    """Run the tests of a prompt, those of `lang` alone where it is given; ends early when cancelled.

    Replies in JSON and labels are held to their form. Raises what rendering and the engine raise.
    """
    for test in template.header.tests:
        if lang in (None, test.lang or lang) and not cancel.is_cancelled:
            yield _run(template, test, engine, cancel)


def _run(template: PromptTemplate, test: PromptTest, engine: Engine, cancel: CancelToken) -> TestResult:
    rendered = _rendered(template, test, engine)
    request = GenerationRequest(
        messages=rendered.messages,
        prefill=rendered.prefill,
        sampling=sampling_params({"temperature": 0, "seed": _SEED}, rendered.sampling),
        constraint=_constraint(template, rendered),
    )
    reply, reason = [], None
    with closing(engine.stream([request], cancel)) as events:
        for event in events:
            if isinstance(event, TextDelta):
                reply.append(event.text)
            elif isinstance(event, Finished):
                reason = event.reason
    assert reason is not None, "an engine's stream ends with Finished"
    text = "".join(reply)
    return TestResult(
        test=test, reply=text, finish_reason=reason, failures=unmet(test, text, share_of_numbers_found)
    )


def _rendered(template: PromptTemplate, test: PromptTest, engine: Engine) -> RenderedPrompt:
    """Fill the prompt in; the document stands in its fence, as it does when a file is piped."""
    values = dict(test.inputs)
    document = template.header.document_input
    text = values.pop(document.name, "") if document else ""
    fenced = fence([Document("document.txt", text, len(text.encode()))]) if text else ""
    return render(
        template,
        values=values,
        documents=fenced,
        question="",
        lang=test.lang or None,
        card=engine.describe(),
    )


def _constraint(template: PromptTemplate, rendered: RenderedPrompt) -> Constraint | None:
    output = template.header.output
    if output.schema is not None:
        return JsonSchema(constraint_text(output.schema))
    if output.labels is None:
        return None
    values = _values(template, rendered.reference.values)
    labels = output.labels.of(rendered.reference.lang, values)
    return Choices(tuple(f"{rendered.prefill}{label}" for label in labels))


def _values(template: PromptTemplate, given: Mapping[str, str]) -> dict[str, Value]:
    """Return the inputs as labels are chosen by them."""
    texts = {spec.name: given.get(spec.name, spec.default) for spec in template.header.inputs}
    return {
        spec.name: read_value(template.id, spec, text)
        for spec in template.header.inputs
        if (text := texts[spec.name]) is not None
    }


def share_of_numbers_found(reply: str, source: str) -> float | None:
    """Return which share of the reply's numbers, as they are printed, the source has; None without any.

    Separators of thousands are passed over, the numbers of a numbered list as well.
    """
    found = _numbers(_LIST_MARK.sub("", unicodedata.normalize("NFKC", reply)))
    if not found:
        return None
    known = _numbers(unicodedata.normalize("NFKC", source))
    return len(found & known) / len(found)


def _numbers(text: str) -> set[str]:
    return {re.sub(r",(?=[0-9]{3})", "", number) for number in _NUMBER.findall(text)}
