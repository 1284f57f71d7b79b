"""What goes past Typer's coercion comes out as Typer would have it, and pydantic stays out of memory."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from chatterm.cli.light_parameters import lighten

LINES: list[list[str]] = [
    [],
    ["word"],
    ["two", "words", "-n", "3"],
    ["-t", "text", "-t", "more"],
    ["--path", "a/b", "--flag"],
    ["--path", "a", "--path", "b", "--name", ""],
    ["--number", "0.5"],
    ["--times", "3"],
    ["--name", "\udcff", "--", "-x"],
]


def commanded(line: list[str], *, is_light: bool) -> dict[str, Any]:
    """Run a command with parameters of every kind that chatterm has, and return what it is given."""
    seen: dict[str, Any] = {}
    app = typer.Typer()

    @app.command()
    def command(  # noqa: PLR0917  # as Typer wants it
        words: Annotated[list[str] | None, typer.Argument()] = None,
        name: Annotated[str, typer.Option()] = "nobody",
        count: Annotated[int | None, typer.Option("-n")] = None,
        times: Annotated[int, typer.Option(min=1)] = 2,
        number: Annotated[float | None, typer.Option()] = None,
        texts: Annotated[list[str] | None, typer.Option("-t")] = None,
        path: Annotated[list[Path] | None, typer.Option()] = None,
        flag: Annotated[bool, typer.Option("--flag")] = False,
    ) -> None:
        seen.update(locals())

    made = typer.main.get_command(app)
    if is_light:
        lighten(made)
    made.main(line, standalone_mode=False)
    return {name: value for name, value in seen.items() if name != "seen"}


@pytest.mark.parametrize("line", LINES, ids=map(str, range(len(LINES))))
def test_a_light_command_is_given_what_a_plain_one_is(line: list[str]) -> None:
    assert commanded(line, is_light=True) == commanded(line, is_light=False)


@pytest.mark.parametrize(
    "line", [["-n", "three"], ["--number", ""], ["--times", "0"], ["--name"], ["--nothing"]]
)
def test_what_is_wrong_is_refused_as_before(line: list[str]) -> None:
    for is_light in (True, False):
        with pytest.raises(typer.exceptions.TyperException):
            commanded(line, is_light=is_light)


HEAVY = {"pydantic", "torch", "transformers", "textual", "rich", "openai"}


@pytest.mark.parametrize(
    ("line", "heavy"),
    [
        ("--version", HEAVY | {"jinja2"}),
        ("--help", HEAVY | {"jinja2"}),
        ("ask --help", HEAVY | {"jinja2"}),
        ("prompts list", HEAVY | {"jinja2"}),
        ("prompts path", HEAVY | {"jinja2"}),
        ("ask -m echo hi", HEAVY | {"chatterm.tasks.reading.driver"}),
    ],
)
def test_no_short_command_imports_what_it_can_do_without(line: str, heavy: set[str], home: Path) -> None:
    script = (
        "import sys\nfrom chatterm.cli.main import run\n"
        f"run({line.split()!r})\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
