"""Asks on the terminal: for an input that a prompt needs, until the answer is of its type."""

import sys

import typer

from chatterm.cli import inputs
from chatterm.cli.report import Report
from chatterm.errors import InputRefused, PromptError
from chatterm.prompts import InputSpec, MissingInput
from chatterm.prompts.header import in_language
from chatterm.prompts.inputs import read_value
from chatterm.sanitize import sanitize_line

_KINDS = {
    "int": "a whole number",
    "number": "a number",
    "bool": "yes or no",
    "list": "words by commas",
    "json": "JSON",
}


def ask_for(missing: MissingInput, lang: str, report: Report) -> str:
    """Return a value for the input that is missing; progress is taken away first.

    Raises typer.Abort at the end of the terminal's input.
    """
    while True:
        report.clear()
        text = ask_line(_question(missing.spec, lang))
        try:
            read_value(missing.prompt_id, missing.spec, text)
        except (PromptError, InputRefused) as error:
            report.error(error)
        else:
            return text


def ask_line(question: str, default: str = "") -> str:
    """Ask on stderr until there is an answer; an empty one takes the default, where there is one.

    Raises typer.Abort at the end of the terminal's input. (Typer's own prompt writes a space to stdout.)
    """
    shown = sanitize_line(f"{question} [{default}]" if default else question)
    while True:
        sys.stderr.write(f"{shown}: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise typer.Abort
        if answer := inputs.clean(line).strip() or default:
            return answer


def _question(spec: InputSpec, lang: str) -> str:
    """Name the input in words of its label, its name, and what it may be."""
    label = in_language(spec.label, lang)
    name = f"{label} ({spec.name})" if label and label.casefold() != spec.name else label or spec.name
    kind = ", ".join(spec.choices) or _KINDS.get(spec.type, "")
    return f"{name} [{kind}]" if kind else name
