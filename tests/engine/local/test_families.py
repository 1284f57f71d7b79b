"""Every family of decoders against transformers, on tiny random models in GGUF files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any  # transformers has no types

import numpy as np
import pytest
import torch

from chatterm.engine.local.kv_cache import Slab
from chatterm.engine.local.linear import Placement
from chatterm.engine.local.loading import load_decoder
from chatterm.engine.local.model import Decoder, Segment
from chatterm.engine.local.weights import WeightFile
from chatterm.models.gguf import GGUFFile
from chatterm.models.hyperparameters import read_hyperparameters
from tests.support.family_gguf import family_gguf, round_weights
from tests.support.llama_oracle import transformers_logits
from tests.support.tiny_models import FAMILIES, LINEAR_ROPE, LLAMA3_ROPE, YARN_ROPE, tiny_model

REFERENCE = Placement.reference()
PACKED = Placement.best_for(torch.device("cpu"))
IDS = np.random.default_rng(0).integers(3, 320, 150).tolist()


def load(path: Path, placement: Placement = REFERENCE, context_length: int | None = None) -> Decoder:
    file = GGUFFile.open(path)
    spec = read_hyperparameters(file)
    return load_decoder(WeightFile(file), spec, placement, context_length=context_length)[0]


def made(tmp_path: Path, family: str, changes: Mapping[str, object] | None = None) -> tuple[Decoder, Any]:
    config, model = tiny_model(family, **(changes or {}))
    return load(family_gguf(tmp_path / "tiny.gguf", family, config, model)), model


@torch.inference_mode()
def read_in_steps(decoder: Decoder, ids: list[int], sizes: list[int]) -> torch.Tensor:
    """Return the logits of all positions, read `sizes` tokens at a time; the last size repeats."""
    slab = Slab(decoder, 16_384)
    logits, start = [], 0
    while start < len(ids):
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        logits.append(slab.read(ids[start : start + size], is_last_only=False))
        start += size
    return torch.cat(logits)


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * max(1.0, scale / 10))


@pytest.mark.parametrize("family", FAMILIES)
def test_gives_the_logits_of_transformers(family: str, tmp_path: Path) -> None:
    decoder, model = made(tmp_path, family)
    assert_close(read_in_steps(decoder, IDS, [len(IDS)]), transformers_logits(model, IDS))


@pytest.mark.parametrize("family", FAMILIES)
def test_in_steps_as_all_at_once(family: str, tmp_path: Path) -> None:
    decoder, model = made(tmp_path, family)
    found = read_in_steps(decoder, IDS, [7, 40, 1, 1, 30, 1])
    assert_close(found, transformers_logits(model, IDS))
