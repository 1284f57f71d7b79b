"""Reads all that a question names: files, folders and globs, within one cap for all of them together."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chatterm.conversation import Document
from chatterm.documents.folders import glob_parts, has_magic, is_folder
from chatterm.documents.listing import Listing, Place, list_files, open_regular
from chatterm.documents.read import CAP_BYTES, read_file, read_stream, shown_name
from chatterm.errors import InputRefused, UsageError

_NUM_NAMED = 3


@dataclass(frozen=True, slots=True)
class _Named:
    """A document, and how the user named it."""

    document: Document
    full_name: str


def read_all(paths: Iterable[Path], cap: int = CAP_BYTES) -> tuple[Document, ...]:
    """Read each file, folder and glob, in this order; a folder's files by name.

    A file that exists under a name with glob characters is that file. Documents of a folder are named
    relative to it; where two would have one name, both have the path they were named by. What a folder's
    walk left out is told by the first of its documents.
    Raises InputRefused and UsageError, for a file named by itself too; in a folder such a file is left out.
    """
    named: list[_Named] = []
    room = cap
    for path in paths:
        found = _read_named(_expanded(path), room, cap)
        room -= sum(_size(one.document) for one in found)
        if room < 0:
            raise _too_much(cap - room, cap)
        named += found
    return _under_distinct_names(named)


def check_total(documents: Iterable[Document]) -> None:
    """Raise InputRefused where all documents of a question are too much together."""
    total = sum(map(_size, documents))
    if total > CAP_BYTES:
        raise _too_much(total, CAP_BYTES)


def _under_distinct_names(named: Sequence[_Named]) -> tuple[Document, ...]:
    counts = Counter(one.document.name for one in named)
    return tuple(
        replace(one.document, name=one.full_name) if counts[one.document.name] > 1 else one.document
        for one in named
    )


def _size(document: Document) -> int:
    """Text may be longer than the file it was unpacked from."""
    return max(document.num_bytes, len(document.text))


def _expanded(path: Path) -> Path:
    """Replace `~`, which a shell leaves where a glob is quoted."""
    is_home = path.parts[:1] == ("~",) and not path.exists()
    return Path(os.path.expanduser(path)) if is_home else path  # noqa: PTH111  # it raises nothing


def _read_named(path: Path, room: int, cap: int) -> list[_Named]:
    shown = shown_name(str(path))
    if is_folder(path):
        return _read_below(Place(path, shown), room, cap)
    if not has_magic(shown) or os.path.lexists(path):
        return [_Named(read_file(path, cap), shown)]
    folder, parts = glob_parts(path)
    if not is_folder(folder):
        raise UsageError(f"there is no folder {shown_name(str(folder))}, where {shown} should be")
    return _read_below(Place(folder, shown, parts), room, cap)


def _read_below(place: Place, room: int, cap: int) -> list[_Named]:
    """Raises InputRefused where there is nothing to read, or too much."""
    listing = list_files(place)
    total = sum(size for _, size in listing.files)
    if total > room:
        raise _too_much(cap - room + total, cap)
    named: list[_Named] = []
    for path, _ in listing.files:
        document = _read_one(place.folder / path, path, cap, listing)
        if document:
            named.append(_Named(document, place.full_name(path)))
            room -= _size(document)
            if room < 0:
                raise _too_much(cap - room, cap)
    if not named:
        raise InputRefused(_nothing(place, listing))
    return _with_notices(named, place, listing)


def _read_one(path: Path, name: str, cap: int, listing: Listing) -> Document | None:
    """Read a file of a folder; None, with the reason in `listing`, where it has nothing to read."""
    try:
        with open_regular(path) as file:
            document = read_stream(file, name, cap)
    except InputRefused as refusal:
        listing.refusals.append(str(refusal))
        return None
    except (OSError, UsageError):
        listing.left_out["unreadable"].append(name)
        return None
    if not document.text.strip():
        listing.left_out["empty"].append(name)
        return None
    return document


def _with_notices(named: Sequence[_Named], place: Place, listing: Listing) -> list[_Named]:
    """Tell all at the first document, and little of much: a notice for each of 2,000 files is none."""
    those_read = "1 file was read" if len(named) == 1 else f"{len(named):,} files were read"
    told = listing.told()
    notices = [f"{place.shown}: {those_read}{f'; left out: {told}' if told else ''}"]
    notices += _first_of([f"left out: {refusal}" for refusal in listing.refusals])
    notices += _first_of([notice for one in named for notice in one.document.notices])
    bare = [_Named(replace(one.document, notices=()), one.full_name) for one in named]
    first = _Named(replace(bare[0].document, notices=tuple(notices)), bare[0].full_name)
    return [first, *bare[1:]]


def _first_of(notices: Sequence[str]) -> list[str]:
    more = len(notices) - _NUM_NAMED
    return [*notices[:_NUM_NAMED], *([f"... and {more:,} more such notices"] if more > 0 else [])]


def _nothing(place: Place, listing: Listing) -> str:
    if listing.refusals:
        return f"nothing in {place.shown} could be read; {'; '.join(_first_of(listing.refusals))}"
    told = listing.told()
    what = "no file matches" if place.parts else "there is no text to read in"
    return f"{what} {place.shown}" + (
        f"; left out: {told}" if told else "; check the name and the folder you are in"
    )


def _too_much(num_bytes: int, cap: int) -> InputRefused:
    return InputRefused(
        f"the documents have {num_bytes:,} bytes together, more than the {cap:,} that are read for one "
        "question; name those that matter"
    )
