"""`chatterm config`: the settings in force and where they come from."""

import sys

import typer

from chatterm.cli.answer import print_safely
from chatterm.cli.listing import AsJson, show_rows

app = typer.Typer(help="The settings in force, and where they live.", no_args_is_help=True)


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Show every setting, its value, and where that came from."""
    from chatterm.cli.wiring import Workspace

    settings = Workspace.from_environment().config.settings()
    rows = [{"setting": key, "value": value, "from": origin} for key, value, origin in settings]
    show_rows(rows, as_json=as_json, columns=("setting", "value", "from"))


@app.command("path")
def path() -> None:
    """Print the path of the configuration file, whether it exists or not."""
    import os

    from chatterm.config import Paths

    print_safely(sys.stdout, str(Paths.from_environment(os.environ).config_file))
