"""Checks a model file whole: by the pinned sha256, or by its structure and numbers where none is pinned.

Reads; never changes a file. Progress comes up as values, and the report last.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from chatterm.errors import BadModelFile, ModelNotFound
from chatterm.models.catalogue import Catalogue, CatalogueEntry
from chatterm.models.gguf import GGUFFile
from chatterm.models.hyperparameters import read_hyperparameters
from chatterm.models.progress import VerifyProgress
from chatterm.models.scales import count_broken

_T = TypeVar("_T")
_CHUNK = 4 * 2**20
_MAX_PROBLEMS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was found."""

    path: Path
    size: int
    """In bytes."""
    sha256: str
    entry: CatalogueEntry | None
    """Of the catalogue, by the file's sha256 or else by its name; None: nothing is pinned for it."""
    problems: tuple[str, ...]
    """Each a sentence; none: the file is what it should be, or at least sound."""

    @property
    def is_pinned(self) -> bool:
        """True: the file is, byte for byte, one of the catalogue."""
        return self.entry is not None and self.entry.sha256 == self.sha256


def verify_file(path: Path, catalogue: Catalogue) -> Iterator[VerifyProgress | VerifyReport]:
    """Yield progress, and last the report.

    A file of the catalogue must have the pinned sha256; any other must be a sound GGUF file with
    hyperparameters in range and finite numbers. Raises ModelNotFound; BadModelFile where it cannot be read.
    """
    size = _size(path)
    try:
        digest = yield from hash_file(path, lambda done: VerifyProgress(done, size))
    except OSError as error:
        raise BadModelFile(f"{path} cannot be read: {error.strerror or error}") from error
    pinned = next((entry for entry in catalogue.entries if entry.sha256 == digest), None)
    entry = pinned or catalogue.of_file(path.name)
    problems = [] if pinned else _structural_problems(path)
    if entry is not None and not pinned:
        problems.insert(0, f"sha256 should be {entry.sha256}, but is {digest}: this is not {entry.title}")
    yield VerifyReport(path=path, size=size, sha256=digest, entry=entry, problems=tuple(problems))


def hash_file(path: Path, step: Callable[[int], _T]) -> Generator[_T, None, str]:
    """Yield `step(bytes read so far)`, and return the file's sha256 in hexadecimal. Raises OSError."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            yield step(done)
    return digest.hexdigest()


def _size(path: Path) -> int:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise ModelNotFound(
            f"there is no model file {path}; `chatterm models list` shows what is there"
        ) from error
    if not path.is_file():
        raise BadModelFile(f"{path} is not a regular file; name a .gguf file")
    return status.st_size


def _structural_problems(path: Path) -> list[str]:
    """Return what is wrong with a file that nothing is pinned for; the header's fault hides the rest."""
    try:
        with GGUFFile.open(path) as file:
            read_hyperparameters(file)
            problems = list(_broken_tensors(file))
    except BadModelFile as error:
        return [str(error)]
    if len(problems) > _MAX_PROBLEMS:
        problems[_MAX_PROBLEMS:] = [f"and so have {len(problems) - _MAX_PROBLEMS:,} more tensors"]
    return problems


def _broken_tensors(file: GGUFFile) -> Iterator[str]:
    """One number that is not finite turns every logit into NaN."""
    for name, tensor in file.tensors.items():
        if num_broken := count_broken(file.tensor_data(name), tensor.block_type):
            is_plain = tensor.block_type.block_size == 1
            what = "values that are" if is_plain else f"of {tensor.block_type.name}'s blocks whose scale is"
            yield f"{name} has {num_broken:,} {what} not finite"
