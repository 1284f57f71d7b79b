"""The planes of 4-bit codes against the dequantisers."""

import pytest
import torch

from chatterm.engine.local.weights.int4_codes import Int4Codes, int4_codes, int4_slices, unpack_nibbles
from chatterm.engine.local.weights.packed_types import INT4_LAYOUTS
from chatterm.engine.local.weights.packing import dequantise
from tests.support.block_data import random_tensor

NAMES = [block_type.name for block_type in INT4_LAYOUTS]


def rebuild(found: Int4Codes, scales: torch.Tensor, zeros: torch.Tensor) -> torch.Tensor:
    """Return the weights in fp64: the sum of the planes, padded rows among them."""
    rows, groups, count = scales.shape
    codes = unpack_nibbles(found.nibbles).double().view(rows, groups, count, -1) - 8
    values = codes * scales.double().unsqueeze(-1) + zeros.double().unsqueeze(-1)
    return values.view(rows, found.layout.num_planes, -1).sum(1)


@pytest.mark.parametrize("name", NAMES)
def test_codes_rebuild_the_weights(name: str) -> None:
    """Scales and minima times small integers are exact in fp32: only sums of two such terms are rounded."""
    tensor = random_tensor(name, 32, 512)
    found = int4_codes(tensor)
    rebuilt = rebuild(found, found.scales, found.zeros)
    expected = dequantise(tensor.block_type, tensor.blocks).double()
    if name in {"Q4_1", "Q5_1", "Q2_K", "Q4_K", "Q5_K"}:
        torch.testing.assert_close(
            rebuilt, expected, rtol=2**-22, atol=2e-5 * float(found.scales.abs().max())
        )
    else:
        assert torch.equal(rebuilt, expected)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_rounding_of_scales_is_lost(name: str) -> None:
    """bf16 keeps 8 bits: no scale or zero moves by more than 2^-8 of itself, and powers of two not at all."""
    tensor = random_tensor(name, 32, 512)
    found = int4_codes(tensor)
    scales, zeros = found.affine().permute(3, 2, 1, 0)
    error = (rebuild(found, scales, zeros) - dequantise(tensor.block_type, tensor.blocks)).abs()
    # Both planes have the same scale, rounded alike: what counts is the whole integer times it.
    integers = rebuild(found, found.scales, torch.zeros_like(found.zeros)).abs()
    offsets = rebuild(found, torch.zeros_like(found.scales), found.zeros.abs())
    assert (error <= 2**-8 * (integers + offsets) * (1 + 1e-4)).all()
    assert bool(error.any()) == (name != "MXFP4")


def test_symmetrical_types_need_no_zeros() -> None:
    for name in ("Q4_0", "Q3_K", "Q5_0", "IQ4_NL", "IQ4_XS", "MXFP4"):
        assert not int4_codes(random_tensor(name, 16, 256)).zeros.any()


@pytest.mark.parametrize("name", ["Q4_1", "Q5_K", "Q2_K"])
def test_rows_are_filled_up_with_zeros(name: str) -> None:
    parts = [random_tensor(name, rows, 256, seed=rows) for rows in (5, 6)]
    found = int4_codes(*parts)
    rebuilt = rebuild(found, found.scales, found.zeros)
    expected = torch.cat([dequantise(part.block_type, part.blocks) for part in parts]).double()
    torch.testing.assert_close(rebuilt[:11], expected, rtol=1e-5, atol=1e-4)
    assert rebuilt.shape == (16, 256)
    assert not rebuilt[11:].any()


@pytest.mark.parametrize("rows", [(100,), (64, 128, 40), (60, 64)])
def test_slices_are_the_whole(rows: tuple[int, ...]) -> None:
    parts = [random_tensor("Q4_1", count, 64, seed=count) for count in rows]
    whole, slices = int4_codes(*parts), list(int4_slices(parts, 64 * 64))
    assert all(len(part.nibbles) % 64 == 0 for part in slices[:-1])
    assert torch.equal(torch.cat([part.nibbles for part in slices]), whole.nibbles)
    assert torch.equal(torch.cat([part.affine() for part in slices], 2), whole.affine())
