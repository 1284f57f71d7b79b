"""The tensors of a model as torch sees them: blocks of bytes, by GGUF's names.

Owns the form that every source of weights has, how bytes come from a file, and the source over a GGUF file
(`checkpoint_weights` has the one over a folder). Does not know what the bytes mean (`packing`) or which
tensors an architecture needs (`loading`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import torch

from chatterm.errors import BadModelFile
from chatterm.models.block_types import BlockType
from chatterm.models.gguf import GGUFFile


@dataclass(frozen=True, slots=True)
class BlockTensor:
    """A tensor as the file stores it."""

    name: str
    block_type: BlockType
    blocks: torch.Tensor
    """uint8 (rows, blocks a row, bytes a block); a vector has one row."""

    @property
    def num_rows(self) -> int:
        return self.blocks.shape[0]

    @property
    def num_columns(self) -> int:
        return self.blocks.shape[1] * self.block_type.block_size

    def on(self, device: torch.device) -> "BlockTensor":
        """Return the same on another device."""
        return BlockTensor(self.name, self.block_type, self.blocks.to(device))


class Weights(Protocol):
    """Where a loader finds a model's tensors."""

    def __contains__(self, name: str) -> bool: ...

    def matrix(self, name: str, shape: tuple[int, int]) -> BlockTensor:
        """Return a matrix of (rows, columns). Raises BadModelFile where it is absent or of another shape."""
        ...

    def vector(self, name: str, length: int) -> BlockTensor:
        """Return a vector as a matrix of one row. Raises as `matrix` does."""
        ...

    def unused(self, names: Sequence[str]) -> list[str]:
        """Return the tensors that are there and not among `names`: a loader would leave them out."""
        ...


class WeightFile:
    """The tensors of an open GGUF file: Weights."""

    def __init__(self, file: GGUFFile) -> None:
        """Raises BadModelFile where the file changed since it was opened."""
        self._file = file
        self._bytes = FileBytes(file.path, file.size)

    def __contains__(self, name: str) -> bool:
        return name in self._file.tensors

    def matrix(self, name: str, shape: tuple[int, int]) -> BlockTensor:
        return self._tensor(name, shape)

    def vector(self, name: str, length: int) -> BlockTensor:
        return self._tensor(name, (length,))

    def unused(self, names: Sequence[str]) -> list[str]:
        return sorted(set(self._file.tensors) - set(names))

    def _tensor(self, name: str, shape: tuple[int, ...]) -> BlockTensor:
        info = self._file.tensors.get(name)
        if info is None:
            raise BadModelFile(f"{self._file.path} has no tensor {name!r}, which its architecture needs")
        if tuple(info.shape) != shape:
            raise wrong_shape(self._file.path, name, shape, info.shape)
        rows = shape[0] if len(shape) == 2 else 1
        block = info.block_type
        raw = self._bytes.read(info.offset, info.num_bytes)
        return BlockTensor(name, block, raw.view(rows, -1, block.type_size))


class FileBytes:
    """Reads parts of a file, which must stay the same meanwhile; once read, nothing depends on it.

    Weights are not mapped: where somebody cuts a mapped file short, touching it ends the process (SIGBUS),
    in the middle of a reply. Reading costs no more time, and each tensor's bytes go when it is packed.
    """

    def __init__(self, path: Path, size: int) -> None:
        """Raises BadModelFile where the file is not of `size` bytes any more."""
        self._path = path
        self._state = _State.of(path)
        if self._state.size != size:
            raise self._changed()

    def read(self, offset: int, num_bytes: int) -> torch.Tensor:
        """Return so many bytes: uint8 (num_bytes,). Raises BadModelFile where the file changed."""
        raw = torch.empty(num_bytes, dtype=torch.uint8)
        view = raw.numpy().data
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(offset)
                done = 0
                while done < num_bytes:
                    count = file.readinto(view[done:])
                    if not count:
                        raise self._changed()
                    done += count
        except OSError as error:
            raise BadModelFile(f"{self._path} cannot be read: {error.strerror or error}") from error
        if _State.of(self._path) != self._state:
            raise self._changed()
        return raw

    def _changed(self) -> BadModelFile:
        return BadModelFile(f"{self._path} changed while it was being read; try again when it is complete")


class _State(NamedTuple):
    """Differs where a file was written to, cut short or replaced."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        try:
            found = path.stat()
        except OSError as error:
            raise BadModelFile(f"{path} cannot be read: {error.strerror or error}") from error
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def wrong_shape(where: Path, name: str, expected: Sequence[int], found: Sequence[int]) -> BadModelFile:
    """Make the error of a tensor whose shape the architecture does not have."""
    return BadModelFile(f"{where}: tensor {name!r} should be {_by(expected)}, but is {_by(found)}")


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape)
