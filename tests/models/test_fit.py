"""What a model needs is added up right, and what does not fit is told with numbers that then do fit."""

import re

import pytest

from chatterm.errors import OutOfMemory
from chatterm.models.arch_spec import ArchSpec, LayerSpec
from chatterm.models.block_types import BlockType
from chatterm.models.fit import MemoryNeed, fitted_context, memory_need, said, shortened_notice, verdict
from chatterm.models.gguf_header import TensorInfo

MB = 10**6
NEED = MemoryNeed(
    weights=4000 * MB, embedding=200 * MB, cache_per_token=100_000, context_length=32_768, working=300 * MB
)
"""4,500 MB without the cache, which is 3,276.8 MB: 7,776.8 in all; 1,024 tokens take 102.4."""


def spec(**changes: object) -> ArchSpec:
    values = {
        "architecture": "llama",
        "context_length": 4096,
        "embedding_length": 64,
        "feed_forward_length": 128,
        "num_heads": 4,
        "num_kv_heads": 2,
        "head_length": 16,
        "vocab_size": 320,
        "is_head_tied": True,
        "rms_epsilon": 1e-5,
        "layers": (LayerSpec(rope=None),) * 3,
        "rope_pairs": "neighbours",
        "query_scale": 0.25,
    }
    return ArchSpec(**(values | changes))  # type: ignore[arg-type]  # of the right types, by the names above


def tensor(name: str, num_bytes: int) -> TensorInfo:
    return TensorInfo(name, (num_bytes // 2, 2), BlockType.I8, 0, num_bytes, num_bytes)


TENSORS = [
    tensor("token_embd.weight", 1000),
    tensor("blk.0.attn_q.weight", 300),
    tensor("output.weight", 500),
]


def test_weights_count_as_they_will_be_held() -> None:
    need = memory_need(
        TENSORS, spec(is_head_tied=False), context_length=100, held=lambda one: 2 * one.num_bytes
    )
    assert need.weights == 2 * (300 + 500)
    assert need.embedding == 1000


def test_a_tied_head_is_a_product_of_its_own() -> None:
    need = memory_need(TENSORS[:2], spec(), context_length=100, held=lambda one: 2 * one.num_bytes)
    assert need.weights == 2 * (1000 + 300)
    assert need.embedding == 1000


@pytest.mark.parametrize(("itemsize", "expected"), [(4, 768), (2, 384)])
def test_the_cache_has_keys_and_values_of_every_layer(itemsize: int, expected: int) -> None:
    need = memory_need(
        TENSORS, spec(), context_length=100, held=lambda one: one.num_bytes, cache_itemsize=itemsize
    )
    assert need.cache_per_token == expected
    assert need.cache == 100 * expected
    assert need.total == need.weights + need.embedding + need.working + need.cache


@pytest.mark.parametrize(
    ("free_mb", "tokens"),
    [
        (4499, 0),
        (4500, 0),
        (4510, 100),
        (4600, 768),
        (4700, 1792),
        (7776, 32_512),
        (7777, 32_768),
        (99_999, 32_768),
    ],
)
def test_the_longest_context_fits_and_no_longer_one(free_mb: int, tokens: int) -> None:
    found = NEED.longest_context(free_mb * MB)
    assert found == tokens
    assert found == 0 or NEED.without_cache + found * NEED.cache_per_token <= free_mb * MB


@pytest.mark.parametrize(
    ("free_mb", "words"), [(8000, "yes"), (5000, "with --ctx 4864"), (4510, "no"), (100, "no")]
)
def test_whether_it_fits_is_said_with_the_context_that_does(free_mb: int, words: str) -> None:
    assert verdict(NEED, free_mb * MB) == words


def fit(free_mb: int, *, is_context_asked: bool) -> int:
    return fitted_context(NEED, free_mb * MB, name="big", device="cpu", is_context_asked=is_context_asked)


@pytest.mark.parametrize("is_context_asked", [True, False])
def test_what_fits_is_opened_as_it_is(is_context_asked: bool) -> None:
    assert fit(7777, is_context_asked=is_context_asked) == 32_768


def test_a_context_nobody_asked_for_is_shortened_and_that_is_said() -> None:
    assert fit(5000, is_context_asked=False) == 4864
    notice = shortened_notice(NEED, 5000 * MB, 4864)
    assert "4,864" in notice
    assert "32,768" in notice
    assert "3,277 MB" in notice
    assert "500 MB" in notice


def test_a_context_that_was_asked_for_is_refused_with_one_that_fits() -> None:
    with pytest.raises(OutOfMemory, match=r"7,777 MB.*5,000 MB are free.*--ctx 4864 would fit") as caught:
        fit(5000, is_context_asked=True)
    assert caught.value.exit_code == 5
    advised = int(re.findall(r"--ctx (\d+)", str(caught.value))[0])
    assert NEED.without_cache + advised * NEED.cache_per_token <= 5000 * MB


@pytest.mark.parametrize("is_context_asked", [True, False])
def test_a_model_that_does_not_fit_at_all_is_refused(is_context_asked: bool) -> None:
    with pytest.raises(OutOfMemory, match=r"big needs 4,602 MB on cpu.*4,601 MB are free.*quantisation"):
        fit(4601, is_context_asked=is_context_asked)
    assert fit(4603, is_context_asked=False) == 1024


def test_a_small_model_needs_no_more_than_its_own_context() -> None:
    small = MemoryNeed(weights=MB, embedding=0, cache_per_token=10, context_length=512, working=0)
    assert fitted_context(small, MB + 5120, name="s", device="cpu", is_context_asked=False) == 512
    with pytest.raises(OutOfMemory):
        fitted_context(small, MB + 5119, name="s", device="cpu", is_context_asked=False)


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(1_500_000, "2 MB"), (9_999 * MB, "9,999 MB"), (12_340 * MB, "12.3 GB")]
)
def test_bytes_are_said_for_people(num_bytes: int, text: str) -> None:
    assert said(num_bytes) == text
