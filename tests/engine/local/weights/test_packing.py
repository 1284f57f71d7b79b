"""Dequantisers against the `gguf` package's, on random bytes and on extreme ones."""

import gguf
import numpy as np
import pytest
import torch
from gguf import quants

from chatterm.engine.local.weights.packing import check_supported, dequantise, integers
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.errors import BadModelFile
from chatterm.models.block_types import BlockType
from tests.support.block_data import QUANTISED, SCALES_AT, SUPPORTED, random_blocks


def as_gguf_does(name: str, raw: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        found: np.ndarray = quants.dequantize(raw.reshape(len(raw), -1), gguf.GGMLQuantizationType[name])
    return found.astype(np.float32)


@pytest.mark.parametrize("name", SUPPORTED)
def test_dequantises_as_the_gguf_package_does(name: str) -> None:
    raw = random_blocks(name, rows=37, blocks=4)
    found = dequantise(BlockType[name], torch.from_numpy(raw))
    assert found.dtype == torch.float32
    assert found.numpy().tobytes() == as_gguf_does(name, raw).tobytes()


@pytest.mark.parametrize("name", QUANTISED)
@pytest.mark.parametrize("byte", [0, 255, 128, 127, 15, 240])
@pytest.mark.parametrize("scale", [-0.0, 6e-8, -65504.0])
def test_extreme_codes_and_scales(name: str, byte: int, scale: float) -> None:
    raw = np.full((1, 2, BlockType[name].type_size), byte, dtype=np.uint8)
    for offset in SCALES_AT[name]:
        raw[..., offset : offset + 2] = np.array([scale], dtype=np.float16).view(np.uint8)
    found = dequantise(BlockType[name], torch.from_numpy(raw))
    assert found.numpy().tobytes() == as_gguf_does(name, raw).tobytes()


def test_every_exponent_of_mxfp4() -> None:
    raw = random_blocks("MXFP4", rows=256, blocks=1)
    raw[:, 0, 0] = np.arange(256)
    found = dequantise(BlockType.MXFP4, torch.from_numpy(raw))
    assert found.numpy().tobytes() == as_gguf_does("MXFP4", raw).tobytes()


@pytest.mark.parametrize("name", SUPPORTED)
def test_rows_can_be_dequantised_apart(name: str) -> None:
    blocks = torch.from_numpy(random_blocks(name, rows=5, blocks=4))
    whole = dequantise(BlockType[name], blocks)
    assert torch.equal(dequantise(BlockType[name], blocks[torch.tensor([3, 1])]), whole[[3, 1]])
    assert torch.equal(dequantise(BlockType[name], blocks[:, 1:]), whole.view(5, 4, -1)[:, 1:].flatten(1))


@pytest.mark.parametrize("name", SUPPORTED)
def test_one_block_of_many(name: str) -> None:
    raw = random_blocks(name, rows=4, blocks=3)
    whole = as_gguf_does(name, raw).reshape(4, 3, -1)
    for row, block in ((0, 0), (1, 1), (3, 2)):
        found = dequantise(BlockType[name], torch.from_numpy(raw)[row : row + 1, block : block + 1])
        assert found.numpy().tobytes() == whole[row, block].tobytes()


@pytest.mark.parametrize("name", QUANTISED)
def test_integers_come_in_groups_of_columns(name: str) -> None:
    found = integers(BlockType[name], torch.from_numpy(random_blocks(name, rows=3, blocks=2)))
    groups = 2 * BlockType[name].block_size // found.group_size
    assert found.group_size == (16 if name in {"Q2_K", "Q3_K", "Q6_K"} else 32)
    assert found.values.shape == (3, groups, found.group_size)
    assert found.scales.shape == (3, groups)


def test_an_unreadable_type_is_refused_by_name() -> None:
    tensor = BlockTensor("blk.3.ffn_up.weight", BlockType.IQ2_XS, torch.zeros(1, 1, 74, dtype=torch.uint8))
    with pytest.raises(BadModelFile, match=r"blk\.3\.ffn_up\.weight.*IQ2_XS.*Q4_K"):
        check_supported(tensor)
