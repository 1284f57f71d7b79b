"""The decoder in C against transformers, for every family, and its rows in any company."""

from pathlib import Path
from typing import Any  # transformers has no types

import numpy as np
import pytest
import torch
from torch import Tensor

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.native.library import NativeLibrary
from tests.engine.local.decoder.test_families import load, read_in_steps
from tests.support.family_gguf import family_gguf
from tests.support.llama_oracle import transformers_logits
from tests.support.tiny_models import FAMILIES, tiny_model

IDS = np.random.default_rng(1).integers(3, 320, 600).tolist()
FEW = IDS[:90]


@pytest.fixture
def placement(library: NativeLibrary) -> Placement:
    library.num_threads = 2
    return Placement.best_for(torch.device("cpu"), library)


def made(tmp_path: Path, family: str, placement: Placement) -> tuple[Decoder, Any]:
    config, model = tiny_model(family)
    return load(family_gguf(tmp_path / "tiny.gguf", family, config, model), placement), model


def assert_close(found: Tensor, expected: Tensor) -> None:
    """Keys and values are kept as halves: 2^-11 of each may be lost."""
    error = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert float(error.mean()) < 2e-3
    assert float(error.max()) < 6e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_gives_the_logits_of_transformers(family: str, tmp_path: Path, placement: Placement) -> None:
    decoder, model = made(tmp_path, family, placement)
    # Steps of at most 64 tokens: more would be read by torch, in bf16.
    assert_close(read_in_steps(decoder, FEW, [1, 30, 1, 1, 40, 7]), transformers_logits(model, FEW))


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_blocks_of_positions_are_joined(family: str, tmp_path: Path, placement: Placement) -> None:
    config, model = tiny_model(family, max_position_embeddings=1024)
    decoder = load(family_gguf(tmp_path / "tiny.gguf", family, config, model), placement)
    assert_close(read_in_steps(decoder, IDS, [48]), transformers_logits(model, IDS))


@pytest.mark.parametrize("family", FAMILIES)
@torch.inference_mode()
def test_a_row_is_the_same_to_the_bit_in_any_company(
    family: str, tmp_path: Path, placement: Placement, library: NativeLibrary
) -> None:
    decoder, _ = made(tmp_path, family, placement)
    alone = read_in_steps(decoder, FEW, [1])
    for threads, sizes in ((1, [48]), (2, [2]), (3, [17, 31])):
        library.num_threads = threads
        assert torch.equal(read_in_steps(decoder, FEW, list(sizes)), alone)


@torch.inference_mode()
def test_sequences_in_one_pass_do_not_know_each_other(tmp_path: Path, placement: Placement) -> None:
    decoder, _ = made(tmp_path, "qwen3", placement)
    starts = [5, 17, 0]
    slabs = [Slab(decoder, 64) for _ in starts]
    for slab, start in zip(slabs, starts, strict=True):
        if start:
            slab.read(FEW[:start])
        slab.reserve(start + 4)
    segments = [Segment(slab.tensors, start, 4) for slab, start in zip(slabs, starts, strict=True)]
    ids = torch.tensor([FEW[start : start + 4] for start in starts]).view(-1)
    together = decoder.forward(ids, segments)
    expected = [read_in_steps(decoder, FEW[: start + 4], [9])[-1] for start in starts]
    assert torch.equal(together, torch.stack(expected))


def spoilt(tensor: Tensor) -> None:
    tensor[0] = float("nan")


@torch.inference_mode()
def test_what_is_no_number_shows_in_the_logits(tmp_path: Path, placement: Placement) -> None:
    decoder, _ = made(tmp_path, "llama", placement)
    norm = decoder.weights.layers[0].ffn_norm
    assert norm is not None
    spoilt(norm.scaled_weight)
    assert torch.isnan(Slab(decoder, 64).read(FEW[:3])).all()
