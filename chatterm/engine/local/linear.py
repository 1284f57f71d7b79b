"""The matrix products of a model, each keeping its weights in the layout that its device multiplies fastest.

Owns the packed layouts of torch's int4 products and the choice among them. The contracts of the aten
ops are those of `aten/src/ATen/native/native_functions.yaml`; torchao documents their use
(`torchao/quantization/utils.py`). Knows no architecture: a product is rows of x in, rows of y out.
"""

import functools
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from chatterm.engine.local.packed_types import PLAIN_TYPES
from chatterm.engine.local.packing import (
    GROUP_SIZE,
    Int4Codes,
    check_supported,
    dequantise,
    int4_codes,
    int4_slices,
    num_planes,
    unpack_nibbles,
)
from chatterm.engine.local.weights import BlockTensor

_cpu_int4_mm = torch.ops.aten._weight_int4pack_mm_for_cpu.default
_cuda_int4_mm = torch.ops.aten._weight_int4pack_mm.default
_log = logging.getLogger(__name__)

MIN_DENSE_ROWS = 48
"""From so many rows of x on, unpacking the weights to bf16 first is cheaper than the int4 product.

Measured on AVX-512 with AMX, over all products of the 135M model on one core: int4 takes 2.8 ms a row;
unpacked it takes 130 ms for 32 rows and 137 for 64. Without AMX the two meet later.
"""


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


class CpuInt4Linear:
    """int4 codes with bf16 scales and zeros in groups of 32; x must be bf16.

    A row's result does not depend on the number of rows, below MIN_DENSE_ROWS and above it.
    """

    def __init__(self, slices: Iterable[Int4Codes]) -> None:
        """Pack the rows of all `slices`, each a multiple of 64 but the last, which is one of 16."""
        packed, affine = [], []
        for codes in slices:
            packed.append(pack_for_cpu(codes.nibbles))
            affine.append(_affine(codes))
            self._num_planes = codes.num_planes
        self._packed = torch.cat(packed) if len(packed) > 1 else packed[0]
        self._affine = torch.cat(affine, 1) if len(affine) > 1 else affine[0]
        block = cpu_layout_block()
        self._can_unpack = block > 0 and len(self._packed) % block == 0

    def __call__(self, x: Tensor) -> Tensor:
        if self._can_unpack and x.shape[0] >= MIN_DENSE_ROWS:
            weights = self._unpacked()
            return torch.mm(x.to(weights.dtype), weights).to(x.dtype)
        if self._num_planes == 2:
            x = torch.cat([x, x], -1)
        product: Tensor = _cpu_int4_mm(x, self._packed, GROUP_SIZE, self._affine)
        return product

    def _unpacked(self) -> Tensor:
        """Return W^T as (columns, outputs) in `dense_cpu_dtype`, each weight rounded once."""
        block = cpu_layout_block()
        packed = self._packed.view(-1, self._packed.shape[1] * 2, block // 2)
        num_blocks, columns, half = packed.shape
        weights = torch.empty(columns, num_blocks * block, dtype=dense_cpu_dtype())
        halves = weights.view(columns, num_blocks, 2, half).permute(2, 1, 0, 3)
        halves[0].copy_((packed & 15).view(torch.int8).sub_(8))
        halves[1].copy_((packed >> 4).view(torch.int8).sub_(8))
        groups = weights.view(-1, GROUP_SIZE, weights.shape[1])
        scales, zeros = self._affine.to(weights.dtype).permute(2, 0, 1).contiguous().unsqueeze(2)
        torch.addcmul(zeros, groups, scales, out=groups)
        if self._num_planes == 2:
            return weights[: columns // 2].add_(weights[columns // 2 :])
        return weights


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
        self._affine = _affine(codes).to(device)
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


def _affine(codes: Int4Codes) -> Tensor:
    """Return scales and zeros as both devices' products want them: bf16 (groups, rows, 2)."""
    affine = torch.empty(*codes.scales.t().shape, 2, dtype=torch.bfloat16)
    affine[..., 0] = codes.scales.t()
    affine[..., 1] = codes.zeros.t()
    return affine


def pack_for_cpu(nibbles: Tensor) -> Tensor:
    """Pack `Int4Codes.nibbles` into uint8 (rows, columns / 2), as torch's own packing op does.

    `_convert_weight_to_int4pack_for_cpu` wants int32 codes and is 20 times slower; it still packs the
    rows that fill no whole block.
    """
    rows, groups, _ = nibbles.shape
    packed = torch.empty(rows, groups * 16, dtype=torch.uint8)
    half = cpu_layout_block() // 2
    full = rows // (2 * half) * 2 * half if half else 0
    if full:
        low, high = nibbles[:full].contiguous().view(-1, 2, half, groups, 16).unbind(1)
        columns = packed[:full].view(-1, groups, 2, 16, half)
        columns[:, :, 0] = ((low & 15) | (high << 4)).permute(0, 2, 3, 1)
        columns[:, :, 1] = ((low >> 4) | (high & 0xF0)).permute(0, 2, 3, 1)
    if full < rows:
        rest = unpack_nibbles(nibbles[full:]).int()
        packed[full:] = torch.ops.aten._convert_weight_to_int4pack_for_cpu(rest, 1)
    return packed


@functools.cache
def dense_cpu_dtype() -> torch.dtype:
    """Return what the processor multiplies many rows in: bf16 where it has instructions for it, else fp32."""
    has_bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    is_wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.bfloat16 if has_bf16 and is_wide else torch.float32


@functools.cache
def cpu_layout_block() -> int:
    """Rows in a block of the CPU's int4 layout, 0 where the layout is not of this kind.

    Within a block of B rows the bytes are (columns, B / 2): byte j holds row j in its low half and row
    j + B / 2 in its high half. B is 64 with AVX-512 and 32 with AVX2; this asks the op itself.
    """
    codes = (torch.arange(64 * 32, dtype=torch.int32) * 7 // 8 % 16).view(64, 32)
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
    for block in (64, 32):
        low, high = codes.view(-1, 2, block // 2, 32).transpose(2, 3).unbind(1)
        if torch.equal(packed.view(-1, 32, block // 2), (low | (high << 4)).to(torch.uint8)):
            return block
    _log.info("int4 layout of this processor is unknown: prompts are read with the int4 product")
    return 0


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
