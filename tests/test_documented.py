"""Every command and option is explained by its help and named in the README; every setting is known."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from chatterm.cli.main import app
from chatterm.config import KEYS, Config
from chatterm.errors import ChattermError

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def commands(command: Any, path: tuple[str, ...] = ("chatterm",)) -> Iterator[tuple[str, Any]]:
    """Every command with its path, groups first. Any: Typer's own copy of click has no types."""
    yield " ".join(path), command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))
OPTIONS = [
    pytest.param(path, option, id=f"{path} {option.opts[-1]}")
    for path, command in ALL.items()
    for option in command.params
]


@pytest.mark.parametrize("path", ALL)
def test_every_command_says_what_it_does(path: str) -> None:
    assert ALL[path].help, path
    name = path.rsplit(maxsplit=1)[-1]
    assert re.search(rf"`(chatterm )?([a-z]+ )?{name}\b|\bchatterm {name}\b", README), (
        f"{path} is not in the README"
    )


@pytest.mark.parametrize(("path", "option"), OPTIONS)
def test_every_option_says_what_it_means(path: str, option: Any) -> None:
    assert option.help, f"{path} {option.opts}"
    long = [name for name in option.opts if name.startswith("--")]
    for name in long:
        assert re.search(rf"{name}\b", README), f"{path} {name} is not in the README"


def test_every_setting_says_what_it_is() -> None:
    source = (Path(__file__).parents[1] / "chatterm" / "config.py").read_text(encoding="utf-8")
    body = source.partition("class Config")[2].partition("def settings")[0]
    for key in KEYS:
        assert re.search(rf'    {key}: .*\n    """', body), f"{key} has no docstring"
    assert set(KEYS) < set(Config.__slots__)


def test_every_exit_code_of_an_error_is_in_the_readme() -> None:
    def codes(root: type[ChattermError]) -> set[int]:
        return {root.exit_code}.union(*(codes(child) for child in root.__subclasses__()))

    table = README.partition("Exit codes:")[2].partition("\n\n")[0]
    assert codes(ChattermError) - {6} <= {int(number) for number in re.findall(r"\b\d+\b", table)}
