"""Products over tiles against the slow dequantiser, for every block type."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from chatterm.engine.local.native.build import library_path
from chatterm.engine.local.native.library import NativeLibrary
from chatterm.engine.local.native.matrices import MOST_ROWS, NativeLinear, TileMemory, stored_part
from chatterm.engine.local.weights.packing import dequantise
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.block_types import BlockType

TYPES = [
    BlockType.F32, BlockType.F16, BlockType.BF16, BlockType.Q4_0, BlockType.Q4_1, BlockType.Q5_0,
    BlockType.Q5_1, BlockType.Q8_0, BlockType.Q2_K, BlockType.Q3_K, BlockType.Q4_K, BlockType.Q5_K,
    BlockType.Q6_K, BlockType.IQ4_NL, BlockType.IQ4_XS, BlockType.MXFP4,
]  # fmt: skip
PLAIN = {BlockType.F32: torch.float32, BlockType.F16: torch.float16, BlockType.BF16: torch.bfloat16}
HALVES = {
    BlockType.Q2_K: (80, 82), BlockType.Q3_K: (108,), BlockType.Q5_1: (0, 2), BlockType.Q4_1: (0, 2),
    BlockType.Q4_K: (0, 2), BlockType.Q5_K: (0, 2), BlockType.Q6_K: (208,),
}  # fmt: skip
"""Where the halves of a block lie; elsewhere at its beginning."""
ROUNDED = {BlockType.Q2_K, BlockType.Q3_K, BlockType.Q4_K, BlockType.Q5_K, BlockType.Q6_K, BlockType.IQ4_XS}
"""Types whose scales are products of two numbers."""
ROWS, COLUMNS = 100, 768


def random_tensor(kind: BlockType, rows: int = ROWS, columns: int = COLUMNS) -> BlockTensor:
    """Any codes, scales of about 0.01."""
    random = np.random.default_rng(int(kind))
    if kind in PLAIN:
        weights = torch.from_numpy(random.normal(0, 0.05, (rows, columns))).to(PLAIN[kind])
        blocks = weights.view(torch.uint8).view(rows, -1, kind.type_size)
        return BlockTensor("w", kind, blocks)
    raw = random.integers(0, 256, (rows, columns // kind.block_size, kind.type_size), dtype=np.uint8)
    if kind == BlockType.MXFP4:
        raw[..., 0] = random.integers(112, 122, raw.shape[:2])
    else:
        for place in HALVES.get(kind, (0,)):
            halves = random.uniform(-0.01, 0.01, raw.shape[:2]).astype(np.float16)
            raw[..., place : place + 2] = halves[..., None].view(np.uint8)
    return BlockTensor("w", kind, torch.from_numpy(raw))


def pack(library: NativeLibrary, *tensors: BlockTensor) -> NativeLinear:
    packed = NativeLinear.pack(library, TileMemory(), tensors)
    assert packed is not None
    return packed


def inputs(rows: int, columns: int = COLUMNS) -> Tensor:
    return torch.from_numpy(np.random.default_rng(rows).normal(0, 1, (rows, columns))).float()


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("num_rows", [1, 3, MOST_ROWS])
def test_products_are_those_of_the_dequantised_weights(
    library: NativeLibrary, kind: BlockType, num_rows: int
) -> None:
    tensor, x = random_tensor(kind), inputs(num_rows)
    weights = dequantise(kind, tensor.blocks)
    found = pack(library, tensor)(x)
    # K types round scales to halves, by 2^-11 at most; inputs keep 15 bits of each group's largest.
    limit = 1e-6 if kind in PLAIN else 5e-4 if kind in ROUNDED else 1e-4
    assert relative_error(found, x @ weights.t()) < limit


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_a_row_is_the_same_to_the_bit_in_any_company(library: NativeLibrary, kind: BlockType) -> None:
    product, x = pack(library, random_tensor(kind)), inputs(11)
    together = product(x)
    for threads in (1, 2, 3):
        library.num_threads = threads
        assert torch.equal(product(x), together)
        assert torch.equal(torch.cat([product(x[i : i + 1]) for i in range(11)]), together)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_many_rows_use_the_weights_unpacked(library: NativeLibrary, kind: BlockType) -> None:
    tensor, x = random_tensor(kind), inputs(MOST_ROWS + 1)
    expected = x @ dequantise(kind, tensor.blocks).t()
    assert relative_error(pack(library, tensor)(x), expected) < 0.01


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_single_rows_are_read_as_they_are_stored(library: NativeLibrary, kind: BlockType) -> None:
    tensor = random_tensor(kind)
    stored, rows = stored_part(library, tensor), torch.tensor([3, 99, 3, 0])
    assert stored is not None
    found = torch.empty(4, COLUMNS)
    library.read_rows(stored, rows.data_ptr(), 4, 2.0, found.data_ptr(), is_tiled=False)
    expected = 2 * dequantise(kind, tensor.blocks)[rows]
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
    packed = pack(library, tensor)
    library.read_rows(packed.matrix.parts[0], rows.data_ptr(), 4, 2.0, found.data_ptr(), is_tiled=True)
    assert relative_error(found, expected) < (5e-4 if kind in ROUNDED else 1e-6)


def test_several_matrices_of_several_types_stand_one_under_the_other(library: NativeLibrary) -> None:
    tensors = [
        random_tensor(BlockType.Q4_K, 48),
        random_tensor(BlockType.Q8_0, 7),
        random_tensor(BlockType.Q6_K, 33),
    ]
    x = inputs(5)
    expected = torch.cat([pack(library, tensor)(x) for tensor in tensors], -1)
    assert torch.equal(pack(library, *tensors)(x), expected)
    many = inputs(MOST_ROWS + 1)
    apart = torch.cat([pack(library, tensor)(many) for tensor in tensors], -1)
    assert relative_error(pack(library, *tensors)(many), apart) < 1e-2


def test_types_without_a_layout_are_left_to_others(library: NativeLibrary) -> None:
    raw = torch.zeros(16, 3, BlockType.IQ2_XXS.type_size, dtype=torch.uint8)
    tensor = BlockTensor("w", BlockType.IQ2_XXS, raw)
    assert NativeLinear.pack(library, TileMemory(), [tensor]) is None


def test_scales_beyond_a_half_are_left_to_others(library: NativeLibrary) -> None:
    tensor = random_tensor(BlockType.MXFP4)
    tensor.blocks[3, 2, 0] = 160
    assert NativeLinear.pack(library, TileMemory(), [tensor]) is None


def test_a_scale_that_is_no_number_shows(library: NativeLibrary) -> None:
    tensor = random_tensor(BlockType.Q8_0)
    tensor.blocks[3, 2, :2] = torch.tensor([0, 0x7E], dtype=torch.uint8)
    found = pack(library, tensor)(inputs(1))
    assert torch.isnan(found[0, 3])
    assert torch.isfinite(found[0, :3]).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_input_that_is_no_number_shows(library: NativeLibrary, value: float) -> None:
    x = inputs(1)
    x[0, 40] = value
    assert not torch.isfinite(pack(library, random_tensor(BlockType.Q4_1))(x)).any()


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "target", [pytest.param("-mtune=generic", marks=pytest.mark.slow), "-march=x86-64-v3"]
)
def test_other_processors_code_gives_the_same(
    library: NativeLibrary, kernels: Path, target: str, kind: BlockType
) -> None:
    if target == "-march=x86-64-v3" and not has_avx2():
        pytest.skip("no AVX2")
    path = library_path(kernels, target)
    assert path is not None
    other = NativeLibrary(path, 1)
    assert other.is_fast == (target == "-march=x86-64-v3")
    tensor, x = random_tensor(kind), inputs(5)
    assert relative_error(pack(other, tensor)(x), pack(library, tensor)(x)) < 1e-6
    many = inputs(MOST_ROWS + 1)
    assert torch.equal(pack(other, tensor)(many), pack(library, tensor)(many))


def has_avx2() -> bool:
    return torch.backends.cpu.get_cpu_capability() in {"AVX2", "AVX512"}
