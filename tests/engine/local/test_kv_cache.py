"""Cached against fresh, one token a step against all at once, and what the cache keeps of a conversation."""

from pathlib import Path

import numpy as np
import pytest
import torch

from chatterm.engine.local.kv_cache import KVCache, Slab, common_prefix
from chatterm.engine.local.linear import Placement
from chatterm.engine.local.model import Decoder
from tests.engine.local.test_model import PACKED, REFERENCE, load, relative_error
from tests.support.gguf_files import TinyLlama, tiny_gguf

IDS = np.random.default_rng(3).integers(3, 270, 120).tolist()


@pytest.fixture(params=[REFERENCE, PACKED], ids=["reference", "packed"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Decoder:
    placement: Placement = request.param
    return load(tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(context_length=4096)), placement)


def assert_same(model: Decoder, found: torch.Tensor, expected: torch.Tensor) -> None:
    """fp32 sums in another order; bf16 activations round differently where a sum lies between two."""
    limit = 1e-5 if model.placement.dtype == torch.float32 else 0.02
    assert relative_error(found, expected) < limit


@torch.inference_mode()
def test_step_by_step_gives_what_all_at_once_gives(model: Decoder) -> None:
    expected = Slab(model, 200).read(IDS, is_last_only=False)
    slab = Slab(model, 200)
    assert_same(model, torch.stack([slab.read([one]) for one in IDS]), expected)
    assert slab.token_ids == IDS


@torch.inference_mode()
@pytest.mark.parametrize("cut", [1, 47, 48, 119])
def test_two_parts_give_what_all_at_once_gives(model: Decoder, cut: int) -> None:
    expected = Slab(model, 200).read(IDS, is_last_only=False)
    slab = Slab(model, 200)
    parts = [slab.read(IDS[:cut], is_last_only=False), slab.read(IDS[cut:], is_last_only=False)]
    assert_same(model, torch.cat(parts), expected)


@torch.inference_mode()
def test_a_shared_start_is_not_read_again_and_changes_nothing(model: Decoder) -> None:
    cache = KVCache(model, 400)
    slab = cache.take(IDS)
    assert slab.token_ids == []
    slab.read(IDS)
    other = [*IDS[:70], 5, 6, 7]
    slab = cache.take(other)
    assert slab.token_ids == IDS[:70]
    assert_same(model, slab.read(other[70:]), Slab(model, 400).read(other))


@torch.inference_mode()
def test_the_last_token_is_always_left_to_read(model: Decoder) -> None:
    cache = KVCache(model, 400)
    cache.take(IDS).read(IDS)
    assert cache.take(IDS).token_ids == IDS[:-1]
    assert cache.take(IDS[:10]).token_ids == IDS[:9]


@torch.inference_mode()
def test_memory_grows_and_keeps_what_it_held(model: Decoder) -> None:
    slab = Slab(model, 4000)
    slab.read(IDS)
    before = slab.capacity
    slab.reserve(before + 1)
    assert before < slab.capacity <= 4000
    ids = [*IDS, 9]
    assert_same(model, slab.read([9]), Slab(model, 4000).read(ids))


def test_memory_never_exceeds_the_limit(model: Decoder) -> None:
    slab = Slab(model, 1500)
    slab.reserve(1)
    slab.reserve(1400)
    assert slab.capacity == 1500
    with pytest.raises(ValueError, match="1500 tokens cannot hold 1501"):
        slab.reserve(1501)


@pytest.mark.parametrize(
    ("one", "other", "length"),
    [([], [], 0), ([1], [], 0), ([1, 2], [1, 2], 2), ([1, 2], [1, 2, 3], 2), ([1, 2, 3], [1, 9, 3], 1)],
)
def test_common_prefix(one: list[int], other: list[int], length: int) -> None:
    assert common_prefix(one, other) == length
    assert common_prefix(other, one) == length
