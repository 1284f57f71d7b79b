"""Quantising against the `gguf` package's quantisers, and against the bounds that the formats promise."""

import gguf
import numpy as np
import pytest
import torch
from gguf import quants
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chatterm.engine.local.weights.packing import dequantise
from chatterm.engine.local.weights.quantise import quantise
from chatterm.models.block_types import BlockType

TYPES = [BlockType.Q4_1, BlockType.Q8_0]


def as_gguf_does(matrix: torch.Tensor, block_type: BlockType) -> np.ndarray:
    found: np.ndarray = quants.quantize(matrix.numpy(), gguf.GGMLQuantizationType[block_type.name])
    return found.reshape(len(matrix), -1, block_type.type_size)


def normal(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0)) * 0.02


@pytest.mark.parametrize("block_type", TYPES)
@pytest.mark.parametrize(("rows", "columns"), [(1, 32), (7, 96), (3000, 256)])
def test_bytes_are_those_of_the_gguf_package(block_type: BlockType, rows: int, columns: int) -> None:
    matrix = normal(rows, columns)
    found = quantise(matrix, block_type)
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found.numpy(), as_gguf_does(matrix, block_type))


SPECIAL = [0.0, 1.0, -1.0, 0.5, 127.0, 63.5, 0.49999997, -0.49999997, 1e-30, -65504.0]
# No negative zero: which zero is a minimum among both is chance in either library.
ELEMENTS = st.one_of(
    st.sampled_from(SPECIAL),
    st.floats(-9, 9, width=32).map(lambda value: value if abs(value) > 1e-30 else 0.0),
)


@given(arrays(np.float32, (2, 32), elements=ELEMENTS))
def test_halves_zeros_and_small_values_round_as_in_the_gguf_package(values: np.ndarray) -> None:
    matrix = torch.from_numpy(values)
    for block_type in TYPES:
        with np.errstate(all="ignore"):
            expected = as_gguf_does(matrix, block_type)
        np.testing.assert_array_equal(quantise(matrix, block_type).numpy(), expected)


@pytest.mark.parametrize("value", [1e-45, 1e-38, -1e-38])
def test_what_is_too_small_for_a_scale_becomes_zero(value: float) -> None:
    for block_type in TYPES:
        blocks = quantise(torch.linspace(0, value, 32).unsqueeze(0), block_type)
        assert not dequantise(block_type, blocks).any()


def test_zeros_stay_zeros() -> None:
    for block_type in TYPES:
        assert not dequantise(block_type, quantise(torch.zeros(2, 64), block_type)).any()


@pytest.mark.parametrize("block_type", TYPES)
def test_no_value_moves_by_more_than_half_a_step(block_type: BlockType) -> None:
    """Plus what fp16 takes from the scale (of up to 127 or 15 steps) and from the minimum: 2^-11 of each."""
    matrix = normal(50, 320)
    groups = matrix.view(50, -1, 32)
    if block_type is BlockType.Q8_0:
        largest = groups.abs().amax(-1, keepdim=True)
        bound = largest * (0.5 / 127 + 2**-11)
    else:
        spread = groups.amax(-1, keepdim=True) - groups.amin(-1, keepdim=True)
        bound = spread * (0.5 / 15 + 2**-11) + groups.amin(-1, keepdim=True).abs() * 2**-11
    error = (dequantise(block_type, quantise(matrix, block_type)).view(50, -1, 32) - groups).abs()
    assert (error <= bound * 1.0001).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_are_quantised_as_the_same_numbers_in_fp32(dtype: torch.dtype) -> None:
    matrix = normal(5, 64).to(dtype)
    assert torch.equal(quantise(matrix, BlockType.Q8_0), quantise(matrix.float(), BlockType.Q8_0))


def test_a_view_with_strides_is_read_right() -> None:
    matrix = normal(64, 40)
    assert torch.equal(
        quantise(matrix.t(), BlockType.Q4_1), quantise(matrix.t().contiguous(), BlockType.Q4_1)
    )
