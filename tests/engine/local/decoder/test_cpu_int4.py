"""The CPU's packed layout against torch's own packing; its products are in `test_linear`."""

import numpy as np
import pytest
import torch

from chatterm.engine.local.decoder.cpu_int4 import cpu_layout_block, pack_for_cpu
from chatterm.engine.local.weights.int4_codes import unpack_nibbles


@pytest.mark.parametrize("rows", [16, 32, 48, 64, 80, 96, 192, 208])
def test_packs_as_torch_does(rows: int) -> None:
    nibbles = torch.from_numpy(np.random.default_rng(rows).integers(0, 256, (rows, 3, 16), dtype=np.uint8))
    codes = unpack_nibbles(nibbles).int()
    expected = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
    assert torch.equal(pack_for_cpu(nibbles).view(-1), expected.view(-1))


def test_the_layout_of_this_processor_is_known() -> None:
    capability = torch.backends.cpu.get_cpu_capability()
    assert cpu_layout_block() == {"AVX512": 64, "AVX2": 32}.get(capability, 0)
