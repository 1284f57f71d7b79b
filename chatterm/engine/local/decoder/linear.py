"""The matrix products of a model, each keeping its weights in the layout that its device multiplies fastest.

Owns the choice among them. Knows no architecture: a product is rows of x in, rows of y out.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from chatterm.engine.local.decoder.cpu_int4 import CpuInt4Linear
from chatterm.engine.local.decoder.gpu_int4 import GpuInt4Linear
from chatterm.engine.local.gpu.availability import LEAST_CAPABILITY
from chatterm.engine.local.native.library import NativeLibrary
from chatterm.engine.local.native.matrices import NativeLinear, TileMemory
from chatterm.engine.local.weights.int4_codes import int4_slices
from chatterm.engine.local.weights.packed_types import (
    INT4_LAYOUTS,
    Int4Layout,
    Multiplier,
    dequantised_note,
)
from chatterm.engine.local.weights.packing import check_supported, dequantise
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.block_types import PLAIN_TYPES, BlockType
from chatterm.models.fit import CHUNK_SIZE, GPU_CHUNK_SIZE

if TYPE_CHECKING:
    from chatterm.engine.local.gpu.kernels import GpuKernels


class Linear(Protocol):
    """y = x W^T for x of (rows, columns) in the placement's dtype."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return (rows, outputs) in x's dtype."""
        ...


class DenseLinear:
    """A product with plain floating-point weights."""

    def __init__(self, weight: Tensor) -> None:
        """Take `weight` as (outputs, columns)."""
        self._transposed = weight.t()

    def __call__(self, x: Tensor) -> Tensor:
        return torch.mm(x, self._transposed)


class JoinedLinear:
    """Several products of one x, side by side: what cannot share one layout."""

    def __init__(self, parts: Sequence[Linear]) -> None:
        self.parts = tuple(parts)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.cat([part(x) for part in self.parts], -1)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the weights live, and what the activations are."""

    device: torch.device
    dtype: torch.dtype
    """Of the activations."""
    keeps_packed: bool
    """False: every matrix is dequantised to `dtype`. With fp32 that is the reference."""
    native: NativeLibrary | None = None
    """The C decoder, which keeps every block type packed; None: torch's own operations."""
    kernels: "GpuKernels | None" = None
    """A GPU's, which keep every block type packed; None: torch's own operations."""

    @property
    def cache_dtype(self) -> torch.dtype:
        """Of keys and values: on the CPU fp16 for the decoder in C, else fp32, for which torch is fastest."""
        if self.device.type != "cpu":
            return self.dtype
        return torch.float32 if self.native is None else torch.float16

    @property
    def chunk_size(self) -> int:
        """Tokens of a prompt read in one step."""
        return CHUNK_SIZE if self.device.type == "cpu" else GPU_CHUNK_SIZE

    @property
    def multiplier(self) -> Multiplier:
        """What multiplies here."""
        if self.native is not None:
            return "native"
        if self.kernels is not None:
            return "kernels"
        return "torch" if self.keeps_packed else "dense"

    @classmethod
    def reference(cls) -> "Placement":
        """Everything in fp32 on the CPU: slow, and as exact as the file."""
        return cls(torch.device("cpu"), torch.float32, keeps_packed=False)

    @classmethod
    def best_for(
        cls,
        device: torch.device,
        native: NativeLibrary | None = None,
        kernels: "GpuKernels | None" = None,
    ) -> "Placement":
        """Packed in bf16 where the device has an int4 product; else fp16: CUDA's GPUs before 8.0."""
        has_int4 = device.type in {"cpu", "mps"}
        if device.type == "cuda":
            has_int4 = torch.cuda.get_device_capability(device) >= LEAST_CAPABILITY
        dtype = torch.bfloat16 if has_int4 else torch.float16
        return cls(device, dtype, keeps_packed=has_int4, native=native, kernels=kernels)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """Where a model's weights go."""

    placement: Placement
    context_length: int
    """In tokens: what the model is used for."""
    num_first: int | None = None
    """So many layers go to `placement`, the others to `spill`; None: all."""
    spill: Placement | None = None


@dataclass(slots=True)
class LinearFactory:
    """Makes products for one placement and counts what could not stay packed."""

    placement: Placement
    _unpacked_bytes: Counter[BlockType] = field(default_factory=Counter)
    _tiles: TileMemory = field(default_factory=TileMemory)

    def make(self, *tensors: BlockTensor) -> Linear:
        """Return the product with the rows of all `tensors`, in order. Raises BadModelFile.

        Neighbours of one layout share a product; the rest is joined after them.
        """
        for tensor in tensors:
            check_supported(tensor)
        native = self.placement.native
        if native is not None and (packed := NativeLinear.pack(native, self._tiles, tensors)):
            return packed
        kernels = self.placement.kernels
        if kernels is not None and (product := kernels.pack(tensors)):
            return product
        runs = itertools.groupby(tensors, self._layout)
        parts = [
            self._make_packed(list(run)) if layout else self._make_dense(list(run)) for layout, run in runs
        ]
        return parts[0] if len(parts) == 1 else JoinedLinear(parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per block type that was dequantised, with what that costs."""
        notes = (dequantised_note(kind, size) for kind, size in sorted(self._unpacked_bytes.items()))
        return tuple(note for note in notes if note)

    def _layout(self, tensor: BlockTensor) -> Int4Layout | None:
        """Return how the tensor's codes are kept; None: it is dequantised."""
        return INT4_LAYOUTS.get(tensor.block_type) if self.placement.keeps_packed else None

    def _make_packed(self, tensors: Sequence[BlockTensor]) -> Linear:
        num_rows = sum(tensor.num_rows for tensor in tensors)
        if self.placement.device.type == "cpu":
            return CpuInt4Linear(int4_slices(tensors), num_rows)
        return GpuInt4Linear(int4_slices(tensors), num_rows, self.placement.device)

    def _make_dense(self, tensors: Sequence[BlockTensor]) -> DenseLinear:
        """Dequantise by slices of rows, so that no fp32 copy of a whole matrix ever exists."""
        place = self.placement
        total = sum(tensor.num_rows for tensor in tensors)
        weight = torch.empty(total, tensors[0].num_columns, dtype=place.dtype, device=place.device)
        end = 0
        for tensor in tensors:
            for row in range(0, tensor.num_rows, 4096):
                some = tensor.blocks[row : row + 4096]
                start, end = end, end + len(some)
                weight[start:end] = dequantise(tensor.block_type, some)
            if tensor.block_type.name not in PLAIN_TYPES:
                size = tensor.num_rows * tensor.num_columns * weight.itemsize
                self._unpacked_bytes[tensor.block_type] += size - tensor.blocks.nbytes
        return DenseLinear(weight)
