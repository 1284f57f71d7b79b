"""`chatterm prompts new, edit, diff, reset, path`: the user's own prompt files, and the editor."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import Exit

from chatterm.cli.answer import print_safely
from chatterm.cli.inputs import can_ask
from chatterm.cli.report import Report
from chatterm.errors import UsageError

if TYPE_CHECKING:
    from chatterm.cli.wiring import Workspace
    from chatterm.prompts import Problem
    from chatterm.prompts.library import PromptFile

Name = Annotated[str, typer.Argument(help="A prompt's name.")]

_AT_A_LINE = ("vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro", "kak", "joe")
"""Editors that open a file at a line by `+LINE`."""


def new(
    name: Annotated[str, typer.Argument(help="Its name: domain/name.")],
    source: Annotated[str | None, typer.Option("--from", help="The prompt to start from.")] = None,
    given: Annotated[
        list[str] | None, typer.Option("--input", help="An input beside the document; may be repeated.")
    ] = None,
) -> None:
    """Begin a prompt of your own in your editor, from a commented skeleton or another prompt.

    Prints the file's path. Exit code 1 where the prompt has errors in the end.
    """
    from chatterm.cli.ask_for import ask_line
    from chatterm.prompts.own_files import own_path, skeleton, write_new

    workspace = _workspace()
    path = own_path(workspace.paths.prompts, name)
    if path.exists():
        raise UsageError(f"{path} is there already; change it with `chatterm prompts edit {name}`")
    if source is not None:
        text = _copy_of(workspace, workspace.prompt_library().versions(source)[0])
    else:
        title = name.partition("/")[2]
        inputs = given or []
        if can_ask():
            title = ask_line("title", title)
            inputs = given or _names(ask_line("inputs beside the document, by commas", "focus"))
        text = skeleton(name, title, inputs)
    write_new(path, text)
    print_safely(sys.stdout, str(path))
    _edit(workspace, path, name, is_needed=False)


def _names(line: str) -> list[str]:
    names = [one.strip() for one in line.split(",") if one.strip()]
    return [] if names == ["focus"] else names


def edit(name: Name) -> None:
    """Change a prompt in your editor; a shipped one is copied into your folder first.

    The file is checked afterwards: exit code 1 where it has errors.
    """
    from chatterm.prompts.own_files import own_path, write_new

    workspace = _workspace()
    file = workspace.prompt_library().versions(name)[0]
    if file.folder.path == workspace.paths.prompts:
        _edit(workspace, file.path, file.id, is_needed=True)
        return
    path = own_path(workspace.paths.prompts, file.id)
    copy = _copy_of(workspace, file)
    _editor(is_needed=True)  # without one nothing is copied
    write_new(path, copy)
    if not _edit(workspace, path, file.id, is_needed=True, unchanged=copy):
        path.unlink()
        Report.to_stderr().notice(f"nothing was changed; the shipped {file.id} stays in use")


def diff(name: Name) -> None:
    """Show how your version of a prompt differs from the shipped one."""
    from chatterm.prompts.own_files import difference

    workspace = _workspace()
    own, shipped = _pair(workspace, name)
    print_safely(sys.stdout, difference(shipped.path, own.path))
    versions = {
        entry.path: entry.header for entry in workspace.prompt_library().entries() if entry.id == own.id
    }
    header, other = versions.get(own.path), versions.get(shipped.path)
    if header and other and header.base and header.base != f"{own.id}@{other.version}":
        told = f"yours began as {header.base}; the shipped one is at version {other.version}"
        Report.to_stderr().notice(told)


def reset(name: Name) -> None:
    """Use the shipped version of a prompt again; yours is kept beside it under another name."""
    from chatterm.prompts.own_files import move_aside

    own, _ = _pair(_workspace(), name)
    aside = move_aside(own.path)
    Report.to_stderr().notice(f"the shipped {own.id} is in use again; yours is kept as {aside}")


def path(
    name: Annotated[str | None, typer.Argument(help="A prompt's name; none: your own folder.")] = None,
) -> None:
    """Print the path of a prompt's file, or of the folder for your own prompts."""
    workspace = _workspace()
    found = workspace.prompt_library().versions(name)[0].path if name else workspace.paths.prompts
    print_safely(sys.stdout, str(found))


def _workspace() -> "Workspace":
    from chatterm.cli.wiring import Workspace

    return Workspace.from_environment()


def _pair(workspace: "Workspace", name: str) -> "tuple[PromptFile, PromptFile]":
    """Return the user's file and the one it replaces. Raises UsageError where there are not both."""
    versions = workspace.prompt_library().versions(name)
    own = versions[0]
    if own.folder.path != workspace.paths.prompts:
        raise UsageError(f"{own.id} is as it is shipped; `chatterm prompts edit {own.id}` makes it yours")
    if len(versions) == 1:
        raise UsageError(f"{own.id} is all yours, no shipped prompt is called so; its file is {own.path}")
    return own, versions[1]


def _copy_of(workspace: "Workspace", file: "PromptFile") -> str:
    """Return a prompt's text with a note of where it came from. Raises BrokenPrompt."""
    from chatterm.prompts.own_files import read_text, with_base

    template = workspace.prompt_library().get(file.id)
    return with_base(read_text(file.path), file.id, template.header.version)


def _editor(*, is_needed: bool) -> list[str]:
    """Return the command of the user's editor; empty where there is none. Raises UsageError if needed."""
    for variable in ("VISUAL", "EDITOR"):
        command = os.environ.get(variable, "").strip()
        if command:
            try:
                return shlex.split(command)
            except ValueError as error:
                raise UsageError(f"${variable} is no command: {command!r} ({error})") from error
    if is_needed and not can_ask():
        raise UsageError("no editor is known; set $VISUAL or $EDITOR to the command of yours")
    return ["vi"] if can_ask() else []


def _edit(
    workspace: "Workspace", path: Path, prompt_id: str, *, is_needed: bool, unchanged: str | None = None
) -> bool:
    """Edit and check until the file is well or the user has had enough; False where it stayed `unchanged`.

    Raises Exit(1) where errors remain.
    """
    from chatterm.cli.ask_for import ask_line
    from chatterm.prompts.own_files import read_text

    editor = _editor(is_needed=is_needed)
    line = 1
    while True:
        if editor:
            _run(editor, path, line)
        if unchanged is not None and read_text(path) == unchanged:
            return False
        errors = _errors(workspace, path, prompt_id)
        if not errors:
            return True
        line = errors[0].place.line
        if not (editor and can_ask() and ask_line("edit it again? y or n", "y").lower().startswith("y")):
            raise Exit(1)


def _run(editor: list[str], path: Path, line: int) -> None:
    """Raises UsageError where the editor cannot be run, or fails."""
    place = [f"+{line}"] if line > 1 and Path(editor[0]).name in _AT_A_LINE else []
    try:
        code = subprocess.run([*editor, *place, str(path)], check=False).returncode
    except OSError as error:
        raise UsageError(f"the editor {editor[0]!r} cannot be run: {error.strerror or error}") from error
    if code:
        raise UsageError(f"the editor {editor[0]!r} ended with {code}; the file is {path}")


def _errors(workspace: "Workspace", path: Path, prompt_id: str) -> "list[Problem]":
    """Tell every finding on stderr, and return the errors."""
    from chatterm.prompts.check import check

    problems = check(path, find=workspace.prompt_library().find, prompt_id=prompt_id)
    report = Report.to_stderr()
    for problem in problems:
        report.error(str(problem))
    return [problem for problem in problems if problem.severity == "error"]
