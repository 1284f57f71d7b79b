"""From prompt ids to generated ids: the prompt is read in chunks, then one token comes a step.

The generators work in the caller's thread and look at the cancel token before every step.
`inference_mode` is a decorator on them: a `with` around a `yield` would leak the mode into the caller.
Knows no text, no stop strings and no events.
"""

from collections.abc import Collection, Generator, Sequence
from functools import partial

import torch

from chatterm.conversation import FinishReason
from chatterm.engine.base import CancelToken
from chatterm.engine.local.kv_cache import Slab
from chatterm.engine.local.sampling import Sampler, check_finite
from chatterm.engine.local.thread_choice import ThreadChoice

CHUNK_SIZE = 512
"""Tokens read in a step: enough that unpacking the weights, once a chunk, costs less than the products."""


class PromptRun:
    """One prompt on a slab: read once, then continued as often as there are samples or labels."""

    def __init__(self, slab: Slab, prompt_ids: Sequence[int], threads: ThreadChoice) -> None:
        """Take a slab that holds a proper prefix of the prompt; `threads` times the steps."""
        self.num_cached = len(slab.token_ids)
        """How many of the prompt's tokens need not be read."""
        self._slab = slab
        self._prompt_ids = prompt_ids
        self._threads = threads
        self._logits = torch.empty(0)

    @torch.inference_mode()
    def read(self, cancel: CancelToken) -> Generator[int, None, bool]:
        """Read the prompt; yield how many of its tokens are read, after each chunk.

        Returns whether it came to the end: False when cancelled.
        """
        self._slab.reserve(len(self._prompt_ids))
        while (start := len(self._slab.token_ids)) < len(self._prompt_ids):
            if cancel.is_cancelled:
                return False
            self._logits = self._slab.read(self._prompt_ids[start : start + CHUNK_SIZE])
            yield len(self._slab.token_ids)
        return True

    @torch.inference_mode()
    def generate(
        self, sampler: Sampler, *, end_ids: Collection[int], max_tokens: int, cancel: CancelToken
    ) -> Generator[int, None, FinishReason]:
        """Generate at most `max_tokens` ids after the prompt, which must have been read.

        Yields every id but the end token; returns why it ended: `end`, `length` or `cancelled`. A token
        enters the slab when the one after it is asked for. Raises GenerationFailed.
        """
        slab, logits, token_id = self._slab, self._logits, -1
        slab.truncate(len(self._prompt_ids))
        for count in range(max_tokens):
            if cancel.is_cancelled:
                return "cancelled"
            if count:
                logits = self._threads.run(partial(slab.read, [token_id]))
            token_id = sampler(logits, len(slab.token_ids))
            if token_id in end_ids:
                return "end"
            yield token_id
        return "length"

    @torch.inference_mode()
    def score(self, ids: Sequence[int]) -> float:
        """Return the natural log-probability of `ids` coming after the prompt, which must have been read."""
        if not ids:
            return 0.0
        self._slab.truncate(len(self._prompt_ids))
        rows = [self._logits.unsqueeze(0)]
        if len(ids) > 1:
            rows.append(self._slab.read(ids[:-1], is_last_only=False))
        logits = torch.cat(rows)
        check_finite(logits)
        chosen = logits.double().log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)]
        return float(chosen.sum())
