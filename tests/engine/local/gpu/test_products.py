"""Every product kernel against the slow dequantiser: fresh random inputs, outputs poisoned before."""

import pytest
import torch

from chatterm.engine.local.gpu.code_format import CODE_FORMATS
from chatterm.engine.local.weights.packing import dequantise
from chatterm.engine.local.weights.tensors import BlockTensor
from tests.support.block_data import random_tensor

TYPES = [kind.name for kind in CODE_FORMATS]


def weights_of(*tensors: BlockTensor) -> torch.Tensor:
    return torch.cat([dequantise(one.block_type, one.blocks) for one in tensors])


@pytest.mark.parametrize("name", TYPES)
def test_packed_matrices_unpack_to_what_the_dequantiser_gives(name: str, device: torch.device) -> None:
    from chatterm.engine.local.gpu.matrices import pack_matrices

    tensors = [random_tensor(name, 5, 512, seed=1), random_tensor(name, 8, 512, seed=2)]
    (packed,) = pack_matrices(tensors, device)
    expected = weights_of(*tensors)
    found = packed.dense(torch.float32).cpu()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize("num_x", [1, 3])
@pytest.mark.parametrize("name", TYPES)
def test_products(name: str, num_x: int, device: torch.device) -> None:
    from chatterm.engine.local.gpu.matrices import pack_matrices
    from chatterm.engine.local.gpu.products import Around, Products

    tensor = random_tensor(name, 37, 512, seed=3)
    (packed,) = pack_matrices([tensor], device)
    x = torch.randn(num_x, 512)
    out = torch.full((num_x, 40), torch.nan, device=device)
    Products(device).multiply(packed, x.to(device), out[:, :37], Around())
    expected = x.double() @ packed.dense(torch.float32).cpu().double().t()
    found = out.cpu()
    torch.testing.assert_close(
        found[:, :37].double(), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max())
    )
    assert found[:, 37:].isnan().all(), "a product wrote beyond its outputs"
