"""The products against the dequantised weights in fp64, and which product is made of what."""

import pytest
import torch

from chatterm.engine.local.decoder.cpu_int4 import MIN_DENSE_ROWS, CpuInt4Linear
from chatterm.engine.local.decoder.gpu_int4 import MIN_DENSE_ROWS_MPS, GpuInt4Linear
from chatterm.engine.local.decoder.linear import DenseLinear, JoinedLinear, LinearFactory, Placement
from chatterm.engine.local.weights.int4_codes import int4_codes, unpack_nibbles
from chatterm.engine.local.weights.packed_types import INT4_LAYOUTS
from chatterm.engine.local.weights.packing import dequantise
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.errors import BadModelFile
from chatterm.models.block_types import BlockType
from tests.support.block_data import random_tensor

CPU = Placement.best_for(torch.device("cpu"))
PACKED = [block_type.name for block_type in INT4_LAYOUTS]
ROW_COUNTS = [1, 2, 7, MIN_DENSE_ROWS - 1, MIN_DENSE_ROWS, 100]
DEVICES = [
    pytest.param("cpu"),
    pytest.param(
        "cuda",
        marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")],
    ),
    pytest.param(
        "mps",
        marks=[pytest.mark.mps, pytest.mark.skipif(not torch.mps.is_available(), reason="no Apple GPU")],
    ),
]


@pytest.fixture(params=DEVICES)
def placement(request: pytest.FixtureRequest) -> Placement:
    """The packed placement of each device that is here."""
    return Placement.best_for(torch.device(request.param))


def exact_product(x: torch.Tensor, *tensors: BlockTensor) -> torch.Tensor:
    weights = torch.cat([dequantise(tensor.block_type, tensor.blocks) for tensor in tensors])
    return x.double() @ weights.double().t()


def assert_near(found: torch.Tensor, expected: torch.Tensor) -> None:
    """bf16 keeps 8 bits: scales, zeros, sums and results are each rounded, by 0.2% on average."""
    assert found.shape == expected.shape
    error = (found.cpu().double() - expected).norm() / expected.norm()
    assert error < 0.008, f"relative error {error:.5f}"


def largest_error(x: torch.Tensor, tensor: BlockTensor, device: torch.device) -> torch.Tensor:
    """Bound |y - W x| for each output: what rounding scales and zeros to bf16, and then the sums, can do.

    A bf16 number is off by 2^-8 of itself at most. Either plane's terms are rounded so once for their scale,
    and where the device computes weights in bf16 twice more, for the product and the sum with the zero.
    MPS subtracts 8 scales from the zero in bf16. Halves of groups are rounded, and then their sum.
    """
    codes = int4_codes(tensor)
    rows, groups, count = codes.scales.shape
    offsets = (unpack_nibbles(codes.nibbles).float() - 8).abs().view(rows, groups, count, -1)
    offsets += 8 if device.type == "mps" else 0
    sizes = offsets * codes.scales.abs().unsqueeze(-1) + codes.zeros.abs().unsqueeze(-1)
    planes = sizes.view(rows, codes.layout.num_planes, -1).sum(1).double()
    sums = exact_product(x, tensor).abs()
    return 2**-8 * (3 * x.double().abs() @ planes[: tensor.num_rows].t() + sums)


def inputs(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(1)).bfloat16()


@pytest.mark.parametrize("name", PACKED)
def test_packed_products(name: str, placement: Placement) -> None:
    """21 rows fit no device's layout: they are filled up."""
    for outputs in (128, 48, 21):
        tensor = random_tensor(name, outputs, 512)
        linear = LinearFactory(placement).make(tensor)
        assert isinstance(linear, CpuInt4Linear | GpuInt4Linear)
        for num_rows in ROW_COUNTS:
            x = inputs(num_rows, 512)
            found = linear(x.to(placement.device))
            assert found.dtype == torch.bfloat16
            assert found.is_contiguous()
            expected = exact_product(x, tensor)
            assert_near(found, expected)
            error = (found.cpu().double() - expected).abs()
            assert (error <= largest_error(x, tensor, placement.device)).all()


@pytest.mark.parametrize("name", PACKED)
def test_a_row_does_not_depend_on_the_others(name: str, placement: Placement) -> None:
    linear = LinearFactory(placement).make(random_tensor(name, 128, 512))
    for num_rows in (7, MIN_DENSE_ROWS - 1 if placement.device.type == "cpu" else MIN_DENSE_ROWS_MPS - 1):
        x = inputs(num_rows, 512).to(placement.device)
        alone = torch.cat([linear(row.unsqueeze(0)) for row in x])
        assert torch.equal(linear(x), alone)


