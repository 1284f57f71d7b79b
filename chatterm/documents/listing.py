"""Which files below a folder, or named by a glob, are to be read, and which are left out and why."""

import os
import stat
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from chatterm.documents.folders import Found, Scope, Unvisited, glob_matches, glob_scope, walk
from chatterm.documents.formats.kinds import is_refused_by_name, may_be_read
from chatterm.documents.read import shown_name
from chatterm.errors import InputRefused

MAX_FILES = 2_000
"""Of one folder or glob. More are refused, never cut."""

_HEAD_BYTES = 8192
_NUM_NAMED = 3
_REASONS = {
    "hidden": "hidden",
    "ignored": "ignored",
    "link": "that are links",
    "special": "that are no files",
    "unreadable": "that cannot be read",
    "binary": "not text",
    "empty": "empty",
}
"""In the order they are told."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or a glob, as the user named it."""

    folder: Path
    shown: str
    parts: tuple[str, ...] = ()
    """Of the glob below the folder; empty: all of the folder."""

    def full_name(self, path: str) -> str:
        return shown_name(str(self.folder / path))

    def wants(self, path: str) -> bool:
        return not self.parts or glob_matches(path.split("/"), self.parts)


@dataclass(slots=True)
class Listing:
    """What a walk found, and what it or reading left out."""

    files: list[tuple[str, int]]
    """Paths with sizes in bytes."""
    left_out: defaultdict[str, list[str]]
    """By reason."""
    refusals: list[str]
    """Messages of files that should have been read."""

    def told(self) -> str:
        """Say how many were left out and why: `3 hidden, 2 not text (a.png, b.bin)`."""
        return ", ".join(
            f"{len(self.left_out[reason]):,} {words} ({_few(self.left_out[reason])})"
            for reason, words in _REASONS.items()
            if self.left_out[reason]
        )


def list_files(place: Place) -> Listing:
    listing = Listing([], defaultdict(list), [])
    for found in walk(place.folder, glob_scope(place.parts) if place.parts else Scope()):
        if isinstance(found, Unvisited):
            raise InputRefused(
                f"{place.shown} has more than {found.num_folders:,} folders to look through; "
                "name those that matter"
            )
        if place.wants(found.path):
            _sort_in(found, place.folder, listing)
        if len(listing.files) > MAX_FILES:
            raise InputRefused(
                f"{place.shown} has more than {MAX_FILES:,} files to read; name a folder in it, or a glob"
            )
    listing.files.sort(key=lambda file: file[0].split("/"))
    return listing


def _sort_in(found: Found, folder: Path, listing: Listing) -> None:
    """Put an entry where it belongs, by the beginning of its bytes where the name does not tell."""
    if found.reason or is_refused_by_name(found.path):
        listing.left_out[found.reason or "binary"].append(found.path)
        return
    try:
        with open_regular(folder / found.path) as file:
            size = os.fstat(file.fileno()).st_size
            is_text = may_be_read(file.read(_HEAD_BYTES), found.path)
    except OSError:
        listing.left_out["unreadable"].append(found.path)
        return
    if size and is_text:
        listing.files.append((found.path, size))
    else:
        listing.left_out["binary" if size else "empty"].append(found.path)


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file that is no link; a pipe put in its place since would be no reason to wait."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise OSError("not a regular file")
    return file


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(shown_name(name.rstrip("/")) for name in names[:_NUM_NAMED])
    more = len(names) - _NUM_NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown
