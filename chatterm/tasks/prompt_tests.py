"""Runs a prompt's own tests on an engine: what `chatterm prompts test` tells. Nothing is stored."""

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from chatterm.checks import Kind, Level
from chatterm.checks.verify import verify
from chatterm.conversation import Document, FinishReason
from chatterm.engine.base import CancelToken, Engine, Finished, GenerationRequest, StreamEvent, TextDelta
from chatterm.prompts import PromptTemplate
from chatterm.prompts.expectations import PromptTest
from chatterm.prompts.judging import unmet
from chatterm.prompts.output import OutputSpec
from chatterm.session import CalibrationCache, Scored, TurnRequest
from chatterm.session.scoring import score_reply
from chatterm.tasks.question import Question, compose
from chatterm.tasks.structured import read_answer

_SEED = 0
_NUMBERS_ALONE: Mapping[Kind, Level] = {
    "number": "mark",
    "quote": "off",
    "citation": "off",
    "copy": "off",
    "leak": "off",
}


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
    card = engine.describe()
    composed = compose(_question(template, test), card, {"temperature": 0, "seed": _SEED})
    reply, reason = [], None
    with closing(_events(composed.request, engine, cancel)) as events:
        for event in events:
            if isinstance(event, TextDelta):
                reply.append(event.text)
            elif isinstance(event, Finished):
                reason = event.reason
    assert reason is not None, "an engine's stream ends with Finished"
    text = _completed("".join(reply), composed.output)
    return TestResult(
        test=test, reply=text, finish_reason=reason, failures=unmet(test, text, share_of_numbers_found)
    )


def _question(template: PromptTemplate, test: PromptTest) -> Question:
    """The document is one that was piped, whatever input holds it."""
    values = dict(test.inputs)
    document = template.header.document_input
    text = values.pop(document.name, "") if document else ""
    documents = (Document.of_text("document.txt", text),) if text else ()
    return Question(
        prompt=template,
        is_prompt_chosen=True,
        documents=documents,
        values=values,
        lang=test.lang or None,
        emergency_number="",
    )


def _events(request: TurnRequest, engine: Engine, cancel: CancelToken) -> Generator[StreamEvent | Scored]:
    if request.scoring:
        return score_reply(engine, request.messages, request.scoring, cancel, CalibrationCache())
    generation = GenerationRequest(
        messages=request.messages,
        prefill=request.prefill,
        sampling=request.sampling,
        constraint=request.constraint,
    )
    return engine.stream([generation], cancel)


def _completed(reply: str, output: OutputSpec) -> str:
    """Return the reply, with the fields that code computes where it has any."""
    answer = read_answer(reply, output) if output.computed else None
    return reply if answer is None else json.dumps(answer.value, ensure_ascii=False)


def share_of_numbers_found(reply: str, source: str) -> float | None:
    """Return which share of the reply's numbers the checks find in the source; None without any."""
    return verify(reply, source, levels=_NUMBERS_ALONE).grounded("number")
