"""Which token comes next: plain functions of the logits, made once a reply by a factory.

A token is drawn as argmax(logits / T + Gumbel noise) over those that the filters keep, which draws from
their softmax (Gumbel-max; Maddison et al. 2014, arXiv 1411.0030). The noise is a function of (seed,
sample, position, token id) and of nothing else, so a draw cannot depend on batch, cache or speed.
Filters apply in the order of transformers: temperature, top-k, top-p, min-p. Knows no text.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from chatterm.engine.base import SamplingParams
from chatterm.errors import GenerationFailed

Sampler = Callable[[Tensor, int], int]
"""Chooses a token id from fp32 logits (vocabulary,) for a position; raises GenerationFailed."""

GUMBEL_SPAN = 40.4
"""The noise is of 52 bits, so it lies in [-3.61, 36.75]: a token further than this below the best
cannot win, and needs no noise."""

_GAMMA = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def make_sampler(params: SamplingParams, sample: int) -> Sampler:
    """Return the way to choose the tokens of one sample of a request."""
    if params.temperature == 0:
        return choose_likeliest

    def choose(logits: Tensor, position: int) -> int:
        check_finite(logits)
        kept = keep_candidates(logits / params.temperature, params)
        if len(kept.ids) == 1:
            return int(kept.ids[0])
        noise = gumbel_noise(noise_key(params.seed, sample, position), kept.ids)
        return int(kept.ids[(kept.scores.double() + noise).argmax()])

    return choose


def choose_likeliest(logits: Tensor, position: int) -> int:  # noqa: ARG001  # a Sampler
    """Choose greedily; of equals, the lowest id."""
    check_finite(logits)
    # `max` finds the index three times faster than `argmax` on the CPU.
    return int(logits.max(0).indices)


def check_finite(logits: Tensor) -> None:
    """Raise GenerationFailed where a logit is NaN or infinite: a sum shows both, in one cheap pass."""
    if not math.isfinite(float(logits.sum())):
        raise GenerationFailed(
            "the model gave numbers that are NaN or infinite, so its reply cannot go on; "
            "its file may be damaged (`chatterm models verify`) or too large for this precision"
        )


class Candidates(NamedTuple):
    """Tokens that may be drawn, the likeliest first."""

    ids: Tensor
    """int64 (n,)."""
    scores: Tensor
    """fp32 (n,): logits over temperature."""


def keep_candidates(scores: Tensor, params: SamplingParams) -> Candidates:
    """Apply top-k, top-p and min-p to `scores` (logits over temperature); at least one token is kept."""
    found, log_total = _likeliest(scores, params)
    count = len(found.ids)
    if params.top_p < 1:
        sums = (found.scores - log_total).double().exp().cumsum(0)
        # The token that makes the sum reach top_p is kept, too.
        count = min(count, int((sums < params.top_p).sum()) + 1)
    if params.min_p > 0:
        count = min(count, int((found.scores >= found.scores[0] + math.log(params.min_p)).sum()))
    return Candidates(found.ids[:count], found.scores[:count])


def _likeliest(scores: Tensor, params: SamplingParams) -> tuple[Candidates, Tensor]:
    """Return the tokens worth a look, sorted, and log(sum(exp)) of what top-p counts from."""
    if 0 < params.top_k < len(scores):
        values, ids = scores.topk(params.top_k)
        return Candidates(ids, values), values.logsumexp(0)
    ids = (scores >= scores.max() - _span(params, len(scores))).nonzero()[:, 0]
    values, order = scores[ids].sort(descending=True, stable=True)
    return Candidates(ids[order], values), scores.logsumexp(0)


def _span(params: SamplingParams, num_tokens: int) -> float:
    """How far below the best a token may lie and still be drawn.

    All tokens further than log(n / (1 - p)) below the best hold less than 1 - p together, so the
    nucleus of top-p is complete without them.
    """
    spans = [GUMBEL_SPAN]
    if params.top_p < 1:
        spans.append(math.log(num_tokens / (1 - params.top_p)))
    if params.min_p > 0 and params.top_p == 1:
        spans.append(-math.log(params.min_p))
    return min(spans)


def noise_key(seed: int, sample: int, position: int) -> int:
    """Mix the three into 64 bits."""
    key = 0
    for part in (seed, sample, position):
        key = _mix(key + (part + 1) * _GAMMA & _MASK)
    return key


def gumbel_noise(key: int, ids: Tensor) -> Tensor:
    """Return fp64 Gumbel noise for each token id: -log(-log(u)), u uniform in (0, 1).

    u is output number `id` of SplitMix64 seeded with `key` (Steele, Lea, Flood 2014; constants of
    Stafford's mix 13), which can be had out of order.
    """
    z = (ids + 1) * _signed(_GAMMA) + _signed(key)
    z = (z ^ _shifted(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ _shifted(z, 27)) * _signed(0x94D049BB133111EB)
    z = z ^ _shifted(z, 31)
    uniform = (_shifted(z, 12).double() + 0.5) * 2.0**-52
    return -(-uniform.log()).log()


def _mix(z: int) -> int:
    """SplitMix64's finaliser on a plain number: what `gumbel_noise` does on tensors."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return z ^ z >> 31


def _shifted(z: Tensor, count: int) -> Tensor:
    """Shift int64 to the right as if it were unsigned."""
    return (z >> count) & ((1 << 64 - count) - 1)


def _signed(number: int) -> int:
    """Return the int64 with the bits of an unsigned 64-bit number."""
    return number - 2**64 if number >= 2**63 else number
