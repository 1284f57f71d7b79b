"""The decoder against transformers on tiny random models, and what it refuses to load."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.decoder.loading import load_decoder
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.weights.tensors import WeightFile
from chatterm.errors import BadModelFile
from chatterm.models.gguf import GGUFFile
from chatterm.models.hyperparameters import read_hyperparameters
from tests.support.gguf_files import TinyLlama, tiny_gguf
from tests.support.llama_oracle import rewrite_gguf, transformers_logits, transformers_model

PACKED = Placement.best_for(torch.device("cpu"))
REFERENCE = Placement.reference()
IDS = np.random.default_rng(0).integers(3, 270, 90).tolist()


def load(path: Path, placement: Placement = REFERENCE) -> Decoder:
    file = GGUFFile.open(path)
    return load_decoder(WeightFile(file), read_hyperparameters(file), placement)[0]


@torch.inference_mode()
def logits_of(model: Decoder, ids: list[int]) -> torch.Tensor:
    return Slab(model, 1024).read(ids, is_last_only=False)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


SHAPES = {
    "tied": TinyLlama(block_type="F32"),
    "untied": TinyLlama(block_type="F32", is_tied=False),
    "one kv head": TinyLlama(block_type="F32", num_kv_heads=1, num_layers=3),
    "as many kv heads as heads": TinyLlama(block_type="F32", num_kv_heads=4, rope_theta=500_000.0),
    "Q4_0": TinyLlama(block_type="Q4_0"),
    "Q4_1 and Q8_0": TinyLlama(block_type="Q4_1", embedding_type="Q8_0"),
    "Q8_0": TinyLlama(block_type="Q8_0", embedding_type="F16"),
    "Q5_0": TinyLlama(block_type="Q5_0"),
    "Q5_1": TinyLlama(block_type="Q5_1", embedding_type="BF16"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_gives_the_logits_of_transformers(name: str, tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "tiny.gguf", SHAPES[name])
    expected = transformers_logits(transformers_model(path), IDS)
    torch.testing.assert_close(logits_of(load(path), IDS), expected, rtol=1e-4, atol=1e-4)
    # bf16 activations and scales round by up to 0.4% in each of some ten steps.
    assert relative_error(logits_of(load(path, PACKED), IDS), expected) < 0.02


def test_rope_is_stretched_as_llama_3_does(tmp_path: Path) -> None:
    rope = {
        "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
    }  # fmt: skip
    plain = tiny_gguf(tmp_path / "plain.gguf", TinyLlama(block_type="F32"))
    factors = np.array([llama3_factor(10_000.0 ** (-2 * i / 16)) for i in range(8)], dtype=np.float32)
    assert len({round(float(factor), 3) for factor in factors}) > 2, "all three cases must occur"
    path = rewrite_gguf(plain, tmp_path / "stretched.gguf", tensors={"rope_freqs.weight": factors})
    expected = transformers_logits(transformers_model(plain, rope), IDS)
    torch.testing.assert_close(logits_of(load(path), IDS), expected, rtol=1e-4, atol=1e-4)
    assert relative_error(logits_of(load(plain), IDS), expected) > 0.01, "the factors must matter"


def llama3_factor(frequency: float) -> float:
    """As llama.cpp's `convert_hf_to_gguf.py` computes what it stores, for the parameters above."""
    wavelength = 2 * math.pi / frequency
    if wavelength < 64 / 4:
        return 1.0
    if wavelength > 64:
        return 8.0
    smooth = (64 / wavelength - 1.0) / (4.0 - 1.0)
    return 1 / ((1 - smooth) / 8.0 + smooth)


def test_rope_is_stretched_linearly(tmp_path: Path) -> None:
    spec = TinyLlama(block_type="F32")
    extra: dict[str, str | int | float] = {
        "llama.rope.scaling.type": "linear",
        "llama.rope.scaling.factor": 4.0,
    }
    path = tiny_gguf(tmp_path / "stretched.gguf", spec, extra)
    plain = tiny_gguf(tmp_path / "plain.gguf", spec)
    rope = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
    expected = transformers_logits(transformers_model(plain, rope), IDS)
    torch.testing.assert_close(logits_of(load(path), IDS), expected, rtol=1e-4, atol=1e-4)


def test_the_last_position_alone_has_the_same_logits(tmp_path: Path) -> None:
    model = load(tiny_gguf(tmp_path / "tiny.gguf"))
    with torch.inference_mode():
        last = Slab(model, 512).read(IDS)
    assert last.shape == (model.shape.vocab_size,)
    torch.testing.assert_close(last, logits_of(model, IDS)[-1], rtol=1e-5, atol=1e-5)


def test_no_inference_mode_is_left_behind(tmp_path: Path) -> None:
    logits_of(load(tiny_gguf(tmp_path / "tiny.gguf")), IDS)
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"without": ["blk.1.ffn_up.weight"]}, r"no tensor 'blk\.1\.ffn_up\.weight'"),
        ({"without": ["output_norm.weight"]}, r"no tensor 'output_norm\.weight'"),
        (
            {"tensors": {"blk.0.attn_k.weight": np.zeros((64, 64), np.float32)}},
            r"'blk\.0\.attn_k\.weight' should be 32 x 64, but is 64 x 64",
        ),
        (
            {"tensors": {"blk.0.attn_q.bias": np.zeros(64, np.float32)}},
            r"no tensor 'blk\.0\.attn_k\.bias'",
        ),
        (
            {"tensors": {"blk.0.ffn_gate.bias": np.zeros(128, np.float32)}},
            r"1 tensors that a llama decoder does not use.*'blk\.0\.ffn_gate\.bias'",
        ),
    ],
)
def test_tensors_are_checked_at_load(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    plain = tiny_gguf(tmp_path / "plain.gguf", TinyLlama(block_type="F32"))
    path = rewrite_gguf(plain, tmp_path / "changed.gguf", **changes)  # type: ignore[arg-type]  # a table's row
    with pytest.raises(BadModelFile, match=message):
        load(path)
