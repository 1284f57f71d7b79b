"""`chatterm prompts`: the prompt library, listed, shown and checked. Nothing here needs a model."""

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import Exit

from chatterm.cli import prompt_files_command, prompt_test_command
from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.listing import AsJson, show_rows

if TYPE_CHECKING:
    from chatterm.prompts import Problem, PromptEntry, PromptLibrary, PromptTemplate

app = typer.Typer(help="The prompt library; without a command the list of it.", invoke_without_command=True)
app.command("new")(prompt_files_command.new)
app.command("edit")(prompt_files_command.edit)
app.command("diff")(prompt_files_command.diff)
app.command("reset")(prompt_files_command.reset)
app.command("path")(prompt_files_command.path)
app.command("test")(prompt_test_command.run)


@app.callback()
def prompts(context: typer.Context) -> None:
    """The prompt library; without a command the list of it."""
    if context.invoked_subcommand is None:
        list_()


@app.command("list")
def list_(
    words: Annotated[list[str] | None, typer.Argument(help="Only prompts that hold all these words.")] = None,
    domain: Annotated[str | None, typer.Option(help="Only this domain, as in medical.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only prompts with this tag.")] = None,
    as_json: AsJson = False,
) -> None:
    """List prompts; a broken file is listed with its error."""
    from chatterm.cli.prompt_rows import holds, in_language, prompt_rows
    from chatterm.cli.report import Report
    from chatterm.config import Paths, load_config

    paths = Paths.from_environment(os.environ)
    lang = load_config(os.environ, paths).lang or "en"
    rows = prompt_rows(paths)
    _check_known("domain", domain, {_domain(row) for row in rows})
    _check_known("tag", tag, {one for row in rows for one in row["tags"]})
    found = [
        in_language(row, lang)
        for row in rows
        if domain in (None, _domain(row)) and (tag is None or tag in row["tags"]) and holds(row, words or ())
    ]
    show_rows(found, as_json=as_json, columns=("id", "title", "inputs", "made_for", "origin"))
    if words and not found:
        Report.to_stderr().notice(
            f"no prompt here has {' and '.join(words)}; `chatterm prompts list` has all"
        )
    if not as_json and any(row["made_for"] not in ("any", None) for row in found):
        Report.to_stderr().notice("1B+ and 3B+: made for models of so many parameters, not tried on one here")


def _domain(row: dict[str, Any]) -> str:
    return str(row["id"]).rpartition("/")[0]


