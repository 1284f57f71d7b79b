"""Conversations into files: their names, chatterm's JSON in pieces, and writing that replaces nothing."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from chatterm.errors import UsageError
from chatterm.store.own_json import FORMAT, VERSION, to_values
from chatterm.store.whole import WholeConversation


def json_pieces(
    whole: Callable[[str], WholeConversation],
    ids: Sequence[str],
    to_json: Callable[[Mapping[str, object]], str] = json.dumps,
) -> Iterator[str]:
    """Yield the file of these conversations in pieces, so that only one of them at a time is held.

    `whole` is the store's; `to_json` decides how control characters are written.
    """
    yield f'{{"format": "{FORMAT}", "version": {VERSION}, "conversations": [\n'
    for number, identity in enumerate(ids, 1):
        yield to_json(to_values(whole(identity))) + (",\n" if number < len(ids) else "\n")
    yield "]}\n"


def file_name(whole: WholeConversation, suffix: str = ".md") -> str:
    """Return a name that any file system takes, and that no other conversation has."""
    words = re.sub(r"[\W_]+", "-", whole.title[:200].lower())[:40].strip("-")
    return f"{whole.created[:10]}-{words or 'untitled'}-{whole.id[:8]}{suffix}"


def write_new(path: Path, pieces: Iterable[str]) -> None:
    """Write a file of the user's alone, whole or not at all; an existing one is never replaced."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already; give another name") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
            stream.writelines(pieces)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
