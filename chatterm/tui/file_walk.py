"""The files below a folder that `@` offers: hidden and ignored ones are left out, and the walk has an end."""

from itertools import islice
from pathlib import Path

from chatterm.documents.folders import Found, Scope, walk

MAX_FILES = 10_000
MAX_FOLDERS = 5_000

IGNORED = frozenset(
    {"__pycache__", "node_modules", "venv", "site-packages", "target", "build", "dist", "bower_components"}
)
"""Folders of what tools make; `.gitignore` names more."""


def files_below(root: Path, max_files: int = MAX_FILES, max_folders: int = MAX_FOLDERS) -> list[str]:
    """Return the paths of files, relative to `root`, those in upper folders first. Blocking: for a thread.

    Links are offered but not followed, and what cannot be read is passed over.
    """
    entries = walk(root, Scope(max_folders=max_folders, left_out=IGNORED))
    found = (one.path for one in entries if isinstance(one, Found) and one.reason in (None, "link"))
    return list(islice(found, max_files))
