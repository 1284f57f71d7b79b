"""What `models show` and the estimate of memory say of a block type is what the engine does with it."""

import pytest
import torch

from chatterm.engine.local.weights.int4_codes import int4_codes
from chatterm.engine.local.weights.packed_types import (
    INT4_LAYOUTS,
    TILE_LAYOUTS,
    dequantised_note,
    describe_use,
    held_bytes,
)
from chatterm.engine.local.weights.packing import check_supported
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.errors import BadModelFile
from chatterm.models.block_types import PLAIN_TYPES, BlockType
from tests.support.block_data import random_tensor


def can_read(block_type: BlockType) -> bool:
    try:
        check_supported(BlockTensor("output.weight", block_type, torch.empty(0)))
    except BadModelFile:
        return False
    return True


def test_each_readable_type_has_one_use() -> None:
    uses = [frozenset(INT4_LAYOUTS), frozenset({BlockType.Q6_K}), frozenset(PLAIN_TYPES.values())]
    assert frozenset().union(*uses) == {block_type for block_type in BlockType if can_read(block_type)}
    assert sum(map(len, uses)) == len(frozenset().union(*uses))
    assert frozenset().union(*uses) == frozenset(TILE_LAYOUTS)


@pytest.mark.parametrize("block_type", INT4_LAYOUTS)
@pytest.mark.parametrize("rows", [16, 40])
def test_what_is_said_to_be_held_is_held(block_type: BlockType, rows: int) -> None:
    codes = int4_codes(random_tensor(block_type.name, rows, 512))
    assert held_bytes(block_type, rows, 512) == codes.nibbles.nbytes + codes.affine().nbytes


def test_without_an_int4_product_everything_is_dense() -> None:
    assert held_bytes(BlockType.Q4_0, 10, 64, by="dense") == 10 * 64 * 2
    assert held_bytes(BlockType.Q6_K, 10, 256) == 10 * 256 * 2


@pytest.mark.parametrize(
    ("block_type", "num_elements", "num_bytes", "text"),
    [
        (BlockType.Q4_1, 32 * 10**6, 20 * 10**6, "packed"),
        (BlockType.Q4_0, 32 * 10**6, 18 * 10**6, "packed, 2.0 MB more in memory"),
        (BlockType.Q8_0, 32 * 10**6, 34 * 10**6, "packed, 6.0 MB more in memory"),
        (BlockType.Q2_K, 256 * 10**6, 84 * 10**6, "packed, 108.0 MB more in memory"),
        (BlockType.Q4_0, 32, 18, "packed"),
        (BlockType.F32, 32 * 10**6, 128 * 10**6, "not quantised"),
        (BlockType.Q6_K, 256 * 10**6, 210 * 10**6, "dequantised at load, 302.0 MB more in memory"),
        (BlockType.IQ2_XS, 256 * 10**6, 74 * 10**6, "cannot be read"),
    ],
)
def test_the_cost_is_said_in_megabytes(
    block_type: BlockType, num_elements: int, num_bytes: int, text: str
) -> None:
    assert describe_use(block_type, num_elements, num_bytes) == text


@pytest.mark.parametrize(
    ("block_type", "num_bytes", "text"),
    [
        (BlockType.Q4_0, 144 * 10**6, "packed"),
        (BlockType.Q6_K, 210 * 10**6, "packed, 14.0 MB more in memory"),
        (BlockType.Q4_K, 144 * 10**6, "packed, 16.0 MB more in memory"),
        (BlockType.BF16, 512 * 10**6, "not quantised"),
        (BlockType.IQ2_XS, 74 * 10**6, "cannot be read"),
    ],
)
def test_the_c_library_keeps_more_types_packed(block_type: BlockType, num_bytes: int, text: str) -> None:
    assert describe_use(block_type, 256 * 10**6, num_bytes, "native") == text


def test_small_costs_make_no_notes() -> None:
    assert dequantised_note(BlockType.Q6_K, 999_999) is None
    assert dequantised_note(BlockType.Q6_K, 2_500_000) == (
        "Q6_K weights are dequantised on this device, 2.5 MB more in memory"
    )
