"""`chatterm history search`: where words were said, with what stands around them."""

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from chatterm.cli.answer import ReaderGone, print_safely, to_json
from chatterm.cli.listing import AsJson
from chatterm.sanitize import sanitize_line

if TYPE_CHECKING:
    from chatterm.store import SearchHit, SnippetPart

_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


def search(
    words: Annotated[
        list[str],
        typer.Argument(metavar="TEXT...", help='All of them must occur; "in double quotes": as a phrase.'),
    ],
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, help="At most so many titles and so many messages.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Search titles and finished messages; rare words are ranked, of common ones the newest come first.

    Chinese is found by single characters and by phrases. Exit code 0 whether anything is found or not.
    """
    from chatterm.cli.wiring import Workspace

    with closing(Workspace.from_environment().open_store()) as store:
        hits = store.search(" ".join(words), limit=limit)
    if as_json:
        print_safely(sys.stdout, to_json([asdict(hit) for hit in hits]))
        return
    marks = (_BOLD, _PLAIN) if _has_bold() else ("[", "]")
    _print("".join(_lines(hit, *marks) for hit in hits))


def _lines(hit: "SearchHit", begin: str, end: str) -> str:
    where = hit.role or "title"
    date = hit.created[:10]
    title = sanitize_line(hit.title) or "(untitled)"
    return f"{hit.conversation_id[:8]}  {date}  {where:<9}  {title}\n    {_marked(hit.snippet, begin, end)}\n"


def _marked(snippet: Sequence["SnippetPart"], begin: str, end: str) -> str:
    """Return the snippet on one line, sanitised, with the program's own marks."""
    return "".join(
        f"{begin}{sanitize_line(part.text)}{end}" if part.is_match else sanitize_line(part.text)
        for part in snippet
    )


def _print(text: str) -> None:
    """Write what is sanitised already, but for escapes of our own."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error


def _has_bold() -> bool:
    environ = os.environ
    return sys.stdout.isatty() and environ.get("TERM") != "dumb" and not environ.get("NO_COLOR")
