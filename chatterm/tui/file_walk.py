"""The files below a folder that `@` offers: hidden and ignored ones are left out, and the walk has an end."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MAX_FILES = 10_000
MAX_FOLDERS = 5_000

IGNORED = frozenset(
    {"__pycache__", "node_modules", "venv", "site-packages", "target", "build", "dist", "bower_components"}
)
"""Folders of what tools make; a `.gitignore` in the first folder names more."""


def files_below(root: Path, max_files: int = MAX_FILES, max_folders: int = MAX_FOLDERS) -> list[str]:
    """Return the paths of files, relative to `root`, those in upper folders first. Blocking: for a thread.

    Links to folders are not followed, and what cannot be read is passed over.
    """
    ignored = IGNORED | _named_in(root / ".gitignore")
    found: list[str] = []
    folders = deque([""])
    num_folders = 0
    while folders and len(found) < max_files and num_folders < max_folders:
        below = folders.popleft()
        num_folders += 1
        for entry in _entries(root / below):
            if entry.name.startswith(".") or entry.name in ignored:
                continue
            path = f"{below}{entry.name}"
            if _is_folder(entry):
                folders.append(f"{path}/")
            elif len(found) < max_files:
                found.append(path)
    return found


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    with suppress(OSError):
        return entry.is_dir(follow_symlinks=False)
    return False


def _named_in(gitignore: Path) -> frozenset[str]:
    """Return the plain names that a .gitignore lists; patterns are left to git."""
    with suppress(OSError):
        lines = gitignore.read_text(errors="replace").splitlines()[:1000]
        names = (line.strip().strip("/") for line in lines if not line.startswith(("#", "!")))
        return frozenset(name for name in names if name and not set(name) & set("*?[/\\"))
    return frozenset()
