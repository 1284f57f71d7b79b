"""A text in the user's own editor. Blocking, on the terminal that the app lends."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.app import App, SuspendNotSupported

from chatterm.errors import UsageError

VARIABLES = ("VISUAL", "EDITOR")


def edited_in(app: App[object], text: str) -> str:
    """Return `text` as the user's editor left it, to which the app lent its terminal. Raises UsageError."""
    command = editor_command(os.environ)
    failure = None
    try:
        with app.suspend():  # takes the terminal back only where nothing is raised within
            try:
                text = edited(command, text)
            except UsageError as error:
                failure = error
    except SuspendNotSupported as error:
        raise UsageError("this terminal cannot be lent to an editor") from error
    if failure:
        raise failure
    return text


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """Return the editor as the environment names it. Raises UsageError where there is none to run."""
    name = next((name for name in VARIABLES if environ.get(name, "").strip()), None)
    if name is None:
        raise UsageError("no editor is set; set VISUAL or EDITOR, as in: export EDITOR=nano")
    try:
        command = shlex.split(environ[name])
    except ValueError as error:
        raise UsageError(f"{name} cannot be read as a command: {error}") from error
    if not command or shutil.which(command[0], path=environ.get("PATH")) is None:
        raise UsageError(f"the editor that {name} names is not there: {environ[name]}")
    return command


def edited(command: Sequence[str], text: str) -> str:
    """Return `text` as the editor left it, less the line end at its end. Raises UsageError where it failed.

    The text is in a file of the user's alone meanwhile, in a folder that is removed.
    """
    with tempfile.TemporaryDirectory(prefix="chatterm-") as folder:
        path = Path(folder) / "message.md"
        try:
            path.write_text(text, encoding="utf-8", errors="replace")
            exit_code = subprocess.run([*command, os.fspath(path)], check=False).returncode
            written = path.read_bytes().decode(errors="replace") if exit_code == 0 else ""
        except OSError as error:
            raise UsageError(f"the text could not be edited: {error.strerror}; it is as it was") from error
    if exit_code != 0:
        raise UsageError(f"the editor {command[0]} ended with exit code {exit_code}; the text is as it was")
    return written.replace("\r\n", "\n").removesuffix("\n")
