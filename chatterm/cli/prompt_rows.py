"""The rows of `prompts list`. Those of the shipped library are kept: parsing its files takes twice as long
as everything else. A shipped prompt extends none, so the user's own change no row but their own.

What is kept is found by a hash of all the files' names and contents and of the code that reads them. So it
is never stale, and it holds none of a user's own texts.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatterm.config import Paths
from chatterm.models.cache import LISTINGS, keep_entry
from chatterm.resources import shipped_prompts

if TYPE_CHECKING:
    from chatterm.prompts import PromptEntry

logger = logging.getLogger(__name__)

_NAME = "prompts.json"
_TEXTS = ("title", "purpose")
_SHADOWED = ", shadowed"
Row = dict[str, Any]
"""Any: as JSON can hold it."""


def prompt_rows(paths: Paths) -> list[Row]:
    """Return a row for every prompt, its texts by language. A broken file has one with its error."""
    kept = kept_rows(shipped_prompts(), paths.cache / LISTINGS)
    if kept is None:
        return _read_rows(paths)
    own = _own_rows(paths) if _holds_anything(paths.prompts) else []
    replaced = {row["id"] for row in own}
    shipped = (
        {**row, "origin": f"{row['origin']}{_SHADOWED}"} if row["id"] in replaced else row for row in kept
    )
    return sorted([*own, *shipped], key=lambda row: str(row["id"]))


def in_language(row: Row, lang: str) -> Row:
    """Return the row with its texts in one language."""
    return {key: _text(value, lang) if key in _TEXTS else value for key, value in row.items()}


def holds(row: Row, words: Sequence[str]) -> bool:
    """Return whether a row has all these words, in any of its languages or among its other names."""
    if not words:
        return True
    from chatterm.prompts.aliases import ALIASES

    other_names = (name for name, prompt_id in ALIASES.items() if prompt_id == row["id"])
    texts = (text for key in _TEXTS for text in row.get(key, {}).values())
    held = "\n".join(
        (row["id"], row["origin"], *texts, *row["tags"], *row["inputs"], *other_names)
    ).casefold()
    return all(word.casefold() in held for word in words)


def _text(texts: Any, lang: str) -> str:
    """Return the text for `lang`, else the one for all, else any; see `in_language`."""
    return str(texts.get(lang) or texts.get("") or next(iter(texts.values()), ""))


def _holds_anything(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _read_rows(paths: Paths) -> list[Row]:
    from chatterm.cli.prompt_folders import open_library

    return [_row(entry) for entry in open_library(paths).entries()]


def _own_rows(paths: Paths) -> list[Row]:
    from chatterm.cli.prompt_folders import YOURS, open_library

    return [_row(entry) for entry in open_library(paths).entries(YOURS)]


def _row(entry: "PromptEntry") -> Row:
    from chatterm.prompts.sizes import made_for

    origin = entry.origin + (_SHADOWED if entry.is_shadowed else ", changed" if entry.is_changed else "")
    header = entry.header
    if header is None:
        error = entry.problems[0].message if entry.problems else "cannot be read"
        title = {"": f"broken: {error}"}
        none: Row = {"inputs": [], "tags": [], "min_tier": None, "made_for": None, "tried": {}}
        return {"id": entry.id, "title": title, **none, "origin": origin}
    return {
        "id": entry.id,
        "title": dict(header.title),
        "purpose": dict(header.purpose),
        "inputs": [f"{spec.name}*" if spec.is_required else spec.name for spec in header.inputs],
        "languages": list(header.languages),
        "tags": list(header.tags),
        "min_tier": header.min_tier,
        "made_for": made_for(header.min_tier),
        "tried": dict(header.tried),
        "version": header.version,
        "origin": origin,
    }


def kept_rows(folder: Path, cache: Path) -> list[Row] | None:
    """Return the rows of the shipped folder alone, from the cache or into it; None where it is unreadable.

    Texts are by language.
    """
    try:
        stamp = stamp_of(folder)
        found = _load(cache / _NAME, stamp)
        if found is None:
            found = _shipped_rows(folder)
            if stamp_of(folder) == stamp:  # no file was replaced meanwhile
                _keep(cache, stamp, found)
    except OSError:
        return None
    return found


def _shipped_rows(folder: Path) -> list[Row]:
    from chatterm.cli.prompt_folders import shipped_library

    return [_row(entry) for entry in shipped_library(folder).entries()]


def stamp_of(folder: Path) -> str:
    """Return the hash of what the rows come from. Raises OSError."""
    digest = hashlib.sha256()
    for path in _code():
        state = path.stat()
        digest.update(f"{path.name}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    for path in _files(folder):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(data)}\0".encode(errors="surrogateescape"))
        digest.update(data)
    return digest.hexdigest()


def _code() -> Iterable[Path]:
    package = Path(__file__).parents[1]
    return sorted([*(package / "prompts").glob("*.py"), Path(__file__)])


def _files(folder: Path) -> Iterable[Path]:
    """Yield every file below. Raises OSError, also for what is no plain file: it could be endless."""

    def fail(error: OSError) -> None:
        raise error

    for root, folders, names in os.walk(folder, onerror=fail):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if not path.is_file():
                raise OSError(f"{path} is no plain file")
            yield path


def _load(path: Path, stamp: str) -> list[Row] | None:
    try:
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    rows = kept.get("rows") if isinstance(kept, dict) and kept.get("stamp") == stamp else None
    return rows if isinstance(rows, list) else None


def _keep(cache: Path, stamp: str, rows: list[Row]) -> None:
    text = json.dumps({"stamp": stamp, "rows": rows}, ensure_ascii=False)
    try:
        keep_entry(cache / _NAME, text.encode())
    except OSError as error:
        logger.warning("the listing of prompts could not be kept: %s", error.strerror)
