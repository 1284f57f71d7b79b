"""`chatterm history`: the conversations that are kept."""

import os
import sys
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatterm.cli import history_changes, history_search, history_sorting, history_transfer
from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.listing import AsJson, show_rows
from chatterm.cli.parameters import Id

if TYPE_CHECKING:
    from chatterm.conversation import MessageNode
    from chatterm.store import ConversationStore, ReplyDetail

app = typer.Typer(help="The conversations that are kept.", no_args_is_help=True)
app.command("search")(history_search.search)
app.command("export")(history_transfer.export)
app.command("import")(history_transfer.import_)
app.command("rename")(history_changes.rename)
app.command("rm")(history_changes.remove)
for _change in (
    history_sorting.pin,
    history_sorting.unpin,
    history_sorting.archive,
    history_sorting.unarchive,
    history_sorting.tag,
    history_sorting.untag,
):
    app.command()(_change)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="At most so many.")] = 20,
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """List conversations, the last changed first."""
    from chatterm.cli.wiring import Workspace

    with closing(Workspace.from_environment().open_store()) as store:
        summaries = store.conversations(limit=limit, archived=archived)
    rows = [asdict(summary) for summary in summaries]
    if not as_json:
        rows = [row | {"id": row["id"][:8], "updated": _minute(row["updated"])} for row in rows]
    show_rows(rows, as_json=as_json, columns=("id", "updated", "num_messages", "title"))


@app.command("show")
def show(
    conversation: Id,
    as_json: AsJson = False,
) -> None:
    """Show a conversation along its active path."""
    from chatterm.cli.wiring import Workspace

    with closing(Workspace.from_environment().open_store()) as store:
        conversation_id = store.resolve(conversation)
        messages = [_message(store, node) for node in store.path(conversation_id)]
    if as_json:
        print_safely(sys.stdout, to_json({"id": conversation_id, "messages": messages}))
        return
    for message in messages:
        mark = "" if message["status"] == "complete" else f" ({message['status']})"
        print_safely(sys.stdout, f"--- {message['role']}{mark}\n{message['content']}\n")


@app.command("path")
def path() -> None:
    """Print the path of the database, whether it exists or not."""
    from chatterm.config import Paths

    print_safely(sys.stdout, str(Paths.from_environment(os.environ).database))


def _message(store: "ConversationStore", node: "MessageNode") -> dict[str, Any]:
    shown = {
        "id": node.id,
        "parent_id": node.parent_id,
        "role": node.message.role,
        "content": node.message.content,
        "status": node.status,
        "created": node.created,
    }
    detail = store.reply_detail(node.id)
    return shown | ({"reply": _reply(detail)} if detail else {})


def _reply(detail: "ReplyDetail") -> dict[str, Any]:
    record = detail.record
    return {
        "model": record.model_name,
        "model_identity": record.model_identity,
        "engine": record.engine,
        "options": dict(record.sampling),
        "template": record.prompt.reference if record.prompt else None,
        "values": dict(record.prompt.values) if record.prompt else {},
        "finish_reason": detail.finish_reason,
        "usage": asdict(detail.usage) if detail.usage else None,
        "token_ids": list(detail.token_ids),
        "log_probabilities": detail.log_probabilities,
    }


def _minute(instant: str) -> str:
    """Shorten an ISO 8601 instant to its minute."""
    return instant[:16].replace("T", " ")
