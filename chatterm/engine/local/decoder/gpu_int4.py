"""The int4 product of CUDA and of Apple's GPUs: one pair of torch's ops, with a layout of its own on each.

The contract is that of torch's `native_functions.yaml`; torchao documents its use on CUDA
(`torchao/quantization/utils.py`), and `aten/src/ATen/native/mps/operations/Quantized.mm` has MPS's.
"""

import functools
import logging
from collections.abc import Iterable

import torch
from torch import Tensor

from chatterm.engine.local.weights.int4_codes import Int4Codes, Int4Product, unpack_nibbles
from chatterm.engine.local.weights.packed_types import GROUP_SIZE

_int4_mm = torch.ops.aten._weight_int4pack_mm.default
_log = logging.getLogger(__name__)

MIN_DENSE_ROWS_MPS = 16
"""From so many rows of x on, MPS unpacks the weights first: its int4 product reads them once for every row.

Estimated, not measured: unpacking moves about as many bytes as ten rows' reading.
"""


class GpuInt4Linear:
    """int4 codes with bf16 scales and zeros on CUDA (compute capability 8.0 and up) or MPS; x must be bf16.

    MPS takes scales in x's type only. It would take fp16 too, but the activations of gemma and others do
    not fit it. CUDA's product reads the weights again for every 16 rows of x: right for decoding, slow for
    long prompts.
    """

    def __init__(self, slices: Iterable[Int4Codes], num_rows: int, device: torch.device) -> None:
        """Pack the rows of all `slices` on `device`; `num_rows` are the matrix's own."""
        packed, affine = [], []
        for codes in slices:
            packed.append(pack_for_gpu(codes.nibbles.to(device)))
            affine.append(codes.affine().to(device))
            num_planes = codes.layout.num_planes
        self._product = Int4Product(_int4_mm, torch.cat(packed), torch.cat(affine, 2), num_planes, num_rows)
        self._can_unpack = device.type == "mps" and mps_layout_is_plain()

    def __call__(self, x: Tensor) -> Tensor:
        if self._can_unpack and x.shape[0] >= MIN_DENSE_ROWS_MPS:
            return torch.mm(x, unpack_plain(self._product).t())
        return self._product(x.contiguous())


def pack_for_gpu(nibbles: Tensor) -> Tensor:
    """Pack `Int4Codes.nibbles` by the op of their device, which wants columns 2i high and 2i + 1 low."""
    codes = unpack_nibbles(nibbles)
    tiles = next(count for count in (8, 4, 2) if codes.shape[1] % (16 * count) == 0)
    packed: Tensor = torch.ops.aten._convert_weight_to_int4pack((codes[:, 0::2] << 4) | codes[:, 1::2], tiles)
    return packed


def unpack_plain(product: Int4Product) -> Tensor:
    """Return W as (rows, columns) in bf16 where the codes lie in plain order: columns 2i low, 2i + 1 high."""
    halves, groups, rows, _ = product.affine.shape
    pairs = product.packed.view(torch.uint8).view(rows, -1)
    codes = torch.stack([pairs & 15, pairs >> 4], -1).view(rows, groups * halves, GROUP_SIZE // halves)
    scales, zeros = product.affine.permute(3, 2, 1, 0).reshape(2, rows, groups * halves, 1)
    weights = torch.addcmul(zeros, codes.to(scales.dtype) - 8, scales).reshape(rows, -1)
    if product.num_planes == 2:
        high, low = weights.chunk(2, -1)
        weights = high + low
    return weights[: product.num_rows]


@functools.cache
def mps_layout_is_plain() -> bool:
    """Whether MPS's op packs as `unpack_plain` reads; this asks the op itself."""
    nibbles = (torch.arange(8 * 2 * 16) * 37 % 251).to(torch.uint8).view(8, 2, 16)
    codes = unpack_nibbles(nibbles)
    packed = pack_for_gpu(nibbles.to("mps")).cpu().view(torch.uint8).view(8, -1)
    is_plain = torch.equal(packed, codes[:, 0::2] | (codes[:, 1::2] << 4))
    if not is_plain:
        _log.info("int4 layout of MPS is unknown: prompts are read with the int4 product")
    return is_plain
