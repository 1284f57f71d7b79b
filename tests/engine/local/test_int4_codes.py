"""The int4 codes against the dequantisers."""

import pytest
import torch

from chatterm.engine.local.int4_codes import int4_codes, num_planes, unpack_nibbles
from chatterm.engine.local.packing import dequantise
from chatterm.models.block_types import BlockType
from tests.support.block_data import SUPPORTED, random_blocks, tensor_of


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
