"""NaN and infinity are found wherever a block type keeps numbers and only there; the oracle is gguf's."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants

from chatterm.models.block_types import BlockType
from chatterm.models.scales import SCALES, count_broken
from tests.support.block_data import SUPPORTED

NUM_BLOCKS = 24
KNOWN = [block_type for block_type in SCALES if block_type.block_size > 1]
PLAIN = [BlockType.F32, BlockType.F16, BlockType.BF16, BlockType.F64]


def finite_blocks(block_type: BlockType, seed: int = 0) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    """Random codes, with scales about 1."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (NUM_BLOCKS, block_type.type_size), dtype=np.uint8)
    for scale in SCALES[block_type]:
        blocks[:, scale.offset + scale.num_bytes - 1] = 0x3C
    return blocks


def broken_by_oracle(block_type: BlockType, blocks: "np.ndarray[tuple[int, int], np.dtype[np.uint8]]") -> int:
    with np.errstate(all="ignore"):
        values = quants.dequantize(blocks, GGMLQuantizationType(int(block_type)))
    return int((~np.isfinite(values)).any(axis=1).sum())


@pytest.mark.parametrize("block_type", KNOWN, ids=lambda block_type: block_type.name)
def test_sound_blocks_are_sound(block_type: BlockType) -> None:
    blocks = finite_blocks(block_type)
    assert broken_by_oracle(block_type, blocks) == 0
    assert count_broken(blocks.data, block_type) == 0


@pytest.mark.parametrize("block_type", KNOWN, ids=lambda block_type: block_type.name)
def test_a_broken_scale_breaks_its_block(block_type: BlockType) -> None:
    for scale in SCALES[block_type]:
        blocks = finite_blocks(block_type)
        blocks[3::5, scale.offset : scale.offset + scale.num_bytes] = 0xFF
        assert count_broken(blocks.data, block_type) == len(blocks[3::5])
        if block_type is not BlockType.MXFP4:  # gguf takes the code for NaN as 2^128
            assert broken_by_oracle(block_type, blocks) == len(blocks[3::5])


@pytest.mark.parametrize("block_type", KNOWN, ids=lambda block_type: block_type.name)
def test_a_code_cannot_break_its_block(block_type: BlockType) -> None:
    blocks = finite_blocks(block_type)
    is_code = np.ones(block_type.type_size, np.bool_)
    for scale in SCALES[block_type]:
        is_code[scale.offset : scale.offset + scale.num_bytes] = False
    blocks[:, is_code] = 0xFF
    assert broken_by_oracle(block_type, blocks) == count_broken(blocks.data, block_type) == 0


@pytest.mark.parametrize("block_type", PLAIN, ids=lambda block_type: block_type.name)
def test_plain_values_are_looked_at_one_by_one(block_type: BlockType) -> None:
    values = np.array([0.0, -1.5, 3.0e38, np.nan, np.inf, -np.inf, 1e-40, 65504.0], np.float32)
    kinds = {BlockType.F32: "<f4", BlockType.F16: "<f2", BlockType.F64: "<f8"}
    with np.errstate(over="ignore"):
        if block_type is BlockType.BF16:
            raw = (values.view(np.uint32) >> 16).astype(np.uint16)
        else:
            raw = values.astype(kinds[block_type])
    assert count_broken(raw.view(np.uint8).data, block_type) == (4 if block_type is BlockType.F16 else 3)


def test_every_type_that_can_be_loaded_is_known() -> None:
    assert {BlockType[name] for name in SUPPORTED} <= set(SCALES)
