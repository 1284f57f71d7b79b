"""`chatterm cache`: what chatterm keeps so that it starts faster, and how to be rid of it."""

import os
import sys

import typer

from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.listing import AsJson, show_rows

app = typer.Typer(help="What is kept to start faster; it can all be made again.", no_args_is_help=True)


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Show what lies in the cache folder, by kind, with sizes in bytes."""
    from chatterm.config import Paths
    from chatterm.models.cache import cache_uses

    uses = cache_uses(Paths.from_environment(os.environ).cache)
    rows = [
        {
            "kind": use.kind,
            "entries": use.num_entries,
            "size": use.num_bytes,
            "what": use.what,
            "path": str(use.path),
        }
        for use in uses
    ]
    show_rows(rows, as_json=as_json, columns=("kind", "entries", "size", "what", "path"))


@app.command("clear")
def clear(as_json: AsJson = False) -> None:
    """Remove everything in the cache folder, and say what that freed."""
    from chatterm.config import Paths
    from chatterm.models.cache import clear_cache

    folder = Paths.from_environment(os.environ).cache
    freed = clear_cache(folder)
    if as_json:
        print_safely(sys.stdout, to_json({"path": str(folder), "freed": freed}))
    else:
        print_safely(sys.stdout, f"{freed / 1e6:,.1f} MB freed in {folder}")
