"""The cache folder: what lies in it, by kind, with sizes; how it is kept small, and emptied.

The one owner of its folders' names. Everything in it can be made again, and nothing in it is users' text.
An entry is a file or a folder directly below its kind's folder; it goes as a whole. Entries may vanish
at any time, for other processes share the cache.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TEMPLATES, TOKENIZERS, NATIVE = "templates", "tokenizers", "native"
CALIBRATIONS, LISTINGS, GPU_KERNELS = "calibrations", "listings", "gpu-kernels"
"""Folders of the cache: verdicts on chat templates, what was found out about vocabularies, kernels compiled
here, what labels have for texts that say nothing, what the shipped prompt files say of themselves, kernels
compiled for a GPU."""

CAPS = {
    TEMPLATES: 10 * 10**6,
    TOKENIZERS: 10 * 10**6,
    NATIVE: 100 * 10**6,
    CALIBRATIONS: 10**6,
    LISTINGS: 10**6,
    GPU_KERNELS: 200 * 10**6,
}
"""The most that each kind may take, in bytes."""
_WHAT = {
    TEMPLATES: "what trying models' chat templates showed",
    TOKENIZERS: "how large vocabularies join their tokens",
    NATIVE: "kernels compiled for this processor",
    CALIBRATIONS: "how models lean towards the labels of prompts",
    LISTINGS: "the list of the shipped prompts",
    GPU_KERNELS: "kernels compiled for a GPU",
}
_OTHER = "not of this version"


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What one kind takes on disk."""

    kind: str
    num_entries: int
    num_bytes: int
    what: str
    path: Path


def keep_entry(path: Path, data: bytes) -> None:
    """Write an entry, for the user's eyes only, whole or not at all. Raises OSError."""
    import tempfile  # takes 9 ms, and most starts write nothing

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def cache_uses(cache: Path) -> list[CacheUse]:
    """Return what lies in the cache: every kind, and whatever else is there, by its name."""
    others = sorted({path.name for path in _entries(cache)} - set(CAPS))
    return [_use(cache, kind) for kind in (*CAPS, *others)]


def clear_cache(cache: Path) -> int:
    """Remove all that lies in the cache and return the bytes that freed. Raises OSError where it may not."""
    freed = 0
    for path in _entries(cache):
        size = _size(path)
        _remove(path)
        freed += size
    return freed


def trim_cache(cache: Path) -> None:
    """Remove what was used the longest ago until every kind is within its cap; what resists stays.

    The time of use is the modification time: whoever reads an entry may touch it.
    """
    for kind, cap in CAPS.items():
        found = [(_modified(path), _size(path), path) for path in _entries(cache / kind)]
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= cap:
                break
            try:
                _remove(path)
            except OSError:
                continue  # another process's, or gone already; the next start tries again
            total -= size


def _use(cache: Path, kind: str) -> CacheUse:
    folder = cache / kind
    is_folder = folder.is_dir() and not folder.is_symlink()
    entries = list(_entries(folder)) if is_folder else [folder] if folder.exists() else []
    return CacheUse(kind, len(entries), sum(map(_size, entries)), _WHAT.get(kind, _OTHER), folder)


def _entries(folder: Path) -> Iterator[Path]:
    """Yield what lies in `folder`; nothing where it is not there."""
    try:
        yield from sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return


def _size(path: Path) -> int:
    """In bytes, of all files below; a link counts as itself, and what vanishes meanwhile as nothing."""
    if path.is_dir() and not path.is_symlink():
        return sum(_size(child) for child in _entries(path))
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
