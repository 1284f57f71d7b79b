"""The way back from MPS's layout, without an Apple GPU; the products of both GPUs are in `test_linear`."""

import pytest
import torch

from chatterm.engine.local.decoder.gpu_int4 import mps_layout_is_plain, unpack_plain
from chatterm.engine.local.weights.int4_codes import Int4Product, int4_codes, unpack_nibbles
from chatterm.engine.local.weights.packing import dequantise
from tests.engine.local.decoder.test_linear import PACKED, assert_near
from tests.support.block_data import random_tensor


def never(*_: object) -> torch.Tensor:
    raise AssertionError("no product is asked for")


@pytest.mark.parametrize("name", PACKED)
def test_plain_codes_are_unpacked(name: str) -> None:
    tensor = random_tensor(name, 21, 256)
    codes = int4_codes(tensor)
    columns = unpack_nibbles(codes.nibbles)
    plain = (columns[:, 0::2] | (columns[:, 1::2] << 4)).view(torch.int32)
    packed = plain.view(len(columns) // 8, columns.shape[1] // 32, 32, 1)
    found = unpack_plain(Int4Product(never, packed, codes.affine(), codes.layout.num_planes, 21))
    assert found.dtype == torch.bfloat16
    assert_near(found, dequantise(tensor.block_type, tensor.blocks).double())


@pytest.mark.mps
@pytest.mark.skipif(not torch.mps.is_available(), reason="no Apple GPU")
def test_the_layout_of_mps_is_known() -> None:
    assert mps_layout_is_plain()
