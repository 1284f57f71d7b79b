"""`chatterm history export` and `import`: conversations as files."""

import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.report import Report
from chatterm.errors import UsageError

if TYPE_CHECKING:
    from chatterm.store import ConversationStore
    from chatterm.store.whole import WholeConversation


def export(
    conversation: Annotated[
        str | None, typer.Argument(metavar="ID", help="The start of its id will do.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every conversation, archived ones too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON with every branch, which `import` reads, not Markdown.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A new file; for all as Markdown, a folder. Else stdout."),
    ] = None,
    has_label: Annotated[
        bool, typer.Option("--label/--no-label", help="Whether Markdown says that it is AI-generated.")
    ] = True,
) -> None:
    """Write conversations as Markdown with front matter (the active path), or as JSON (all that is kept)."""
    from functools import partial

    from chatterm.cli.wiring import Workspace
    from chatterm.store.exporting import json_pieces
    from chatterm.tasks.exported import markdown_of

    if everything == (conversation is not None):
        raise UsageError("give the id of one conversation, or --all")
    if everything and not as_json and output is None:
        raise UsageError(
            "all conversations as Markdown are a file each; give their folder with -o, or --json"
        )
    workspace = Workspace.from_environment()
    to_text = partial(markdown_of, library=workspace.prompt_library(), has_label=has_label)
    with closing(workspace.open_store()) as store:
        ids = store.conversation_ids() if everything else [store.resolve(conversation or "")]
        if everything and not as_json:
            _write_each(store, ids, output or Path(), to_text)
        else:
            texts = (to_text(store.whole(identity)) for identity in ids)
            _write(json_pieces(store.whole, ids, to_json) if as_json else texts, output)


def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to read.")],
) -> None:
    """Take in conversations: chatterm's JSON, ChatGPT's conversations.json, or the logs.db of llm.

    What is there already stays as it is. A file with anything wrong in it is refused whole.
    """
    from chatterm.cli.wiring import Workspace
    from chatterm.store.foreign import read_conversations

    report = Report.to_stderr()
    with closing(Workspace.from_environment().open_store()) as store:
        for path in paths:
            added = store.add_whole(read_conversations(path))
            report.notice(
                f"{path}: {added.num_conversations} new conversations, {added.num_messages} new messages, "
                f"{added.num_known} known already"
            )


def _write(pieces: Iterable[str], output: Path | None) -> None:
    from chatterm.store.exporting import write_new

    if output is not None:
        write_new(output, pieces)
        return
    for piece in pieces:
        print_safely(sys.stdout, piece)


def _write_each(
    store: "ConversationStore", ids: list[str], folder: Path, to_text: "Callable[[WholeConversation], str]"
) -> None:
    from chatterm.store.exporting import file_name, write_new

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    for identity in ids:
        whole = store.whole(identity)
        write_new(folder / file_name(whole), [to_text(whole)])
