"""The matrix products of a model, each keeping its weights in the layout that its device multiplies fastest.

Owns the choice among them. The contract of CUDA's int4 ops is that of torch's `native_functions.yaml`;
torchao documents its use (`torchao/quantization/utils.py`). Knows no architecture: a product is rows of
x in, rows of y out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from chatterm.engine.local.cpu_int4 import CpuInt4Linear
from chatterm.engine.local.int4_codes import (
    GROUP_SIZE,
    Int4Codes,
    int4_codes,
    int4_slices,
    num_planes,
    unpack_nibbles,
)
from chatterm.engine.local.packed_types import PLAIN_TYPES
from chatterm.engine.local.packing import check_supported, dequantise
from chatterm.engine.local.weights import BlockTensor

_cuda_int4_mm = torch.ops.aten._weight_int4pack_mm.default


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


class CudaInt4Linear:
    """The same codes in the tensor-core layout of CUDA's int4 product (compute capability 8.0 and up).

    It reads the weights again for every 16 rows of x: right for decoding, slow for long prompts.
    """

    def __init__(self, codes: Int4Codes, device: torch.device) -> None:
        """Pack `codes` on `device`; rows must be a multiple of 8 and columns of 32."""
        unpacked = unpack_nibbles(codes.nibbles.to(device))
        pairs = (unpacked[:, 0::2] << 4) | unpacked[:, 1::2]
        tiles = next(k for k in (8, 4, 2) if unpacked.shape[1] % (16 * k) == 0)
        self._packed = torch.ops.aten._convert_weight_to_int4pack(pairs, tiles)
        self._affine = codes.affine().to(device)
        self._num_planes = codes.num_planes

    def __call__(self, x: Tensor) -> Tensor:
        if self._num_planes == 2:
            x = torch.cat([x, x], -1)
        product: Tensor = _cuda_int4_mm(x, self._packed, GROUP_SIZE, self._affine)
        return product


class JoinedLinear:
    """Several products of one x, side by side: what cannot share one layout."""

    def __init__(self, parts: Sequence[Linear]) -> None:
        self._parts = parts

    def __call__(self, x: Tensor) -> Tensor:
        return torch.cat([part(x) for part in self._parts], -1)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the weights live, and what the activations are."""

    device: torch.device
    dtype: torch.dtype
    """Of the activations."""
    keeps_packed: bool
    """False: every matrix is dequantised to `dtype`. With fp32 that is the reference."""

    @classmethod
    def reference(cls) -> "Placement":
        """Everything in fp32 on the CPU: slow, and as exact as the file."""
        return cls(torch.device("cpu"), torch.float32, keeps_packed=False)

    @classmethod
    def best_for(cls, device: torch.device) -> "Placement":
        """Packed in bf16 where the device has an int4 product; else fp16: Apple's GPUs, CUDA's before 8.0."""
        has_int4 = device.type == "cpu"
        if device.type == "cuda":
            has_int4 = torch.cuda.get_device_capability(device) >= (8, 0)
        return cls(device, torch.bfloat16 if has_int4 else torch.float16, keeps_packed=has_int4)


@dataclass(slots=True)
class LinearFactory:
    """Makes products for one placement and counts what could not stay packed."""

    placement: Placement
    _unpacked_bytes: Counter[str] = field(default_factory=Counter)

    def make(self, *tensors: BlockTensor) -> Linear:
        """Return the product with the rows of all `tensors`, in order. Raises BadModelFile."""
        for tensor in tensors:
            check_supported(tensor)
        planes = {self._num_planes(tensor) for tensor in tensors}
        if len(planes) > 1:
            return JoinedLinear([self.make(tensor) for tensor in tensors])
        if planes == {0}:
            return self._make_dense(tensors)
        if self.placement.device.type == "cuda":
            return CudaInt4Linear(int4_codes(*tensors), self.placement.device)
        return CpuInt4Linear(int4_slices(tensors))

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per block type that was dequantised, with what that costs."""
        return tuple(
            f"{name} weights are dequantised on this device: {size / 1e6:,.0f} MB more memory"
            for name, size in sorted(self._unpacked_bytes.items())
            if size >= 1e6
        )

    def _num_planes(self, tensor: BlockTensor) -> int:
        """Return in how many planes of codes the tensor is kept; 0: it is dequantised."""
        fits = tensor.num_rows % 16 == 0 and tensor.num_columns % GROUP_SIZE == 0
        return num_planes(tensor.block_type) if self.placement.keeps_packed and fits else 0

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
            if tensor.block_type not in PLAIN_TYPES:
                size = tensor.num_rows * tensor.num_columns * weight.itemsize
                self._unpacked_bytes[tensor.block_type.name] += size - tensor.blocks.nbytes
        return DenseLinear(weight)
