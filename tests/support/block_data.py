"""Random blocks of every type: any bytes as codes, sane fp16 scales among them."""

import gguf
import numpy as np
import torch
from gguf import quants

from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.block_types import BlockType

SCALES_AT = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [],
}  # fmt: skip
"""Bytes at which a block of each quantised type has an fp16: random bits would sometimes be NaN."""

PLAIN = ["F32", "F16", "BF16"]
QUANTISED = [*SCALES_AT]
SUPPORTED = [*PLAIN, *QUANTISED]


def random_blocks(name: str, rows: int, blocks: int, seed: int = 0) -> np.ndarray:
    """Return uint8 (rows, blocks, bytes a block)."""
    rng = np.random.default_rng(seed)
    block_type = BlockType[name]
    if block_type.block_size == 1:
        values = rng.standard_normal((rows, blocks)).astype(np.float32)
        stored: np.ndarray = quants.quantize(values, gguf.GGMLQuantizationType[name])
        return stored.view(np.uint8).reshape(rows, blocks, -1)
    raw = rng.integers(0, 256, (rows, blocks, block_type.type_size), dtype=np.uint8)
    for offset in SCALES_AT[name]:
        scales = rng.standard_normal((rows, blocks, 1)).astype(np.float16)
        raw[..., offset : offset + 2] = scales.view(np.uint8)
    if name == "MXFP4":
        raw[..., 0] = rng.integers(122, 130, (rows, blocks), dtype=np.uint8)
    return raw


def tensor_of(name: str, raw: np.ndarray) -> BlockTensor:
    return BlockTensor("blk.0.ffn_up.weight", BlockType[name], torch.from_numpy(raw))


def random_tensor(name: str, rows: int, columns: int, seed: int = 0) -> BlockTensor:
    """Return a matrix; `columns` is a multiple of the type's block size."""
    return tensor_of(name, random_blocks(name, rows, columns // BlockType[name].block_size, seed))
