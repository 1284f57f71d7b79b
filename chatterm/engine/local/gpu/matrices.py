"""A model's matrices as the GPU kernels read them: packed codes, and the scales of 32 columns at a time.

Everything of one group of 32 columns lies side by side for all rows, so that neighbouring programs and
threads read neighbouring bytes, 16 a thread. Codes are the file's own, exact; scales and minima are fp16
(0.02% of a weight, where quantisation itself costs about 8%). Knows no products.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from chatterm.engine.local.weights.packed_types import CODE_FORMATS, GROUP_SIZE, CodeFormat
from chatterm.engine.local.weights.packing import PLAIN_DTYPES, Integers, integers
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.block_types import BlockType

_HALF = GROUP_SIZE // 2
_SLICE_VALUES = 2**24
"""So many weights are unpacked at a time: what loading needs beside the packed matrix is a few times that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMatrix:
    """Rows of one block type, packed. G groups of 32 columns, N rows."""

    format: CodeFormat
    num_rows: int
    num_columns: int
    codes: Tensor
    """uint8 (G, N, 16): byte j holds column j low and column j + 16 high; int8 or plain: (G, N, 32)."""
    planes: Tensor
    """int32 (planes, G, N): bit i of plane p is bit 4 + p of column i's code."""
    scales: Tensor
    """fp16 (scales a group, G, N)."""
    minima: Tensor
    """As `scales`; empty where the type has none."""

    @property
    def num_groups(self) -> int:
        return self.num_columns // GROUP_SIZE


def is_packable(tensor: BlockTensor) -> bool:
    """Tell whether the kernels can read a matrix: whole groups of 32 columns."""
    return tensor.block_type in CODE_FORMATS and tensor.num_columns % GROUP_SIZE == 0


def pack_matrices(tensors: Sequence[BlockTensor], device: torch.device) -> list[GpuMatrix]:
    """Pack matrices of the same columns, one under the other; neighbours of one type become one.

    Bytes go to the device as they are in the file and are rearranged there, by slices of rows: no copy of
    the whole exists in another form.
    """
    return [_pack(list(run), device) for _, run in groupby(tensors, lambda tensor: tensor.block_type)]


def _pack(tensors: Sequence[BlockTensor], device: torch.device) -> GpuMatrix:
    kind = tensors[0].block_type
    form = CODE_FORMATS[kind]
    num_rows, num_columns = sum(one.num_rows for one in tensors), tensors[0].num_columns
    packed = _empty(kind, num_rows, num_columns, device)
    end = 0
    for blocks in _slices(tensors, num_columns, device):
        start, end = end, end + len(blocks)
        if form.bits > 8:
            values = blocks.contiguous().view(PLAIN_DTYPES[kind]).view(len(blocks), -1, GROUP_SIZE)
            packed.codes[:, start:end] = values.transpose(0, 1)
        else:
            _put(packed, slice(start, end), integers(kind, blocks))
    return packed


def _empty(kind: BlockType, num_rows: int, num_columns: int, device: torch.device) -> GpuMatrix:
    form = CODE_FORMATS[kind]
    groups = num_columns // GROUP_SIZE
    width = _HALF if form.bits == 4 else GROUP_SIZE
    dtype = PLAIN_DTYPES.get(kind, torch.uint8 if form.bits == 4 else torch.int8)
    num_scales = form.num_scales if form.bits <= 8 else 0
    num_minima = form.num_scales if form.has_minima else 0

    def empty(size: tuple[int, ...], of: torch.dtype) -> Tensor:
        return torch.empty(size, dtype=of, device=device)

    return GpuMatrix(
        format=form,
        num_rows=num_rows,
        num_columns=num_columns,
        codes=empty((groups, num_rows, width), dtype),
        planes=empty((form.num_planes, groups, num_rows), torch.int32),
        scales=empty((num_scales, groups, num_rows), torch.float16),
        minima=empty((num_minima, groups, num_rows), torch.float16),
    )


def _slices(tensors: Iterable[BlockTensor], num_columns: int, device: torch.device) -> Iterator[Tensor]:
    """Yield the blocks of all rows in order, on the device: through pinned memory, where it is one."""
    step = max(1, _SLICE_VALUES // num_columns)
    for tensor in tensors:
        for start in range(0, tensor.num_rows, step):
            some = tensor.blocks[start : start + step]
            is_on_its_way = device.type == "cuda" and some.device.type == "cpu"
            yield some.pin_memory().to(device, non_blocking=True) if is_on_its_way else some


def _put(packed: GpuMatrix, rows: slice, found: Integers) -> None:
    """Store the integers of some rows."""
    form = packed.format
    values = found.values.reshape(len(found.values), -1, GROUP_SIZE).transpose(0, 1)
    if form.bits == 8:
        packed.codes[:, rows] = values
    else:
        codes = (values + form.centre).view(torch.uint8)
        packed.codes[:, rows] = (codes[..., :_HALF] & 15) | (codes[..., _HALF:] << 4)
        places = torch.arange(GROUP_SIZE, device=codes.device)
        for plane in range(form.num_planes):
            bits = (codes >> (4 + plane) & 1).long() << places
            packed.planes[plane, :, rows] = bits.sum(-1).int()
    packed.scales[:, :, rows] = _by_group(found.scales, form.num_scales)
    if found.minima is not None:
        packed.minima[:, :, rows] = _by_group(found.minima, form.num_scales)


def _by_group(numbers: Tensor, num_scales: int) -> Tensor:
    """Turn (rows, groups * scales a group) into (scales a group, groups, rows)."""
    return numbers.view(len(numbers), -1, num_scales).permute(2, 1, 0)
