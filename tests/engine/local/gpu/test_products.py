"""Every product kernel against the slow dequantiser: fresh random inputs, outputs poisoned before."""

from typing import TYPE_CHECKING

import pytest
import torch
from torch.nn.functional import gelu, silu

from chatterm.engine.local.weights.packed_types import CODE_FORMATS
from chatterm.engine.local.weights.packing import dequantise
from chatterm.engine.local.weights.tensors import BlockTensor
from tests.support.block_data import random_tensor

if TYPE_CHECKING:
    from chatterm.engine.local.gpu.matrices import GpuMatrix

TYPES = [kind.name for kind in CODE_FORMATS]


def weights_of(*tensors: BlockTensor) -> torch.Tensor:
    return torch.cat([dequantise(one.block_type, one.blocks) for one in tensors])


def dense(packed: "GpuMatrix") -> torch.Tensor:
    """Return the weights, fp32 (rows, columns), by plain operations."""
    form, codes = packed.format, packed.codes
    if form.bits == 4:
        halves = [(codes & 15).int(), (codes >> 4).int()]
        places = torch.arange(16, device=codes.device, dtype=torch.int32)
        for plane in range(form.num_planes):
            bits = packed.planes[plane].unsqueeze(-1)
            for half in range(2):
                halves[half] |= (bits >> (places + 16 * half) & 1) << (4 + plane)
        halves = [half.float() - form.centre for half in halves]
    else:
        halves = [codes[..., :16].float(), codes[..., 16:].float()]
    if form.bits <= 8:
        for half, index in ((0, 0), (1, -1)):
            halves[half] *= packed.scales[index].float().unsqueeze(-1)
            if form.has_minima:
                halves[half] += packed.minima[index].float().unsqueeze(-1)
    return torch.cat(halves, -1).transpose(0, 1).flatten(1)


@pytest.mark.parametrize("name", TYPES)
def test_packed_matrices_unpack_to_what_the_dequantiser_gives(name: str, device: torch.device) -> None:
    from chatterm.engine.local.gpu.matrices import pack_matrices

    tensors = [random_tensor(name, 5, 512, seed=1), random_tensor(name, 8, 512, seed=2)]
    (packed,) = pack_matrices(tensors, device)
    expected = weights_of(*tensors)
    found = dense(packed).cpu()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize("name", TYPES)
def test_weights_are_unpacked_for_many_rows(name: str, device: torch.device) -> None:
    from chatterm.engine.local.gpu.matrices import pack_matrices
    from chatterm.engine.local.gpu.products import unpacked

    (packed,) = pack_matrices([random_tensor(name, 40, 768, seed=6)], device)
    found = unpacked(packed, torch.float32, slice(3, 37))
    assert torch.equal(found, dense(packed)[3:37])


@pytest.mark.parametrize("name", TYPES)
def test_embeddings(name: str, device: torch.device) -> None:
    from chatterm.engine.local.gpu.matrices import pack_matrices
    from chatterm.engine.local.gpu.products import embed

    (packed,) = pack_matrices([random_tensor(name, 9, 256, seed=7)], device)
    ids = torch.tensor([8, 0, 3, 8], device=device)
    out = torch.full((4, 256), torch.nan, device=device)
    embed(packed, ids, out, 1.5)
    assert torch.equal(out, dense(packed)[ids] * 1.5)


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
    expected = x.double() @ dense(packed).cpu().double().t()
    found = out.cpu()
    # Several x are cut to 16 bits, and so are weights of 32.
    atol = (1e-5 if num_x == 1 else 1e-4) * float(expected.abs().max())
    torch.testing.assert_close(found[:, :37].double(), expected, rtol=1e-4, atol=atol)
    assert found[:, 37:].isnan().all(), "a product wrote beyond its outputs"


@pytest.mark.parametrize("num_x", [1, 16])
def test_what_is_done_around_a_product(num_x: int, device: torch.device) -> None:
    from chatterm.engine.local.gpu.matrices import pack_matrices
    from chatterm.engine.local.gpu.products import Around, Products

    (packed,) = pack_matrices([random_tensor("Q4_K", 22, 256, seed=8)], device)
    weights = dense(packed)
    x, norm = torch.randn(num_x, 256, device=device), torch.rand(256, device=device) / 1e4
    bias, before = torch.randn(22, device=device), torch.randn(num_x, 22, device=device)
    normed = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-3) * norm

    def check(around: Around, expected: torch.Tensor) -> None:
        out = before[:, : expected.shape[1]].clone() if around.adds else torch.full_like(expected, torch.nan)
        Products(device).multiply(packed, x, out, around)
        torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))

    check(Around(bias=bias, factor=0.3, adds=True), before + 0.3 * (x @ weights.t() + bias))
    y = normed @ weights.t()
    check(Around(norm=norm, epsilon=1e-3, factor=0.5, cap=2.0), 2.0 * torch.tanh(0.5 * y / 2.0))
    check(Around(norm=norm, epsilon=1e-3, gate="silu"), silu(y[:, :11]) * y[:, 11:])
    check(Around(norm=norm, epsilon=1e-3, gate="gelu_tanh"), gelu(y[:, :11], approximate="tanh") * y[:, 11:])


@pytest.mark.parametrize("name", ["Q4_0", "Q6_K", "F16"])
def test_rows_are_the_same_to_the_bit_in_any_company(name: str, device: torch.device) -> None:
    from chatterm.engine.local.gpu.matrices import pack_matrices
    from chatterm.engine.local.gpu.products import Around, Products

    (packed,) = pack_matrices([random_tensor(name, 20, 512, seed=9)], device)
    x, products = torch.randn(16, 512, device=device), Products(device, is_identical=True)

    def multiplied(some: torch.Tensor) -> torch.Tensor:
        out = torch.full((len(some), 20), torch.nan, device=device)
        products.multiply(packed, some.contiguous(), out, Around())
        return out

    together = multiplied(x)
    for count in (1, 2, 7):
        assert torch.equal(multiplied(x[:count]), together[:count])


def test_norms_after_a_block(device: torch.device) -> None:
    from chatterm.engine.local.gpu.products import add_normed

    y, stream, norm = torch.randn(3, 96), torch.randn(3, 96), torch.rand(96)
    found = stream.clone().to(device)
    add_normed(y.to(device), norm.to(device), found, 1e-5, 0.5)
    expected = stream + 0.5 * y * torch.rsqrt(y.square().mean(1, keepdim=True) + 1e-5) * norm
    torch.testing.assert_close(found.cpu(), expected)


def test_gates_of_two_matrices(device: torch.device) -> None:
    from chatterm.engine.local.gpu.products import gated

    gate_up = torch.randn(2, 2 * 1500)
    out = torch.full((2, 1500), torch.nan, device=device)
    gated(gate_up.to(device), out, "silu")
    torch.testing.assert_close(out.cpu(), silu(gate_up[:, :1500]) * gate_up[:, 1500:])
