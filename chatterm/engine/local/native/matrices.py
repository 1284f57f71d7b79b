"""Matrices in the C library's tiles, as products that a decoder can call.

Owns the memory of the tiles. The products turn x into integers of 15 bits in groups of 32 and sum those
exactly: a row's result depends on that row alone, and is as good as fp32's.
"""

import contextlib
import ctypes
import mmap
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from chatterm.engine.local.heap import own_pages
from chatterm.engine.local.native.library import MAX_PARTS, MAX_ROWS, TILE_ROWS, Matrix, NativeLibrary, Part
from chatterm.engine.local.weights.tensors import BlockTensor

MOST_ROWS = MAX_ROWS
"""Up to so many rows of x the tiles are multiplied as they are; beyond, unpacking them first is cheaper.

One thread read 64 tokens in 93 ms by the one way and 95 by the other (AVX-512 and AMX; the 135M model)."""


class TileMemory:
    """Memory for tiles, freed with the last of them. In huge pages where the system has them: every token
    reads all of it, and a core read 14 GB/s through small pages where it read 19 through huge ones.
    """

    _CHUNK = 64 << 20

    def __init__(self) -> None:
        self._chunks: list[mmap.mmap] = []
        self._address = self._end = 0

    def take(self, num_bytes: int) -> int:
        """Return the address of so many bytes, at a multiple of 64. Raises MemoryError."""
        num_bytes = -(-num_bytes // 64) * 64
        if self._address + num_bytes > self._end:
            self._grow(num_bytes)
        address = self._address
        self._address += num_bytes
        return address

    def _grow(self, num_bytes: int) -> None:
        size = max(num_bytes, self._CHUNK)
        chunk = own_pages(size)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):  # a system built without them
                chunk.madvise(mmap.MADV_HUGEPAGE)
        self._chunks.append(chunk)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(chunk))
        self._end = self._address + size


class NativeLinear:
    """y = x W^T with the rows of one to three matrices, one under the other."""

    def __init__(self, library: NativeLibrary, parts: Sequence[Part], memory: TileMemory) -> None:
        """Use `pack`."""
        self.matrix = Matrix((Part * MAX_PARTS)(*parts), len(parts), None)
        """As the library wants it, without a bias."""
        self._library = library
        self._memory = memory
        self._num_rows: int = sum(part.rows for part in parts)

    @classmethod
    def pack(cls, library: NativeLibrary, memory: TileMemory, tensors: Sequence[BlockTensor]) -> Self | None:
        """Rearrange the tensors; None where the library has no layout for one of them. Raises MemoryError."""
        parts = [_pack(library, memory, tensor) for tensor in tensors[:MAX_PARTS]]
        packed = [part for part in parts if part is not None]
        return cls(library, packed, memory) if len(packed) == len(tensors) else None

    def __call__(self, x: Tensor) -> Tensor:
        """Return (rows, outputs) in x's dtype."""
        if len(x) > MOST_ROWS:
            return torch.mm(x.bfloat16(), self._unpacked().t()).to(x.dtype)
        inputs = x.float().contiguous()
        product = torch.empty(len(x), self._num_rows)
        self._library.multiply(self.matrix, inputs.data_ptr(), len(x), product.data_ptr())
        return product.to(x.dtype)

    def _unpacked(self) -> Tensor:
        """Return W as bfloat16 (outputs, columns)."""
        parts = self.matrix.parts[: self.matrix.num_parts]
        weights = torch.empty(self._num_rows, parts[0].columns, dtype=torch.bfloat16)
        start = 0
        for part in parts:
            self._library.unpack(part, weights[start:].data_ptr())
            start += part.rows
        return weights


def stored_part(library: NativeLibrary, tensor: BlockTensor) -> Part | None:
    """Return a matrix as it is stored, for `read_rows`; None where the library does not know its type."""
    layout = library.layout(tensor.block_type)
    if layout is None:
        return None
    return Part(layout, tensor.blocks.data_ptr(), tensor.num_rows, tensor.num_columns)


def _pack(library: NativeLibrary, memory: TileMemory, tensor: BlockTensor) -> Part | None:
    layout = library.layout(tensor.block_type)
    if layout is None:
        return None
    num_tiles = -(-tensor.num_rows // TILE_ROWS)
    address = memory.take(num_tiles * library.tile_bytes(layout, tensor.num_columns))
    part = Part(layout, address, tensor.num_rows, tensor.num_columns)
    return part if library.pack(part, tensor.blocks.data_ptr()) else None
