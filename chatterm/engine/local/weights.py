"""The tensors of a model as torch sees them: blocks of bytes, by GGUF's names.

Owns the form that every source of weights has, and the one over a mapping of a GGUF file, whose bytes are
never copied (`checkpoint_weights` has the one over a folder). Does not know what the bytes mean (`packing`)
or which tensors an architecture needs (`loading`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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
    """uint8 (rows, blocks a row, bytes a block); a vector has one row. Read only: a write would be private
    to this process, and never reaches the file."""

    @property
    def num_rows(self) -> int:
        return self.blocks.shape[0]

    @property
    def num_columns(self) -> int:
        return self.blocks.shape[1] * self.block_type.block_size


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
        """Map the file's bytes. Raises BadModelFile where the file shrank since it was opened."""
        self._file = file
        self._bytes = map_bytes(file.path, file.size)

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
        raw = self._bytes[info.offset : info.offset + info.num_bytes]
        return BlockTensor(name, block, raw.view(rows, -1, block.type_size))


def map_bytes(path: Path, size: int) -> torch.Tensor:
    """Map a file's bytes: uint8 (size,). Raises BadModelFile where it shrank since it was opened."""
    try:
        return torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8)
    except RuntimeError as error:
        raise BadModelFile(f"{path} changed while it was being read; try again ({error})") from error


def wrong_shape(where: Path, name: str, expected: Sequence[int], found: Sequence[int]) -> BadModelFile:
    """Make the error of a tensor whose shape the architecture does not have."""
    return BadModelFile(f"{where}: tensor {name!r} should be {_by(expected)}, but is {_by(found)}")


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape)
