"""Penalties on what was said lately, by the arithmetic of llama.cpp (`llama_sampler_penalties_apply`).

A token that is among the last ones has its logit divided by the repetition penalty where it is positive and
multiplied where it is not; then the presence penalty is taken off once and the frequency penalty as often
as the token is there.
"""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from chatterm.engine.base import SamplingParams


def has_penalties(params: SamplingParams) -> bool:
    """Tell whether `penalised` would change anything."""
    is_off = (params.repeat_penalty, params.presence_penalty, params.frequency_penalty) == (1, 0, 0)
    return params.repeat_last_n != 0 and not is_off


def penalised(logits: Tensor, ids: Sequence[int], params: SamplingParams) -> Tensor:
    """Return fp32 logits (vocabulary,) with those of the last of `ids`, all of the sequence, made worse."""
    window = ids if params.repeat_last_n < 0 else ids[max(0, len(ids) - params.repeat_last_n) :]
    times = Counter(window)
    seen = torch.tensor(list(times), dtype=torch.long, device=logits.device)
    counts = torch.tensor(list(times.values()), dtype=logits.dtype, device=logits.device)
    found = logits[seen]
    found = torch.where(found > 0, found / params.repeat_penalty, found * params.repeat_penalty)
    found = found - params.presence_penalty - params.frequency_penalty * counts
    return logits.index_copy(0, seen, found)
