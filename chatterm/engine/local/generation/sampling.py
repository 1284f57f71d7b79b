"""Which token comes next: plain functions of the logits, made once a reply by a factory.

A token is drawn as argmax(logits / T + Gumbel noise) over those that the filters keep, which draws from
their softmax (Gumbel-max; Maddison et al. 2014, arXiv 1411.0030). The noise is a function of (seed,
sample, position, token id) and of nothing else, so a draw cannot depend on batch, cache or speed.
Filters apply in the order of transformers: temperature, top-k, top-p, min-p. Knows no text.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from chatterm.engine.base import SamplingParams
from chatterm.errors import GenerationFailed

Sampler = Callable[[Tensor, int], int]
"""Chooses a token id from fp32 logits (vocabulary,), none of them NaN or infinity, for a position.

-inf stands for a token that may not come.
"""

_FEW = 128
"""Candidates among which the nucleus is looked for first."""
_GAMMA = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def make_sampler(params: SamplingParams, sample: int) -> Sampler:
    """Return the way to choose the tokens of one sample of a request."""
    if params.temperature == 0:
        return choose_likeliest

    def choose(logits: Tensor, position: int) -> int:
        return draw(keep_candidates(logits, params), noise_key(params.seed, sample, position))

    return choose


def choose_likeliest(logits: Tensor, position: int) -> int:  # noqa: ARG001  # a Sampler
    """Choose greedily; of equals, the lowest id."""
    # `max` finds the index three times faster than `argmax` on the CPU.
    return int(logits.max(0).indices)


def check_finite(logits: Tensor) -> None:
    """Raise GenerationFailed where a logit is NaN or infinite: a sum shows both, in one cheap pass."""
    if not math.isfinite(float(logits.sum())):
        raise not_finite()


def not_finite() -> GenerationFailed:
    return GenerationFailed(
        "the model gave numbers that are NaN or infinite, so its reply cannot go on; "
        "its file may be damaged (`chatterm models verify`) or too large for this precision"
    )


class Candidates(NamedTuple):
    """Tokens that may be drawn, in no particular order."""

    ids: Tensor
    """int64 (n,)."""
    scores: Tensor
    """fp32 (n,): logits over temperature."""


def keep_candidates(logits: Tensor, params: SamplingParams) -> Candidates:
    """Apply temperature, top-k, top-p and min-p; at least the likeliest token is kept.

    Before all else those tokens are dropped that hold together less than fp32 can tell (2^-24), or, where
    top-p is the first filter, less than it leaves out: work on the whole vocabulary is what a draw costs.
    Temperature 0 keeps the likeliest alone.
    """
    if params.temperature == 0:
        best_id = logits.max(0).indices.view(1)
        return Candidates(best_id, logits[best_id])
    scores = logits / params.temperature
    best = scores.max()
    has_nucleus_first = params.top_p < 1 and params.top_k == 0
    share = 1 - params.top_p if has_nucleus_first else 2.0**-24
    ids = (scores >= best - _span(len(scores), share)).nonzero().view(-1)
    kept = Candidates(ids, scores[ids])
    if 0 < params.top_k < len(kept.ids):
        values, order = kept.scores.topk(params.top_k)
        kept = Candidates(kept.ids[order], values)
    if params.top_p < 1:
        whole = scores if has_nucleus_first else kept.scores
        # What is clamped counts for nothing, and its exponentials would be denormal: slow.
        mass = (whole - best).clamp_(min=-50).exp_().sum()
        kept = _nucleus(kept, params.top_p, best + mass.log())
    if params.min_p > 0:
        kept = _select(kept, kept.scores >= best + math.log(params.min_p))
    return kept


def draw(kept: Candidates, key: int) -> int:
    """Return one of the candidates by the noise of `key`."""
    if len(kept.ids) == 1:
        return int(kept.ids[0])
    return int(kept.ids[(kept.scores.double() + gumbel_noise(key, kept.ids)).argmax()])


def _nucleus(found: Candidates, top_p: float, mass: Tensor) -> Candidates:
    """Keep the likeliest tokens up to the one that makes their probabilities reach `top_p`.

    `mass` is the logarithm of the sum of all exponentials. The nucleus is mostly small, and finding the
    first of many costs less than sorting all.
    """
    for count in (_FEW, 16 * _FEW, len(found.ids)):
        values, order = found.scores.topk(min(count, len(found.ids)))
        sums = (values - mass).double().exp().cumsum(0)
        if float(sums[-1]) >= top_p:
            break
    return _select(found, order[: int((sums < top_p).sum()) + 1])


def _span(num_tokens: int, share: float) -> float:
    """Return how far below the best tokens must lie to hold less than `share` of its probability together."""
    return math.log(num_tokens / share)


def _select(found: Candidates, which: Tensor) -> Candidates:
    return Candidates(found.ids[which], found.scores[which])


def noise_key(seed: int, sample: int, position: int) -> int:
    """Mix the three into 64 bits."""
    return _mix((noise_start(seed, sample) & _MASK) + (position + 1) * _GAMMA & _MASK)


def noise_start(seed: int, sample: int) -> int:
    """Mix the two into 64 bits, as a signed number: what all positions of a reply begin with."""
    key = 0
    for part in (seed, sample):
        key = _mix(key + (part + 1) * _GAMMA & _MASK)
    return _signed(key)


def gumbel_noise(key: int, ids: Tensor) -> Tensor:
    """Return fp64 Gumbel noise for each token id."""
    return gumbel_noise_of(torch.tensor(_signed(key), device=ids.device), ids)


def gumbel_noise_of(keys: Tensor, ids: Tensor) -> Tensor:
    """Return fp64 Gumbel noise for int64 keys and token ids: -log(-log(u)), u uniform in (0, 1).

    u is output number `id` of SplitMix64 seeded with the key (Steele, Lea, Flood 2014; constants of
    Stafford's mix 13), which can be had out of order.
    """
    uniform = (_shifted(mixed(keys, ids), 12).double() + 0.5) * 2.0**-52
    return -(-uniform.log()).log()


def mixed(keys: Tensor, numbers: Tensor) -> Tensor:
    """Mix int64 numbers into keys: `_mix` of both, on tensors."""
    z = (numbers + 1) * _signed(_GAMMA) + keys
    z = (z ^ _shifted(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ _shifted(z, 27)) * _signed(0x94D049BB133111EB)
    return z ^ _shifted(z, 31)


def _mix(z: int) -> int:
    """SplitMix64's finaliser on a plain number."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return z ^ z >> 31


def _shifted(z: Tensor, count: int) -> Tensor:
    """Shift int64 to the right as if it were unsigned."""
    return (z >> count) & ((1 << 64 - count) - 1)


def _signed(number: int) -> int:
    """Return the int64 with the bits of an unsigned 64-bit number."""
    return number - 2**64 if number >= 2**63 else number
