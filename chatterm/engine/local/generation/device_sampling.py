"""What `sampling` does, for several rows at once and without asking the device for a number on the way.

So a CUDA graph can hold it. The same tokens come out: the noise is the same function, the filters the same
in the same order; whole vocabularies are sorted instead of looking for the few that matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import torch
from torch import Tensor

from chatterm.engine.base import SamplingParams
from chatterm.engine.local.generation.sampling import gumbel_noise_of, mixed, noise_start


class Filters(NamedTuple):
    """Which work the rows ask for: a graph is made for each set."""

    is_drawn: bool
    """False: all rows are greedy."""
    is_filtered: bool
    """Some row has top-k, top-p or min-p."""


@dataclass(frozen=True, slots=True)
class DeviceSampling:
    """How the rows of a batch choose, as tensors (rows,) on their device."""

    temperatures: Tensor
    """fp32; 1 where the row is greedy."""
    greedy: Tensor
    """bool."""
    top_k: Tensor
    """int64; the vocabulary's size where it is off."""
    top_p: Tensor
    """fp64; 2 where it is off: no sum of probabilities reaches it."""
    log_min_p: Tensor
    """fp32; -inf where it is off."""
    starts: Tensor
    """int64: of the noise of (seed, sample)."""

    @classmethod
    def of(cls, rows: Sequence[tuple[SamplingParams, int]], num_tokens: int, device: torch.device) -> Self:
        """Take each row's parameters and sample number; `num_tokens` are in the vocabulary."""

        def tensor(values: Sequence[float], dtype: torch.dtype) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)

        params = [one for one, _ in rows]
        return cls(
            tensor([one.temperature or 1.0 for one in params], torch.float32),
            tensor([one.temperature == 0 for one in params], torch.bool),
            tensor([one.top_k or num_tokens for one in params], torch.int64),
            tensor([one.top_p if one.top_p < 1 else 2.0 for one in params], torch.float64),
            tensor([one.min_p for one in params], torch.float32).log(),
            tensor([noise_start(one.seed, sample) for one, sample in rows], torch.int64),
        )

    def copy_(self, other: Self) -> None:
        """Take another's values, in place."""
        for one in fields(self):
            getattr(self, one.name).copy_(getattr(other, one.name))

    def choose(self, logits: Tensor, positions: Tensor, filters: Filters) -> Tensor:
        """Return int64 (rows,): the token of each row of fp32 logits (rows, vocabulary) at its position."""
        likeliest = logits.max(1).indices
        if not filters.is_drawn:
            return likeliest
        scores = logits / self.temperatures.unsqueeze(1)
        ids = torch.arange(logits.shape[1], device=logits.device).expand_as(scores)
        if filters.is_filtered:
            scores, ids = scores.sort(dim=1, descending=True, stable=True)
            scores = scores.masked_fill(~self._kept(scores), -torch.inf)
        keys = mixed(self.starts, positions).unsqueeze(1)
        drawn = (scores.double() + gumbel_noise_of(keys, ids)).argmax(1, keepdim=True)
        return torch.where(self.greedy, likeliest, ids.gather(1, drawn).squeeze(1))

    def _kept(self, scores: Tensor) -> Tensor:
        """Return which of the sorted scores the filters keep, bool (rows, vocabulary)."""
        best = scores[:, :1]
        ranks = torch.arange(scores.shape[1], device=scores.device)
        kept = ranks < self.top_k.unsqueeze(1)
        shares = (scores - best).clamp_(min=-50).exp_().double().mul_(kept)
        shares = shares / shares.sum(1, keepdim=True)
        before = shares.cumsum(1) - shares
        return kept & (before < self.top_p.unsqueeze(1)) & (scores >= best + self.log_min_p.unsqueeze(1))


def filters_of(rows: Sequence[SamplingParams]) -> Filters:
    """Return what all rows together need."""
    drawn = [one for one in rows if one.temperature > 0]
    is_filtered = any(one.top_k > 0 or one.top_p < 1 or one.min_p > 0 for one in drawn)
    return Filters(bool(drawn), is_filtered)
