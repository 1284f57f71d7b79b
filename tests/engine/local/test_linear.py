"""The products against the dequantised weights in fp64, and which product is made of what."""

import pytest
import torch

from chatterm.engine.local.cpu_int4 import MIN_DENSE_ROWS, CpuInt4Linear
from chatterm.engine.local.linear import DenseLinear, JoinedLinear, LinearFactory, Placement
from chatterm.engine.local.packing import dequantise
from chatterm.engine.local.weights import BlockTensor
from chatterm.errors import BadModelFile
from chatterm.models.block_types import BlockType
from tests.support.block_data import random_tensor

CPU = Placement.best_for(torch.device("cpu"))
INT4_TYPES = ["Q4_0", "Q4_1", "Q8_0"]
ROW_COUNTS = [1, 2, 7, MIN_DENSE_ROWS - 1, MIN_DENSE_ROWS, 100]


def exact_product(x: torch.Tensor, *tensors: BlockTensor) -> torch.Tensor:
    weights = torch.cat([dequantise(tensor.block_type, tensor.blocks) for tensor in tensors])
    return x.double() @ weights.double().t()


def assert_near(found: torch.Tensor, expected: torch.Tensor) -> None:
    """bf16 keeps 8 bits: scales, sums and results are each rounded by up to 0.2-0.4%."""
    assert found.shape == expected.shape
    error = (found.double() - expected).norm() / expected.norm()
    assert error < 0.004, f"relative error {error:.5f}"


def inputs(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(1)).bfloat16()


@pytest.mark.parametrize("num_rows", ROW_COUNTS)
@pytest.mark.parametrize("name", INT4_TYPES)
@pytest.mark.parametrize("outputs", [128, 48])
def test_packed_products(name: str, num_rows: int, outputs: int) -> None:
    tensor = random_tensor(name, outputs, 96)
    linear = LinearFactory(CPU).make(tensor)
    assert isinstance(linear, CpuInt4Linear)
    x = inputs(num_rows, 96)
    found = linear(x)
    assert found.dtype == torch.bfloat16
    assert_near(found, exact_product(x, tensor))


@pytest.mark.parametrize("name", ["F32", "F16", "BF16", "Q5_0", "Q6_K", "Q4_1"])
def test_the_reference_is_exact(name: str) -> None:
    tensor = random_tensor(name, 40, 256)
    x = inputs(5, 256).float()
    found = LinearFactory(Placement.reference()).make(tensor)(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact_product(x, tensor), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("placement", [CPU, Placement.reference()])
def test_joined_rows_stand_side_by_side(placement: Placement) -> None:
    parts = [random_tensor("Q4_0", rows, 64, seed=rows) for rows in (64, 32, 32)]
    x = inputs(3, 64).to(placement.dtype)
    linear = LinearFactory(placement).make(*parts)
    assert isinstance(linear, CpuInt4Linear | DenseLinear)
    assert_near(linear(x), exact_product(x, *parts))


def test_types_with_as_many_planes_share_one_product() -> None:
    parts = [random_tensor("Q4_0", 64, 64), random_tensor("Q4_1", 32, 64)]
    x = inputs(3, 64)
    linear = LinearFactory(CPU).make(*parts)
    assert isinstance(linear, CpuInt4Linear)
    assert_near(linear(x), exact_product(x, *parts))


def test_parts_of_different_types_are_joined_after_their_products() -> None:
    parts = [random_tensor("Q4_0", 64, 64), random_tensor("Q8_0", 32, 64), random_tensor("Q5_0", 32, 64)]
    x = inputs(3, 64)
    linear = LinearFactory(CPU).make(*parts)
    assert isinstance(linear, JoinedLinear)
    assert_near(linear(x), exact_product(x, *parts))


def test_rows_that_fit_no_packed_layout_are_dequantised() -> None:
    tensor = random_tensor("Q4_0", 24, 64)
    x = inputs(3, 64)
    linear = LinearFactory(CPU).make(tensor)
    assert isinstance(linear, DenseLinear)
    assert_near(linear(x), exact_product(x, tensor))


def test_what_is_dequantised_is_said_with_its_cost() -> None:
    factory = LinearFactory(CPU)
    factory.make(random_tensor("Q4_0", 1024, 2048))
    factory.make(random_tensor("Q6_K", 1024, 2048))
    factory.make(random_tensor("Q6_K", 1024, 2048))
    # 2 bytes a weight instead of 210 bytes for 256 weights.
    extra = 2 * 1024 * 2048 * (2 - 210 / 256) / 1e6
    (note,) = factory.notes
    assert "Q6_K" in note
    assert f"{extra:,.0f} MB" in note


def test_weights_already_in_floating_point_are_no_news() -> None:
    factory = LinearFactory(CPU)
    factory.make(random_tensor("F16", 1024, 2048))
    assert factory.notes == ()


def test_an_unreadable_type_is_refused() -> None:
    tensor = BlockTensor("blk.0.attn_q.weight", BlockType.IQ3_S, torch.zeros(2, 1, 110, dtype=torch.uint8))
    with pytest.raises(BadModelFile, match=r"blk\.0\.attn_q\.weight.*IQ3_S"):
        LinearFactory(CPU).make(tensor)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("num_rows", [1, 5, 40])
@pytest.mark.parametrize("name", INT4_TYPES)
def test_packed_products_on_cuda(name: str, num_rows: int) -> None:
    tensor = random_tensor(name, 128, 192)
    x = inputs(num_rows, 192)
    found = LinearFactory(Placement.best_for(torch.device("cuda"))).make(tensor)(x.cuda())
    assert_near(found.cpu(), exact_product(x, tensor))
