"""Dequantisers against the `gguf` package's, on random bytes; the int4 codes against the dequantisers."""

import gguf
import numpy as np
import pytest
import torch
from gguf import quants

from chatterm.engine.local.packing import check_supported, dequantise, int4_codes, num_planes, unpack_nibbles
from chatterm.engine.local.weights import BlockTensor
from chatterm.errors import BadModelFile
from chatterm.models.block_types import BlockType

SUPPORTED = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
SCALES_AT = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}  # fmt: skip


def random_blocks(name: str, rows: int, blocks: int, seed: int = 0) -> np.ndarray:
    """Random bytes with sane fp16 scales: random bits would be NaN or infinite too often to compare."""
    rng = np.random.default_rng(seed)
    block_type = BlockType[name]
    if block_type.block_size == 1:
        values = rng.standard_normal((rows, blocks)).astype(np.float32)
        stored: np.ndarray = quants.quantize(values, gguf.GGMLQuantizationType[name])
        return stored.view(np.uint8).reshape(rows, blocks, -1)
    raw = rng.integers(0, 256, (rows, blocks, block_type.type_size), dtype=np.uint8)
    for offset in SCALES_AT[name]:
        scales = rng.standard_normal((rows, blocks, 1)).astype(np.float16)
        raw[..., offset : offset + 2] = scales.view(np.uint8)
    return raw


def tensor_of(name: str, raw: np.ndarray) -> BlockTensor:
    return BlockTensor("blk.0.ffn_up.weight", BlockType[name], torch.from_numpy(raw))


@pytest.mark.parametrize("name", SUPPORTED)
def test_dequantises_as_the_gguf_package_does(name: str) -> None:
    raw = random_blocks(name, rows=5, blocks=4)
    expected = quants.dequantize(raw.reshape(5, -1), gguf.GGMLQuantizationType[name])
    found = dequantise(BlockType[name], torch.from_numpy(raw))
    assert found.dtype == torch.float32
    assert found.numpy().tobytes() == expected.astype(np.float32).tobytes()


@pytest.mark.parametrize("name", SUPPORTED)
def test_rows_can_be_dequantised_apart(name: str) -> None:
    blocks = torch.from_numpy(random_blocks(name, rows=5, blocks=4))
    whole = dequantise(BlockType[name], blocks)
    assert torch.equal(dequantise(BlockType[name], blocks[torch.tensor([3, 1])]), whole[[3, 1]])


@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q8_0"])
def test_int4_codes_rebuild_the_weights(name: str) -> None:
    raw = random_blocks(name, rows=7, blocks=6)
    found = int4_codes(tensor_of(name, raw))
    groups = unpack_nibbles(found.nibbles).double().view(7, -1, 32) - 8
    values = groups * found.scales.double().unsqueeze(-1) + found.zeros.double().unsqueeze(-1)
    rebuilt = values.view(7, found.num_planes, -1).sum(1)
    expected = dequantise(BlockType[name], torch.from_numpy(raw)).double()
    # fp16 scales times small integers are exact in fp32; only the sum m + 8d rounds, by half an ulp.
    torch.testing.assert_close(rebuilt, expected, rtol=0, atol=1e-5)
    if name != "Q4_1":
        assert torch.equal(rebuilt, expected)


def test_only_types_whose_codes_survive_become_int4() -> None:
    planes = {name: num_planes(BlockType[name]) for name in SUPPORTED}
    assert {name: count for name, count in planes.items() if count} == {"Q4_0": 1, "Q4_1": 1, "Q8_0": 2}


def test_an_unreadable_type_is_refused_by_name() -> None:
    tensor = BlockTensor("blk.3.ffn_up.weight", BlockType.IQ2_XS, torch.zeros(1, 1, 74, dtype=torch.uint8))
    with pytest.raises(BadModelFile, match=r"blk\.3\.ffn_up\.weight.*IQ2_XS.*Q4_K"):
        check_supported(tensor)