@pytest.mark.parametrize("name", ["Q4_1", "Q5_0", "Q8_0", "IQ4_NL"])
def test_rows_of_odd_numbers_of_blocks(name: str, placement: Placement) -> None:
    for columns in (32, 96, 160):
        tensor, x = random_tensor(name, 128, columns), inputs(3, columns)
        found = LinearFactory(placement).make(tensor)(x.to(placement.device))
        assert_near(found, exact_product(x, tensor))


@pytest.mark.parametrize("name", ["F32", "F16", "BF16", "Q5_0", "Q6_K", "Q4_1", "IQ4_XS"])
def test_the_reference_is_exact(name: str) -> None:
    tensor = random_tensor(name, 40, 256)
    x = inputs(5, 256).float()
    found = LinearFactory(Placement.reference()).make(tensor)(x)
    assert found.dtype == torch.float32
    expected = exact_product(x, tensor)
    assert (found - expected).abs().max() < 1e-6 * expected.abs().max()


def test_the_reference_stands_side_by_side_too() -> None:
    parts = [random_tensor(name, rows, 256) for name, rows in (("Q4_0", 60), ("Q6_K", 7), ("F16", 32))]
    x = inputs(3, 256).float()
    linear = LinearFactory(Placement.reference()).make(*parts)
    assert isinstance(linear, DenseLinear)
    expected = exact_product(x, *parts)
    assert (linear(x) - expected).abs().max() < 1e-6 * expected.abs().max()


@pytest.mark.parametrize(
    "names", [("Q4_K", "Q4_K", "Q4_K"), ("Q4_0", "Q4_1", "Q4_K"), ("Q5_K", "Q8_0", "IQ4_XS")]
)
def test_types_of_one_layout_share_one_product(names: tuple[str, ...], placement: Placement) -> None:
    parts = [
        random_tensor(name, rows, 256, seed=rows) for name, rows in zip(names, (64, 32, 24), strict=True)
    ]
    linear = LinearFactory(placement).make(*parts)
    assert isinstance(linear, CpuInt4Linear | GpuInt4Linear)
    for num_rows in (1, 3, MIN_DENSE_ROWS):
        x = inputs(num_rows, 256)
        assert_near(linear(x.to(placement.device)), exact_product(x, *parts))


@pytest.mark.parametrize(
    ("names", "num_products"),
    [
        (("Q4_K", "Q4_K", "Q6_K"), 2),
        (("Q4_K", "Q5_K", "Q4_K"), 3),
        (("Q6_K", "Q6_K", "Q8_0"), 2),
        (("Q2_K", "Q3_K", "Q4_K"), 2),
    ],
)
def test_mixed_types_are_joined_after_their_products(
    names: tuple[str, ...], num_products: int, placement: Placement
) -> None:
    """As q, k and v of a Q4_K_M file: neighbours of one layout still share theirs."""
    parts = [
        random_tensor(name, rows, 256, seed=rows) for name, rows in zip(names, (64, 24, 40), strict=True)
    ]
    linear = LinearFactory(placement).make(*parts)
    assert isinstance(linear, JoinedLinear)
    assert len(linear.parts) == num_products
    for num_rows in (1, 7, MIN_DENSE_ROWS):
        x = inputs(num_rows, 256)
        assert_near(linear(x.to(placement.device)), exact_product(x, *parts))


def test_what_is_dequantised_is_said_with_its_cost() -> None:
    factory = LinearFactory(CPU)
    factory.make(random_tensor("Q4_0", 1024, 2048))
    factory.make(random_tensor("Q6_K", 1024, 2048))
    factory.make(random_tensor("Q6_K", 1024, 2048))
    # 2 bytes a weight instead of 210 bytes for 256 weights.
    extra = 2 * 1024 * 2048 * (2 - 210 / 256) / 1e6
    (note,) = factory.notes
    assert "Q6_K" in note
    assert f"{extra:.1f} MB" in note


def test_without_packed_products_every_quantised_type_is_news() -> None:
    factory = LinearFactory(Placement(torch.device("cpu"), torch.float16, keeps_packed=False))
    for name in ("Q8_0", "Q4_0", "F16"):
        factory.make(random_tensor(name, 1024, 2048))
    assert [note.split()[0] for note in factory.notes] == ["Q4_0", "Q8_0"]


def test_weights_already_in_floating_point_are_no_news() -> None:
    factory = LinearFactory(CPU)
    factory.make(random_tensor("F16", 1024, 2048))
    assert factory.notes == ()


def test_an_unreadable_type_is_refused() -> None:
    tensor = BlockTensor("blk.0.attn_q.weight", BlockType.IQ3_S, torch.zeros(2, 1, 110, dtype=torch.uint8))
    with pytest.raises(BadModelFile, match=r"blk\.0\.attn_q\.weight.*IQ3_S"):
        LinearFactory(CPU).make(tensor)
