"""The block types as C reads them, against the Python decoders. Skipped where there is no C compiler."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from ctypes import POINTER, c_float, c_int, c_int8, c_uint8, c_void_p
from pathlib import Path

import numpy as np
import pytest
import torch

import chatterm.engine.local
from chatterm.engine.local.weights.packed_types import TILE_LAYOUTS, held_bytes
from chatterm.engine.local.weights.packing import dequantise, integers
from chatterm.models.block_types import BlockType
from tests.support.block_data import PLAIN, QUANTISED, SCALES_AT, random_blocks

COMPILER = shutil.which("cc")
SOURCES = Path(chatterm.engine.local.__file__).parent / "native"
BITS = {"Q8_0": 8, "Q6_K": 6, "Q5_0": 5, "Q5_1": 5, "Q5_K": 5, "Q3_K": 3, "Q2_K": 2}
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


class BlockFormat(ctypes.Structure):
    _fields_ = [
        ("type", c_int),
        ("block_size", c_int),
        ("type_size", c_int),
        ("group_size", c_int),
        ("bits", c_int),
        ("table", POINTER(c_int8)),
        ("decode", ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_void_p, c_void_p)),
    ]


FindFormat = Callable[[int], "ctypes._Pointer[BlockFormat]"]


@pytest.fixture(scope="module", params=["-O0", "-O3 -march=native -ffp-contract=fast"])
def find_format(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FindFormat:
    assert COMPILER
    library = tmp_path_factory.mktemp("native") / "blocks.so"
    options = [*request.param.split(), "-std=c11", *WARNINGS, "-shared", "-fPIC"]
    subprocess.run([COMPILER, *options, str(SOURCES / "blocks.c"), "-o", str(library)], check=True)
    function = ctypes.CDLL(str(library)).block_format
    function.restype = POINTER(BlockFormat)
    function.argtypes = [c_int]
    found: FindFormat = function
    return found


def decode(form: BlockFormat, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode blocks (n, bytes): codes (n, columns), scales and minima (n, groups), all written by C."""
    num_groups = form.block_size // form.group_size
    codes = np.full((len(raw), form.block_size), 0xEE, dtype=c_uint8)
    scales = np.full((len(raw), num_groups), np.nan, dtype=c_float)
    minima = np.full((len(raw), num_groups), np.nan, dtype=c_float)
    for i, block in enumerate(raw):
        outputs = [array[i].ctypes.data for array in (codes, scales, minima)]
        form.decode(block.ctypes.data, *outputs)
    return codes, scales, minima


def rebuild(form: BlockFormat, raw: np.ndarray) -> np.ndarray:
    """Return the weights that C's codes stand for, computed in fp32."""
    codes, scales, minima = decode(form, raw)
    if form.table:
        values = np.array(form.table[:16], dtype=np.float32)[codes]
        assert not minima.any()
    else:
        values = codes.astype(np.float32)
    groups = values.reshape(len(raw), -1, form.group_size)
    with np.errstate(over="ignore"):
        weights: np.ndarray = scales[..., None] * groups + minima[..., None]
    return weights.reshape(len(raw), -1)


@pytest.mark.parametrize("name", QUANTISED)
def test_sizes(name: str, find_format: FindFormat) -> None:
    form, block_type = find_format(BlockType[name]).contents, BlockType[name]
    assert (form.type, form.block_size, form.type_size) == (
        block_type,
        block_type.block_size,
        block_type.type_size,
    )
    assert form.bits == BITS.get(name, 4)
    assert form.group_size == integers(block_type, torch.from_numpy(random_blocks(name, 1, 1))).group_size
    assert bool(form.table) == (name in {"IQ4_NL", "IQ4_XS", "MXFP4"})


@pytest.mark.parametrize("name", QUANTISED)
def test_weights_are_those_of_the_dequantiser(name: str, find_format: FindFormat) -> None:
    """Equal, not near: numpy's comparison takes -0 for 0, and nothing else differs."""
    form = find_format(BlockType[name]).contents
    raw = random_blocks(name, rows=1, blocks=200)[0]
    expected = dequantise(BlockType[name], torch.from_numpy(raw[:, None])).numpy()
    np.testing.assert_array_equal(rebuild(form, raw), expected)
    codes, _, _ = decode(form, raw)
    assert codes.min() == 0
    assert codes.max() == 2**form.bits - 1


@pytest.mark.parametrize("name", QUANTISED)
@pytest.mark.parametrize("scale", [0.0, 6e-8, 5e-5, -65504.0])
def test_extreme_codes_and_scales(name: str, scale: float, find_format: FindFormat) -> None:
    """Among the scales are fp16's smallest numbers and its largest."""
    form = find_format(BlockType[name]).contents
    raw = np.repeat(np.array([[0], [255], [128], [127]], dtype=np.uint8), form.type_size, axis=1)
    for offset in SCALES_AT[name]:
        raw[:, offset : offset + 2] = np.array([scale], dtype=np.float16).view(np.uint8)
    expected = dequantise(BlockType[name], torch.from_numpy(raw[:, None])).numpy()
    np.testing.assert_array_equal(rebuild(form, raw), expected)


def test_every_half_is_read(find_format: FindFormat) -> None:
    raw = np.zeros((2**16, 18), dtype=np.uint8)
    raw[:, :2] = np.arange(2**16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    _, scales, _ = decode(find_format(BlockType.Q4_0).contents, raw)
    expected = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(scales[:, 0], expected)


def test_every_exponent_of_mxfp4(find_format: FindFormat) -> None:
    raw = random_blocks("MXFP4", rows=1, blocks=256)[0]
    raw[:, 0] = np.arange(256)
    expected = dequantise(BlockType.MXFP4, torch.from_numpy(raw[:, None])).numpy()
    np.testing.assert_array_equal(rebuild(find_format(BlockType.MXFP4).contents, raw), expected)


@pytest.mark.parametrize("number", [*(BlockType[name] for name in PLAIN), BlockType.IQ2_XS, -1, 4, 1000])
def test_other_types_have_no_format(number: int, find_format: FindFormat) -> None:
    assert not find_format(number)


@pytest.mark.parametrize("rows", [16, 40])
def test_tiles_take_the_memory_that_is_said(rows: int, tmp_path: Path) -> None:
    assert COMPILER
    library = tmp_path / "layouts.so"
    command = [COMPILER, "-std=c11", "-shared", "-fPIC", str(SOURCES / "layouts.c"), "-o", str(library)]
    subprocess.run(command, check=True)
    functions = ctypes.CDLL(str(library))
    functions.find_layout.restype = c_void_p
    functions.tile_bytes.restype = ctypes.c_int64
    for block_type in TILE_LAYOUTS:
        layout = c_void_p(functions.find_layout(int(block_type)))
        taken = -(-rows // 16) * functions.tile_bytes(layout, ctypes.c_int64(512))
        assert taken == held_bytes(block_type, rows, 512, by="native"), block_type.name
