"""`chatterm history rename` and `rm`: what changes or ends a conversation."""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from chatterm.cli import inputs
from chatterm.cli.parameters import Id
from chatterm.cli.report import Report
from chatterm.errors import UsageError
from chatterm.sanitize import sanitize_line

if TYPE_CHECKING:
    from chatterm.store import ConversationStore

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}
_SHOWN = 10


def rename(
    conversation: Id,
    words: Annotated[
        list[str], typer.Argument(metavar="TITLE...", help="The title; replies never change it.")
    ],
) -> None:
    """Give a conversation another title."""
    from chatterm.cli.wiring import Workspace

    title = " ".join(" ".join(words).split())
    if not title:
        raise UsageError("the title is empty; give one or more words")
    with closing(Workspace.from_environment().open_store()) as store:
        store.set_title(store.resolve(conversation), title)


def remove(
    conversations: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="The start of each id will do.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="30d", help="Those not changed for so long (h, d, w, y), too; pinned ones are kept."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete conversations; no text of them stays in the database's files. Asks first."""
    from chatterm.cli.wiring import Workspace

    workspace = Workspace.from_environment()
    report = Report.to_stderr()
    if not conversations and older_than is None:
        raise UsageError("nothing to delete was named; give ids, or --older-than 30d")
    limit = None if older_than is None else _limit(older_than, datetime.now(UTC))
    with closing(workspace.open_store()) as store:
        chosen = dict.fromkeys(store.resolve(prefix) for prefix in conversations or ())
        if limit is not None:
            chosen |= dict.fromkeys(store.older_than(limit))
        if chosen and not yes:
            _ask(store, list(chosen))
        number = store.delete(list(chosen))
        if number:
            store.erase_deleted()
    report.notice(f"deleted {number} conversation{'' if number == 1 else 's'}")
    backups = sorted(path.name for path in workspace.paths.database.parent.glob("*.backup"))
    if number and backups:
        folder = workspace.paths.database.parent
        report.notice(f"backups in {folder} may still hold them: {', '.join(backups)}")


def _limit(text: str, now: datetime) -> str:
    """Return the instant before which a conversation is too old."""
    found = re.fullmatch(r"(\d{1,6})\s*([hdwy])", text.strip().lower())
    if not found:
        raise UsageError(f"--older-than {text!r} is no time; give a number and h, d, w or y, such as 30d")
    try:
        return (now - int(found[1]) * _UNITS[found[2]]).isoformat(timespec="microseconds")
    except OverflowError as error:
        raise UsageError(f"--older-than {text!r} is longer ago than calendars go; give less") from error


def _ask(store: "ConversationStore", ids: list[str]) -> None:
    """Show what would go and let the user confirm it. Raises UsageError where nobody can be asked."""
    if not inputs.can_ask():
        raise UsageError(
            f"this would delete {len(ids)} conversation{'' if len(ids) == 1 else 's'}, and nobody can be "
            "asked here; add --yes"
        )
    for identity in ids[:_SHOWN]:
        typer.echo(f"{identity[:8]}  {sanitize_line(store.summary(identity).title)}", err=True)
    if len(ids) > _SHOWN:
        typer.echo(f"... and {len(ids) - _SHOWN} more", err=True)
    typer.confirm("Delete for good?", abort=True, err=True)
