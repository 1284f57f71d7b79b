"""`chatterm history`: the conversations that are kept."""

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.listing import AsJson, show_rows

if TYPE_CHECKING:
    from chatterm.conversation import MessageNode
    from chatterm.store import ConversationStore

app = typer.Typer(help="The conversations that are kept.", no_args_is_help=True)


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, help="At most so many, the newest first.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """List conversations, the last changed first."""
    from dataclasses import asdict

    from chatterm.cli.wiring import Workspace

    with closing(Workspace.from_environment().open_store()) as store:
        rows = [asdict(summary) for summary in store.conversations(limit=limit)]
    for row in rows:
        row["short"], row["when"] = row["id"][:8], row["updated"][:16].replace("T", " ")
    visible = (
        rows
        if not as_json
        else [{k: v for k, v in row.items() if k not in {"short", "when"}} for row in rows]
    )
    show_rows(visible, as_json=as_json, columns=("short", "when", "num_messages", "title"))
