"""Samplers: transformers' filters are the oracle; draws are compared with the softmax by chi-square."""

import math

import pytest
import torch

from chatterm.engine.base import SamplingParams
from chatterm.engine.local.generation.sampling import (
    choose_likeliest,
    gumbel_noise,
    keep_candidates,
    make_sampler,
    noise_key,
)

NUM_TOKENS = 1000


def params(**changes: float) -> SamplingParams:
    off: dict[str, float] = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": 0}
    return SamplingParams(**off | changes)  # type: ignore[arg-type]  # a table's row


def random_logits(seed: int, scale: float = 3.0) -> torch.Tensor:
    return torch.randn(NUM_TOKENS, generator=torch.Generator().manual_seed(seed)) * scale


def kept_by_transformers(logits: torch.Tensor, chosen: SamplingParams) -> set[int]:
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    ids, scores = torch.zeros(1, 1, dtype=torch.long), logits.unsqueeze(0)
    scores = TemperatureLogitsWarper(chosen.temperature)(ids, scores)
    if chosen.top_k:
        scores = TopKLogitsWarper(chosen.top_k)(ids, scores)
    if chosen.top_p < 1:
        scores = TopPLogitsWarper(chosen.top_p)(ids, scores)
    if chosen.min_p:
        scores = MinPLogitsWarper(chosen.min_p)(ids, scores)
    return set(scores[0].isfinite().nonzero()[:, 0].tolist())


FILTERS = [
    {"top_k": 1},
    {"top_k": 40},
    {"top_k": 5000},
    {"top_p": 0.9},
    {"top_p": 0.5, "temperature": 0.3},
    {"top_p": 0.999, "temperature": 2.0},
    {"top_p": 0.0},
    {"min_p": 0.05},
    {"min_p": 1.0},
    {"top_k": 20, "top_p": 0.8},
    {"top_p": 0.95, "min_p": 0.1},
    {"top_k": 30, "top_p": 0.9, "min_p": 0.02, "temperature": 1.7},
]


@pytest.mark.parametrize("changes", FILTERS)
@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_filters_keep_what_those_of_transformers_keep(changes: dict[str, float], scale: float) -> None:
    chosen = params(**changes)
    logits = random_logits(1, scale)
    kept = keep_candidates(logits, chosen)
    assert set(kept.ids.tolist()) == kept_by_transformers(logits, chosen)
    assert len(kept.ids) == len(set(kept.ids.tolist()))
    assert torch.equal((logits / chosen.temperature)[kept.ids], kept.scores)


def test_without_filters_only_what_fp32_cannot_tell_is_dropped() -> None:
    logits = random_logits(2, scale=20.0)
    kept = keep_candidates(logits, params()).ids
    assert len(kept) < NUM_TOKENS
    chances = logits.double().softmax(0)
    assert 1 - float(chances[kept].sum()) < 2.0**-24


def test_greedy_takes_the_likeliest_and_of_equals_the_first() -> None:
    logits = torch.zeros(100)
    logits[[40, 70]] = 2.0
    assert choose_likeliest(logits, 0) == 40
    assert make_sampler(params(temperature=0), 0)(logits, 0) == 40


def draw(logits: torch.Tensor, chosen: SamplingParams, count: int, sample: int = 0) -> torch.Tensor:
    sampler = make_sampler(chosen, sample)
    return torch.tensor([sampler(logits, position) for position in range(count)])


def chi_square(counts: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the statistic over its degrees of freedom in standard deviations (Wilson-Hilferty)."""
    seen = expected > 0
    assert int(counts[~seen].sum()) == 0
    degrees = int(seen.sum()) - 1
    statistic = float(((counts - expected)[seen] ** 2 / expected[seen]).sum())
    cube = math.cbrt(statistic / degrees)
    return (cube - (1 - 2 / (9 * degrees))) / math.sqrt(2 / (9 * degrees))


@pytest.mark.parametrize("changes", [{}, {"temperature": 0.5}, {"top_k": 5}, {"top_p": 0.8}, {"min_p": 0.2}])
def test_draws_follow_the_softmax_of_what_is_kept(changes: dict[str, float]) -> None:
    chosen = params(seed=7, **changes)
    logits = torch.tensor([0.0, 1.0, 1.5, -0.5, 0.7, 2.0, -1.0, 0.2])
    kept = keep_candidates(logits, chosen)
    expected = torch.zeros(len(logits)).index_put((kept.ids,), kept.scores.softmax(0)) * 6000
    counts = draw(logits, chosen, 6000).bincount(minlength=len(logits))
    assert abs(chi_square(counts, expected)) < 4


def test_draws_from_a_large_vocabulary_follow_it_too() -> None:
    """Over many tokens of equal weight, so that neighbouring ids are seen to be independent."""
    counts = draw(torch.zeros(NUM_TOKENS), params(seed=11), 10_000).bincount(minlength=NUM_TOKENS)
    assert abs(chi_square(counts, torch.full((NUM_TOKENS,), 10.0))) < 4


def uniforms(count: int, key: int) -> torch.Tensor:
    return (-(-gumbel_noise(key, torch.arange(count))).exp()).exp()


def test_the_noise_is_uniform_underneath() -> None:
    values = uniforms(200_000, noise_key(1, 2, 3))
    counts = (values * 256).long().bincount(minlength=256)
    assert abs(chi_square(counts, torch.full((256,), 200_000 / 256))) < 4
    assert abs(float((values[1:] - 0.5).mul(values[:-1] - 0.5).mean())) < 0.001


def test_the_noise_is_that_of_splitmix64() -> None:
    """The published first outputs for the seed 1234567 (Vigna's splitmix64.c)."""
    first = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    expected = [((value >> 12) + 0.5) * 2.0**-52 for value in first]
    assert uniforms(3, 1234567).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("other", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (2**63 - 1, 0, 0), (1, 1, 1)])
def test_seed_sample_and_position_each_give_other_noise(other: tuple[int, int, int]) -> None:
    one, two = uniforms(20_000, noise_key(0, 0, 0)), uniforms(20_000, noise_key(*other))
    assert abs(float((one - 0.5).mul(two - 0.5).mean())) < 0.003


def test_a_draw_is_a_function_of_seed_sample_and_position() -> None:
    logits = random_logits(5, scale=1.0)
    for position in (0, 5, 8000):
        again = {make_sampler(params(seed=3), 1)(logits, position) for _ in range(3)}
        assert len(again) == 1
    assert not torch.equal(draw(logits, params(seed=3), 20), draw(logits, params(seed=4), 20))
    assert not torch.equal(draw(logits, params(seed=3), 20), draw(logits, params(seed=3), 20, sample=1))
