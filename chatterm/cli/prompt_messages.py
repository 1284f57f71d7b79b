"""`chatterm prompts show` with a model or values: the exact messages, and what they cost there."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from chatterm.cli import inputs
from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.report import Report
from chatterm.cli.signals import ended_by_signals
from chatterm.cli.wiring import Workspace
from chatterm.conversation import Document
from chatterm.engine.base import CancelToken, TokenCount
from chatterm.prompts import PromptTemplate
from chatterm.tasks import Composed, Question, compose


@dataclass(frozen=True, slots=True)
class ExactMessages:
    """What would be sent."""

    composed: Composed
    count: TokenCount
    borrowed: tuple[str, ...]
    """The inputs that are taken from the prompt's first test."""


def exact_messages(
    workspace: Workspace,
    template: PromptTemplate,
    *,
    given: Mapping[str, str | None],
    var: Sequence[str] | None,
) -> ExactMessages:
    """Compose the messages for a model; `given` has the model and the language.

    Raises what composing and opening the model raise; nothing is generated, shown or kept.
    """
    values = dict(inputs.pairs(var or [], "-v"))
    question = _question(workspace, template, values, given["lang"])
    borrowed = sorted((question.values.keys() | _document_names(question, template)) - values.keys())
    composed, count = _composed(workspace, question, given["model"], Report.to_stderr())
    return ExactMessages(composed, count, tuple(borrowed))


def show_messages(exact: ExactMessages, card: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the messages, as JSON the card too."""
    report = Report.to_stderr()
    composed, count = exact.composed, exact.count
    if as_json:
        request = composed.request
        shown = {
            "messages": [asdict(message) for message in request.messages],
            "prefill": request.prefill,
            "input_tokens": count.tokens,
            "is_exact": count.is_exact,
            "from_test": list(exact.borrowed),
        }
        print_safely(sys.stdout, to_json({**card, **shown}))
        return
    for message in composed.request.messages:
        print_safely(sys.stdout, f"\n--- {message.role}\n{message.content}")
    if composed.request.prefill:
        print_safely(sys.stdout, f"\n--- prefill\n{composed.request.prefill}")
    for notice in composed.notices:
        report.notice(notice)
    if exact.borrowed:
        report.notice(f"from the prompt's first test: {', '.join(exact.borrowed)}")
    about = "" if count.is_exact else "about "
    report.notice(f"{about}{count.tokens:,} tokens in {len(composed.request.messages)} messages")


def _question(
    workspace: Workspace, template: PromptTemplate, values: dict[str, str], lang: str | None
) -> Question:
    """Fill in what is required and not given from the first test in the language asked for."""
    tests = [one for one in template.header.tests if lang in (None, one.lang or lang)]
    sample = tests[0].inputs if tests else {}
    needed = [spec.name for spec in template.header.inputs if spec.is_required and spec.name not in values]
    filled = {**{name: sample[name] for name in needed if name in sample}, **values}
    document = template.header.document_input
    text = filled.pop(document.name, "") if document else ""
    return Question(
        text="",
        documents=(Document.of_text("document.txt", text),) if text else (),
        prompt=template,
        is_prompt_chosen=True,
        values=filled,
        lang=lang,
        emergency_number=workspace.config.emergency_number,
    )


def _document_names(question: Question, template: PromptTemplate) -> set[str]:
    document = template.header.document_input
    return {document.name} if document and question.documents else set()


def _composed(
    workspace: Workspace, question: Question, model: str | None, report: Report
) -> tuple[Composed, TokenCount]:
    """Raises Exit after a signal."""
    cancel = CancelToken()
    settings = {"model": model} if model else {}
    with ended_by_signals(cancel, report):
        chosen = workspace.obtain_model(settings, report, cancel)
        report.progress("loading the model")
        with closing(workspace.open_engine(chosen, settings)) as engine:
            composed = compose(question, engine.describe(), workspace.sampling_defaults)
            count = engine.count(composed.request.messages)
    return composed, count