def _check_known(what: str, name: str | None, known: Collection[str]) -> None:
    """Raise UnknownName for a name that is none of those known."""
    from chatterm.errors import UnknownName

    if name is not None and name not in known:
        raise UnknownName(what, name, sorted(known))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A prompt's name, or a file.")],
    lang: Annotated[str | None, typer.Option(help="Only this language: en or zh.")] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="Show the exact messages for this model.")
    ] = None,
    var: Annotated[
        list[str] | None,
        typer.Option(
            "-v", "--var", metavar="NAME=VALUE", help="Fill in an input, and show the exact messages."
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="The file as it is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a prompt is for, its inputs, and its texts.

    With -m or -v the exact messages and their tokens, as `ask --dry-run` shows them; inputs that are not
    given are taken from the prompt's first test.
    """
    from chatterm.cli.wiring import Workspace

    workspace = Workspace.from_environment()
    library = workspace.prompt_library()
    template = library.get(name)
    if raw:
        print_safely(sys.stdout, template.path.read_text(encoding="utf-8"))
        return
    _check_known(f"language of {template.id}", lang, template.header.languages)
    languages = [lang] if lang else list(template.header.languages)
    origin = _origin_of(template, library)
    card = _card(template, lang or workspace.config.lang or "en") | ({"origin": origin} if origin else {})
    if model is not None or var:
        from chatterm.cli.prompt_messages import exact_messages, show_messages

        exact = exact_messages(workspace, template, given={"model": model, "lang": lang}, var=var)
        if not as_json:
            show_card(card)
        show_messages(exact, card, as_json=as_json)
        return
    texts = _texts(template, languages)
    if as_json:
        print_safely(sys.stdout, to_json(card | {"texts": texts}))
        return
    show_card(card)
    for head, text in texts.items():
        print_safely(sys.stdout, f"\n--- {head}\n{text}")


def show_card(card: dict[str, Any]) -> None:
    """Print a line a field."""
    rows = [{"key": key, "value": value} for key, value in card.items()]
    show_rows(rows, as_json=False, columns=("key", "value"))


def _card(template: "PromptTemplate", lang: str) -> dict[str, Any]:
    from chatterm.prompts.header import in_language
    from chatterm.prompts.sizes import size_note

    header = template.header
    return {
        "name": template.id,
        "title": in_language(header.title, lang),
        "purpose": in_language(header.purpose, lang),
        "version": header.version,
        "languages": list(header.languages),
        "inputs": [
            _input(spec.name, spec.type, spec.choices, spec.default, spec.is_required)
            for spec in header.inputs
        ],
        "sampling": [f"{key}={value}" for key, value in header.sampling.items()],
        "guard": list(header.guard),
        "made for": size_note(header),
        "file": str(template.path),
    }


def _origin_of(template: "PromptTemplate", library: "PromptLibrary") -> str:
    """Say where a prompt comes from and what it replaces; empty for a file given by its path."""
    entries = [entry for entry in library.entries() if entry.path == template.path]
    if not entries:
        return ""
    origin = entries[0].origin + (", changed" if entries[0].is_changed else "")
    base = template.header.base
    return f"{origin} (from {base})" if base else origin


def _input(name: str, kind: str, choices: tuple[str, ...], default: str | None, is_required: bool) -> str:
    what = "·".join(choices) or kind
    return f"{name}{'*' if is_required else ''} ({what}{f', default {default}' if default else ''})"


def _texts(template: "PromptTemplate", languages: list[str]) -> dict[str, str]:
    """Return the sections as they are written, by kind and language."""
    return {
        f"{section.kind} {section.lang or ''}".rstrip(): section.text.strip("\n")
        for section in template.sections
        if section.lang in (None, *languages)
    }


@app.command("check")
def check(
    paths: Annotated[list[str] | None, typer.Argument(help="Prompts, files or folders; none: all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check prompt files; exit code 1 where any has an error."""
    from chatterm.cli.wiring import Workspace
    from chatterm.prompts.check import check as find_problems

    library = Workspace.from_environment().prompt_library()
    named = [target for name in paths or () for target in _targets(name, library)]
    targets = named if paths else library.entries()
    problems = [problem for target in targets for problem in find_problems(target, find=library.find)]
    has_errors = any(problem.severity == "error" for problem in problems)
    if as_json:
        print_safely(sys.stdout, to_json([_problem(problem) for problem in problems]))
    else:
        for problem in problems:
            print_safely(sys.stdout, str(problem))
        print_safely(sys.stdout, f"{len(targets)} checked, {len(problems)} found")
    raise Exit(1 if has_errors else 0)


def _targets(name: str, library: "PromptLibrary") -> "list[PromptTemplate | PromptEntry | Path]":
    """Return what `name` stands for: all prompts of a folder, a file, or a prompt of the library."""
    from chatterm.prompts import PromptFolder, PromptLibrary

    path = Path(name).expanduser()
    if path.is_dir():
        # As a library, so that a prompt's domain, and what its guard pack must be, is known.
        return [*PromptLibrary([PromptFolder("here", path)]).entries()]
    return [path if path.is_file() else library.get(name)]


def _problem(problem: "Problem") -> dict[str, Any]:
    return {
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
        "path": problem.path,
        "line": problem.place.line,
        "column": problem.place.column,
        "help": problem.help,
    }
