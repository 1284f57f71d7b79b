"""`chatterm prompts test`: a prompt's own tests on a real model."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import Exit

from chatterm.cli.listing import AsJson, show_rows
from chatterm.cli.parameters import Model
from chatterm.cli.report import Report
from chatterm.errors import UsageError

if TYPE_CHECKING:
    from chatterm.cli.wiring import Workspace
    from chatterm.engine.base import CancelToken
    from chatterm.prompts import PromptTemplate
    from chatterm.tasks.prompt_tests import TestResult


def run(
    name: Annotated[str, typer.Argument(help="A prompt's name, or a file.")],
    model: Model = None,
    lang: Annotated[str | None, typer.Option(help="Only the tests in this language: en or zh.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a prompt's own tests on a model, greedily; exit code 1 where any fails.

    What they show is how the prompt does there; nothing is stored.
    """
    from chatterm.cli.signals import ended_by_signals
    from chatterm.cli.wiring import Workspace
    from chatterm.engine.base import CancelToken

    workspace = Workspace.from_environment()
    template = workspace.prompt_library().get(name)
    if not any(one.lang in ("", lang or one.lang) for one in template.header.tests):
        raise UsageError(
            f"{template.id} has no tests{f' in {lang}' if lang else ''}; add them under `tests:`"
        )
    cancel, report = CancelToken(), Report.to_stderr()
    with ended_by_signals(cancel, report):
        results = _results(workspace, template, report, cancel, {"model": model, "lang": lang})
    rows = [_row(result) for result in results]
    show_rows(rows, as_json=as_json, columns=("result", "lang", "name", "failures"))
    passed = sum(not result.failures for result in results)
    report.notice(f"{template.id}: {passed} of {len(results)} tests passed")
    raise Exit(0 if passed == len(results) else 1)


def _results(
    workspace: "Workspace",
    template: "PromptTemplate",
    report: Report,
    cancel: "CancelToken",
    chosen: dict[str, str | None],
) -> "list[TestResult]":
    from chatterm.tasks.prompt_tests import run_tests

    settings = {"model": chosen["model"]} if chosen["model"] else {}
    model = workspace.obtain_model(settings, report, cancel)
    report.progress("loading the model")
    results = []
    with closing(workspace.open_engine(model, settings)) as engine:
        for result in run_tests(template, engine, cancel, lang=chosen["lang"]):
            results.append(result)
            report.progress(f"{len(results)} of {len(template.header.tests)} tests done")
    return results


def _row(result: "TestResult") -> dict[str, Any]:
    return {
        "result": "FAILED" if result.failures else "ok",
        "name": result.test.name,
        "lang": result.test.lang or None,
        "failures": list(result.failures),
        "reply": result.reply,
        "finish_reason": result.finish_reason,
    }
