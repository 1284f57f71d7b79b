"""From prompt ids to generated ids: prefill in chunks, then one token a step.

Both are generators that do their work in the caller's thread and look at the cancel token before every
step. `inference_mode` is a decorator on them: a `with` around a `yield` would leak the mode into the
caller. Knows no text, no stop strings and no events.
"""

from collections.abc import Collection, Generator, Sequence

import torch
from torch import Tensor

from chatterm.conversation import FinishReason
from chatterm.engine.base import CancelToken
from chatterm.engine.local.kv_cache import Slab
from chatterm.engine.local.sampling import Sampler

CHUNK_SIZE = 512
"""Tokens a step of prefill: enough that unpacking the weights, once a chunk, costs less than the products."""


@torch.inference_mode()
def prefill(
    slab: Slab, prompt_ids: Sequence[int], cancel: CancelToken
) -> Generator[int, None, Tensor | None]:
    """Read what `slab` does not hold of the prompt, at least its last token.

    `slab` must hold a proper prefix of the prompt. Yields how many of the prompt's tokens are read,
    after each chunk; returns fp32 logits (vocabulary,) of the last, or None when cancelled.
    """
    slab.reserve(len(prompt_ids))
    logits = None
    while (start := len(slab.token_ids)) < len(prompt_ids):
        if cancel.is_cancelled:
            return None
        chunk = prompt_ids[start : start + CHUNK_SIZE]
        logits = slab.read(chunk)
        yield len(slab.token_ids)
    return logits


@torch.inference_mode()
def decode(
    slab: Slab,
    logits: Tensor,
    *,
    sampler: Sampler,
    end_ids: Collection[int],
    max_tokens: int,
    cancel: CancelToken,
) -> Generator[int, None, FinishReason]:
    """Generate at most `max_tokens` ids after what `slab` holds, whose last logits are `logits`.

    Yields every id but the end token; returns why it ended: `end`, `length` or `cancelled`. A token
    enters the slab when the one after it is asked for. Raises GenerationFailed.
    """
    token_id = -1
    for count in range(max_tokens):
        if cancel.is_cancelled:
            return "cancelled"
        if count:
            logits = slab.read([token_id])
        token_id = sampler(logits, len(slab.token_ids))
        if token_id in end_ids:
            return "end"
        yield token_id
    return "length"
