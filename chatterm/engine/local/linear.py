"""The matrix products of a model, each keeping its weights in the layout that its device multiplies fastest.

Owns the packed layouts of torch's int4 products and the choice among them. The contracts of the aten
ops are those of `aten/src/ATen/native/native_functions.yaml`; torchao documents their use
(`torchao/quantization/utils.py`). Knows no architecture: a product is rows of x in, rows of y out.
"""

import functools
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from chatterm.engine.local.packing import (
    GROUP_SIZE,
    Int4Codes,
    can_be_int4,
    check_supported,
    dequantise,
    int4_codes,
)
from chatterm.engine.local.weights import BlockTensor
from chatterm.models.block_types import BlockType

_cpu_int4_mm = torch.ops.aten._weight_int4pack_mm_for_cpu.default
_cuda_int4_mm = torch.ops.aten._weight_int4pack_mm.default
_log = logging.getLogger(__name__)

MIN_DENSE_ROWS = 32
"""From so many rows of x on, unpacking the weights to bf16 first is cheaper than the int4 product.

Measured on 2 AVX-512 cores with AMX, 3072 x 576: int4 takes 19 us a row; unpacking 500 us, then bf16
110 us for 8 rows and 700 us for 512. Without AMX the two meet later, but at 32 rows differ little.
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

    def __init__(self, codes: Int4Codes) -> None:
        """Pack `codes`, whose rows must be a multiple of 16 and whose columns of 32."""
        self._packed = pack_for_cpu(codes.codes)
        self._affine = _affine(codes)
        self._num_planes = codes.num_planes
        self._can_unpack = bool(block := cpu_layout_block()) and codes.codes.shape[0] % block == 0

    def __call__(self, x: Tensor) -> Tensor:
        if self._can_unpack and x.shape[0] >= MIN_DENSE_ROWS:
            return torch.mm(x, self._unpacked())
        if self._num_planes == 2:
            x = torch.cat([x, x], -1)
        product: Tensor = _cpu_int4_mm(x, self._packed, GROUP_SIZE, self._affine)
        return product

    def _unpacked(self) -> Tensor:
        """Return W^T as bf16 (columns, outputs), each weight rounded once."""
        block = cpu_layout_block()
        packed = self._packed.view(-1, self._packed.shape[1] * 2, block // 2)
        num_blocks, columns, half = packed.shape
        weights = torch.empty(columns, num_blocks * block, dtype=torch.bfloat16)
        halves = weights.view(columns, num_blocks, 2, half).permute(2, 1, 0, 3)
        halves[0].copy_((packed & 15).view(torch.int8).sub_(8))
        halves[1].copy_((packed >> 4).view(torch.int8).sub_(8))
        groups = weights.view(-1, GROUP_SIZE, weights.shape[1])
        scales, zeros = (part.contiguous().unsqueeze(1) for part in self._affine.unbind(-1))
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
        unpacked = codes.codes.to(device)
        nibbles = (unpacked[:, 0::2] << 4) | unpacked[:, 1::2]
        tiles = next(k for k in (8, 4, 2) if codes.codes.shape[1] % (16 * k) == 0)
        self._packed = torch.ops.aten._convert_weight_to_int4pack(nibbles.contiguous(), tiles)
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
    """Scales and zeros as both devices' products want them: bf16 (groups, rows, 2)."""
    return torch.stack([codes.scales.t(), codes.zeros.t()], -1).to(torch.bfloat16)


def pack_for_cpu(codes: Tensor) -> Tensor:
    """Pack uint8 codes (rows, columns) into (rows, columns / 2), as torch's own packing op does.

    `_convert_weight_to_int4pack_for_cpu` wants int32 codes and is 8 times slower; it still packs the rows
    that fill no whole block.
    """
    block = cpu_layout_block()
    full = codes.shape[0] // block * block if block else 0
    packed = torch.empty(codes.shape[0], codes.shape[1] // 2, dtype=torch.uint8)
    if full:
        low, high = codes[:full].view(-1, 2, block // 2, codes.shape[1]).unbind(1)
        packed[:full].view(-1, codes.shape[1], block // 2).copy_((low | (high << 4)).transpose(1, 2))
    if full < codes.shape[0]:
        packed[full:] = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes[full:].int(), 1)
    return packed


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
        """Packed where the device has an int4 product; bf16, or fp16 on Apple's GPUs."""
        dtype = torch.float16 if device.type == "mps" else torch.bfloat16
        return cls(device, dtype, keeps_packed=device.type in {"cpu", "cuda"})


@dataclass(slots=True)
class LinearFactory:
    """Makes products for one placement and counts what could not stay packed."""

    placement: Placement
    _unpacked_bytes: Counter[str] = field(default_factory=Counter)

    def make(self, *tensors: BlockTensor) -> Linear:
        """Return the product with the rows of all `tensors`, in order. Raises BadModelFile."""
        for tensor in tensors:
            check_supported(tensor)
        kinds = {(tensor.block_type, self._stays_packed(tensor)) for tensor in tensors}
        if len(kinds) > 1:
            return JoinedLinear([self._make_one(tensor) for tensor in tensors])
        joined = torch.cat([tensor.blocks for tensor in tensors]) if len(tensors) > 1 else tensors[0].blocks
        return self._make_one(BlockTensor(tensors[0].name, tensors[0].block_type, joined))

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per block type that was dequantised, with what that costs."""
        return tuple(
            f"{name} weights are dequantised on this device: {size / 1e6:,.0f} MB more memory"
            for name, size in sorted(self._unpacked_bytes.items())
            if size >= 1e6
        )

    def _stays_packed(self, tensor: BlockTensor) -> bool:
        fits = tensor.num_rows % 16 == 0 and tensor.num_columns % GROUP_SIZE == 0
        return self.placement.keeps_packed and can_be_int4(tensor.block_type) and fits

    def _make_one(self, tensor: BlockTensor) -> Linear:
        if not self._stays_packed(tensor):
            return self._make_dense(tensor)
        codes = int4_codes(tensor)
        if self.placement.device.type == "cuda":
            return CudaInt4Linear(codes, self.placement.device)
        return CpuInt4Linear(codes)

    def _make_dense(self, tensor: BlockTensor) -> DenseLinear:
        """Dequantise by slices of rows, so that no fp32 copy of the whole matrix ever exists."""
        place = self.placement
        weight = torch.empty(tensor.num_rows, tensor.num_columns, dtype=place.dtype, device=place.device)
        for start in range(0, tensor.num_rows, 4096):
            rows = slice(start, start + 4096)
            weight[rows] = dequantise(tensor.block_type, tensor.blocks[rows]).to(place.dtype)
        if tensor.block_type not in {BlockType.F32, BlockType.F16, BlockType.BF16}:
            self._unpacked_bytes[tensor.block_type.name] += weight.nbytes - tensor.blocks.nbytes
        return DenseLinear(weight)
