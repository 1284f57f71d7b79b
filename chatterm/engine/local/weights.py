"""The tensors of a GGUF file as torch sees them: blocks of bytes over a mapping of the file, never copied.

Owns the checks of names, shapes and block types. Does not know what the bytes mean (`packing`) or which
tensors an architecture needs (`model`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

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


class WeightFile:
    """Looks tensors up in an open GGUF file and remembers which were asked for."""

    def __init__(self, file: GGUFFile) -> None:
        """Map the file's bytes. Raises BadModelFile where the file shrank since it was opened."""
        self._file = file
        try:
            self._bytes = torch.from_file(str(file.path), shared=False, size=file.size, dtype=torch.uint8)
        except RuntimeError as error:
            raise BadModelFile(f"{file.path} changed while it was being read; try again ({error})") from error

    def __contains__(self, name: str) -> bool:
        return name in self._file.tensors

    def matrix(self, name: str, shape: tuple[int, int]) -> BlockTensor:
        """Return a matrix of (rows, columns). Raises BadModelFile where it is absent or of another shape."""
        return self._tensor(name, shape)

    def vector(self, name: str, length: int) -> BlockTensor:
        """Return a vector as a matrix of one row. Raises as `matrix` does."""
        return self._tensor(name, (length,))

    def unused(self, names: Sequence[str]) -> list[str]:
        """Return the file's tensors that are not among `names`."""
        return sorted(set(self._file.tensors) - set(names))

    def _tensor(self, name: str, shape: tuple[int, ...]) -> BlockTensor:
        info = self._file.tensors.get(name)
        if info is None:
            raise BadModelFile(f"{self._file.path} has no tensor {name!r}, which its architecture needs")
        if tuple(info.shape) != shape:
            raise BadModelFile(
                f"{self._file.path}: tensor {name!r} should be {_by(shape)}, but is {_by(info.shape)}"
            )
        rows = shape[0] if len(shape) == 2 else 1
        block = info.block_type
        raw = self._bytes[info.offset : info.offset + info.num_bytes]
        return BlockTensor(name, block, raw.view(rows, -1, block.type_size))


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape)
