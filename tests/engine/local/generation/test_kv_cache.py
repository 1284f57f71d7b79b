"""Cached against fresh, one token a step against all at once, and what the cache keeps of a conversation."""

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.generation.kv_cache import KVCache, Slab, bytes_per_token, common_prefix
from tests.engine.local.decoder.test_decoder import PACKED, REFERENCE, load, relative_error
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
    cache.give_back(slab)
    other = [*IDS[:70], 5, 6, 7]
    slab = cache.take(other)
    assert slab.token_ids == IDS[:70]
    assert_same(model, slab.read(other[70:]), Slab(model, 400).read(other))


@torch.inference_mode()
def test_the_last_token_is_always_left_to_read(model: Decoder) -> None:
    cache = KVCache(model, 400)
    fill(cache, IDS)
    slab = cache.take(IDS)
    assert slab.token_ids == IDS[:-1]
    cache.give_back(slab)
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
    assert 1400 <= slab.capacity <= 1500
    slab.reserve(1500)
    with pytest.raises(ValueError, match="1500 tokens cannot hold 1501"):
        slab.reserve(1501)


def held(cache: KVCache, ids: list[int]) -> int:
    """How much of a prompt the cache would spare; nothing changes but which slab was used last."""
    slab = cache.take([*ids, 319])
    length = len(slab.token_ids)
    cache.give_back(slab)
    return length


def fill(cache: KVCache, ids: list[int], *, is_once: bool = False) -> Slab:
    """Read a prompt as a turn does."""
    slab = cache.take(ids, len(ids) + 10)
    slab.read(ids[len(slab.token_ids) :])
    cache.give_back(slab, is_once=is_once)
    return slab


SYSTEM = IDS[:40]
ONE = [*SYSTEM, *range(50, 100)]
OTHER = [*SYSTEM, *range(150, 230)]


@torch.inference_mode()
def test_two_conversations_in_turn_both_stay(model: Decoder) -> None:
    cache = KVCache(model, 400, 2000 * bytes_per_token(model))
    for _ in range(3):
        fill(cache, ONE)
        fill(cache, OTHER)
    assert held(cache, ONE) == len(ONE)
    assert held(cache, OTHER) == len(OTHER)
    longer = [*ONE, 7, 8, 9]
    slab = cache.take(longer)
    assert slab.token_ids == ONE
    assert_same(model, slab.read(longer[len(ONE) :]), Slab(model, 400).read(longer))


@torch.inference_mode()
def test_a_shared_beginning_is_copied_from_a_slab_in_use(model: Decoder) -> None:
    cache = KVCache(model, 400, 2000 * bytes_per_token(model))
    one = cache.take(ONE)
    one.read(ONE)
    other = cache.take(OTHER)
    assert other is not one
    assert other.token_ids == SYSTEM
    assert_same(model, other.read(OTHER[len(SYSTEM) :]), Slab(model, 400).read(OTHER))
    assert one.token_ids == ONE
    assert_same(model, one.read([5]), Slab(model, 400).read([*ONE, 5]))


@torch.inference_mode()
def test_the_least_recently_used_is_dropped_first(model: Decoder) -> None:
    cache = KVCache(model, 100, 250 * bytes_per_token(model))
    first, second, third = ([start, *range(100, 130)] for start in (10, 20, 30))
    fill(cache, first)
    fill(cache, second)
    fill(cache, first)
    assert cache.num_kept == 2
    for number in range(40, 50):
        fill(cache, [number, *range(100, 130)])
        assert cache.num_tokens <= 250
        fill(cache, first)
    assert held(cache, first) == len(first)
    assert held(cache, second) == 0
    assert held(cache, third) == 0


@torch.inference_mode()
def test_a_slab_in_use_is_never_dropped(model: Decoder) -> None:
    cache = KVCache(model, 100, 150 * bytes_per_token(model))
    slab = cache.take(ONE, 100)
    slab.read(ONE)
    for number in range(20):
        fill(cache, [number, *range(100, 140)])
    assert slab.token_ids == ONE
    assert_same(model, slab.read([5]), Slab(model, 200).read([*ONE, 5]))


def test_room_is_for_as_many_as_the_budget_holds(model: Decoder) -> None:
    cache = KVCache(model, 100, 250 * bytes_per_token(model))
    assert cache.has_room(10_000), "one may always run"
    slabs = [cache.take([1, 2, 3], 100) for _ in range(2)]
    assert not cache.has_room(51)
    assert cache.has_room(50)
    cache.give_back(slabs[0])
    assert cache.has_room(100)
    cache.give_back(slabs[1])
    cache.give_back(slabs[1])
    assert cache.num_tokens == 0


@torch.inference_mode()
def test_with_its_logits_known_a_prompt_need_not_be_read_at_all(model: Decoder) -> None:
    cache = KVCache(model, 400, 2000 * bytes_per_token(model))
    slab = cache.take(ONE)
    slab.read(ONE)
    again = cache.take(ONE, may_hold_all=True)
    assert again.token_ids == ONE
    assert again is not slab
    assert_same(model, again.read([5]), slab.read([5]))


@pytest.mark.parametrize(
    ("one", "other", "length"),
    [([], [], 0), ([1], [], 0), ([1, 2], [1, 2], 2), ([1, 2], [1, 2, 3], 2), ([1, 2, 3], [1, 9, 3], 1)],
)
def test_common_prefix(one: list[int], other: list[int], length: int) -> None:
    assert common_prefix(one, other) == length
    assert common_prefix(other, one) == length


@torch.inference_mode()
def test_of_prompts_that_come_once_only_the_last_is_kept(model: Decoder) -> None:
    cache = KVCache(model, 2048, budget=10**9)
    found = []
    for first in (50, 150, 250):
        part = [*SYSTEM, *range(first, first + 60)]
        slab = cache.take(part, len(part))
        assert cache.num_kept == 0, "the one before was copied from, and is needed no more"
        found.append(len(slab.token_ids))
        slab.read(part[len(slab.token_ids) :])
        cache.give_back(slab, is_once=True)
    assert found == [0, len(SYSTEM), len(SYSTEM)]
    assert cache.num_kept == 1
    assert cache.num_tokens == len(SYSTEM), "what the last had alone takes no memory"
    fill(cache, ONE)
    cache.give_back(cache.take(OTHER, len(OTHER)), is_once=True)
    assert held(cache, ONE) == len(ONE), "what is kept for later prompts is not dropped for them"


@torch.inference_mode()
def test_a_conversation_that_goes_on_from_what_came_once_is_kept(model: Decoder) -> None:
    cache = KVCache(model, 2048, budget=10**9)
    first = fill(cache, ONE, is_once=True)
    longer = [*ONE, 7, 8]
    assert fill(cache, longer) is first
    fill(cache, OTHER, is_once=True)
    assert held(cache, longer) == len(longer)


@torch.inference_mode()
@pytest.mark.parametrize("is_once", [False, True])
def test_what_is_dropped_gives_its_memory_back(model: Decoder, *, is_once: bool) -> None:
    cache = KVCache(model, 400)
    memory = weakref.ref(fill(cache, ONE, is_once=is_once).tensors[0])
    assert memory() is not None
    cache.clear()
    assert memory() is None
