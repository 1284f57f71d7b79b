"""`chatterm config`: the settings in force and where they come from."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from chatterm.cli.answer import print_safely
from chatterm.cli.listing import AsJson, show_rows

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(help="The settings in force, and where they live.", no_args_is_help=True)


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Show every setting, its value, and where that came from."""
    from chatterm.cli.wiring import Workspace
    from chatterm.config import KEY_TABLE

    config = Workspace.from_environment().config
    rows = [{"setting": key, "value": value, "from": origin} for key, value, origin in config.settings()]
    table = config.origins.get(KEY_TABLE, "")
    rows += [{"setting": f"keys.{name}", "value": keys, "from": table} for name, keys in config.keys.items()]
    show_rows(rows, as_json=as_json, columns=("setting", "value", "from"))


@app.command("path")
def path() -> None:
    """Print the path of the configuration file, whether it exists or not."""
    print_safely(sys.stdout, str(_file()))


@app.command("set")
def set_(
    key: Annotated[str, typer.Argument(help="A setting, or keys.ACTION, such as keys.chat.search.")],
    value: Annotated[str, typer.Argument(help="Its value; of keys one or more, separated by commas.")],
) -> None:
    """Write a setting into the configuration file; the rest of it stays as it is."""
    from chatterm import config_file
    from chatterm.config import parsed

    path = _file()
    if action := _action_of(key):
        config_file.set_keys(path, action, _checked_keys(action, value))
    else:
        config_file.set_value(path, key, parsed(key, value, "config set"))


@app.command("unset")
def unset(
    key: Annotated[str, typer.Argument(help="A setting, or keys.ACTION, such as keys.chat.search.")],
) -> None:
    """Take a setting out of the configuration file, so that its default stands again."""
    from chatterm import config_file
    from chatterm.config import KEYS
    from chatterm.errors import UnknownName

    if action := _action_of(key):
        config_file.set_keys(_file(), action, None)
    elif key not in KEYS:
        raise UnknownName("setting", key, KEYS, "; `chatterm config show` lists them")
    else:
        config_file.unset_value(_file(), key)


def _action_of(key: str) -> str:
    """Return the action whose keys `key` names, empty where it names a setting."""
    table, _, action = key.partition(".")
    return action if table == "keys" else ""


def _checked_keys(action: str, keys: str) -> str:
    from chatterm.tui.key_map import checked_keymap

    return checked_keymap({action: keys})[action]


def _file() -> "Path":
    from chatterm.config import Paths

    return Paths.from_environment(os.environ).config_file
