"""The files below a folder, and those that a glob names: in a fixed order, and none that is not meant.

Links are never followed: a folder of links may have no end, or lead to what nobody named. What is left out is
told with its reason.
"""

import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from chatterm.documents.ignoring import IgnoreRules, rules_above

MAX_FOLDERS = 20_000

Reason = Literal["hidden", "ignored", "link", "special", "unreadable"]
"""Why an entry is left out. `special`: a pipe, a socket, a device."""

_Kind = Literal["file", "folder", "link", "special"]

_VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".jj", ".bzr", "CVS", "_darcs"})
"""Left out without a word."""
_MADE_BY_TOOLS = frozenset({"__pycache__", "node_modules", "site-packages"})


@dataclass(frozen=True, slots=True)
class Found:
    """An entry of a folder."""

    path: str
    """Relative to the folder the walk began in, with `/`."""
    reason: Reason | None = None
    """None: a regular file, to be read."""


@dataclass(frozen=True, slots=True)
class Unvisited:
    """The walk ended before its end."""

    num_folders: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How far a walk goes."""

    with_hidden: bool = False
    max_depth: int | None = None
    """In folders: 1 is the first folder alone."""
    max_folders: int = MAX_FOLDERS
    left_out: frozenset[str] = _MADE_BY_TOOLS
    """Names of files and folders."""


def walk(root: Path, scope: Scope) -> Iterator[Found | Unvisited]:
    """Yield what is below `root`, upper folders first, by name in each; what is left out with its reason."""
    root = root.resolve()
    folders = deque([("", rules_above(root))])
    num_folders = 0
    while folders:
        below, above = folders.popleft()
        if num_folders == scope.max_folders:
            yield Unvisited(num_folders)
            return
        num_folders += 1
        rules = above.inside(root / below)
        entries = _entries(root / below)
        if entries is None:
            yield Found(below or ".", "unreadable")
            continue
        for entry in entries:
            path = f"{below}{entry.name}"
            if entry.name in _VERSION_CONTROL:
                continue
            kind = _kind(entry)
            reason = _why_not(entry.name, root / path, kind, scope, rules)
            if reason or kind == "file":
                yield Found(path, reason)
            elif scope.max_depth is None or path.count("/") + 1 < scope.max_depth:
                folders.append((f"{path}/", rules))


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; what may not be looked at is none."""
    with suppress(OSError, ValueError):
        return stat.S_ISDIR(path.stat().st_mode)
    return False


def glob_parts(pattern: Path) -> tuple[Path, tuple[str, ...]]:
    """Split into the folder where the search begins and the parts to match below it."""
    parts = pattern.parts
    first = next((index for index, part in enumerate(parts) if has_magic(part)), len(parts))
    return Path(*parts[:first]), parts[first:]


def has_magic(text: str) -> bool:
    return any(c in text for c in "*?[")


def glob_scope(parts: Sequence[str]) -> Scope:
    return Scope(
        with_hidden=any(part.startswith(".") for part in parts),
        max_depth=None if "**" in parts else len(parts),
    )


def glob_matches(path: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a pattern: `**` is any number of folders, none too."""
    reached = {0}
    for name in path:
        reached = {following for at in _with_skipped(reached, parts) for following in _next(at, name, parts)}
    return len(parts) in _with_skipped(reached, parts)


def _with_skipped(places: set[int], parts: Sequence[str]) -> set[int]:
    """Add the places after a `**` that stands for no folder."""
    found = set(places)
    for at in sorted(places):
        following = at
        while following < len(parts) - 1 and parts[following] == "**":
            following += 1
            found.add(following)
    return found


def _next(at: int, name: str, parts: Sequence[str]) -> Iterator[int]:
    if at == len(parts) or (name.startswith(".") and not parts[at].startswith(".")):
        return
    if parts[at] == "**":
        yield at
    if fnmatchcase(name, parts[at]) and (parts[at] != "**" or at == len(parts) - 1):
        yield at + 1


def _entries(folder: Path) -> "list[os.DirEntry[str]] | None":
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
    return None


def _kind(entry: "os.DirEntry[str]") -> _Kind:
    with suppress(OSError):
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISREG(mode):
            return "file"
        if stat.S_ISDIR(mode):
            return "folder"
        if stat.S_ISLNK(mode):
            return "link"
    return "special"


def _why_not(name: str, path: Path, kind: _Kind, scope: Scope, rules: IgnoreRules) -> Reason | None:
    if name.startswith(".") and not scope.with_hidden:
        return "hidden"
    if name in scope.left_out or rules.ignores(path, is_folder=kind == "folder"):
        return "ignored"
    return kind if kind in ("link", "special") else None
