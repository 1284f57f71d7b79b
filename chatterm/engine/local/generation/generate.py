"""From prompt ids to generated ids: the prompt is read in chunks, then one token of each reply comes a step.

All of it works in the caller's thread. `inference_mode` is a decorator on the generator: a `with` around a
`yield` would leak the mode into the caller. Knows no text, no stop strings and no events.
"""

from collections.abc import Generator, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from chatterm.engine.base import CancelToken
from chatterm.engine.local.generation.choosing import Drawn
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.generation.passes import Cancelled, Part, Reader
from chatterm.engine.local.generation.run import SampleRun
from chatterm.engine.local.heap import release_freed_memory
from chatterm.engine.local.thread_choice import ThreadChoice

_LEAST_CHUNK_SIZE = 32
"""Where rows are read one by one: so many between two looks at how far it is."""
MOST_SMALL_CHUNKS = 3
"""So many passes that need no unpacking are cheaper than one that does: 96 tokens took 77 ms and 123."""

_FEW_ROWS = 64
"""So few leave the heap as it was."""


class PromptReading:
    """A prompt on a slab that holds a prefix of it: read once, then ready for a reply."""

    def __init__(self, slab: Slab, prompt_ids: Sequence[int], reader: Reader) -> None:
        self.slab = slab
        self.prompt_ids = prompt_ids
        self.num_cached = len(slab.token_ids)
        """How many of the prompt's tokens need not be read."""
        self.logits: Tensor | None = None
        """fp32 (vocabulary,) after the prompt's last token, once it is read."""
        self._reader = reader

    @torch.inference_mode()
    def read(self, cancel: CancelToken) -> Generator[int]:
        """Read the prompt; yield how many of its tokens are read, after each chunk.

        Ends early where cancelled, within a layer; then there are no logits.
        """
        slab, ids = self.slab, self.prompt_ids
        slab.reserve(len(ids))
        while (start := len(slab.token_ids)) < len(ids):
            if cancel.is_cancelled:
                return
            try:
                some = ids[start : start + self._chunk_size(len(ids) - start)]
                logits = self._reader.read([Part(slab, some)], cancel=cancel)
            except Cancelled:
                return
            if len(some) > _FEW_ROWS:
                release_freed_memory()  # else passes of other lengths leave holes between what stays
            if len(slab.token_ids) == len(ids):
                self.logits = logits[0]
            yield len(slab.token_ids)

    def _chunk_size(self, num_left: int) -> int:
        few = self._reader.identical_rows
        is_small = self._reader.max_rows is not None or (few > 1 and num_left <= MOST_SMALL_CHUNKS * few)
        return max(few, _LEAST_CHUNK_SIZE) if is_small else self._reader.chunk_size


class FastSteps(Protocol):
    """Steps that choose tokens where the logits are."""

    @property
    def most_rows(self) -> int:
        """Of replies in one step."""
        ...

    def can_step(self, runs: Sequence[SampleRun]) -> bool:
        """Tell whether these replies need nothing of the program between two steps."""
        ...

    def step(self, runs: Sequence[SampleRun]) -> list[int]:
        """Return each reply's next token; its slab then holds the one before. Raises GenerationFailed."""
        ...

    def forget(self) -> None:
        """Give back the memory that they keep from one step to the next."""
        ...


class Stepper:
    """Makes live replies go on by a step."""

    def __init__(self, reader: Reader, threads: ThreadChoice, fast: FastSteps | None = None) -> None:
        """`threads` times the steps of single replies; `fast` takes those that it can."""
        self._reader = reader
        self._threads = threads
        self._fast = fast

    @torch.inference_mode()
    def begin(self, run: SampleRun, logits: Tensor) -> list[Drawn]:
        """Choose a reply's first token from the prompt's logits."""
        drawn = None if run.reason else run.draw(logits)
        return [drawn] if drawn else []

    @torch.inference_mode()
    def step(self, runs: Sequence[SampleRun]) -> list[list[Drawn]]:
        """Return the next tokens of each reply, all in one pass.

        Most times one token; none where the reply ended without one, several where guesses came true.
        Raises GenerationFailed.
        """
        if len(runs) == 1 and (draft := runs[0].draft()):
            return [self._check_draft(runs[0], draft)]
        if self._fast is not None and self._fast.can_step(runs):
            tokens = self._fast.step(runs)
            taken = [run.take(Drawn(token)) for run, token in zip(runs, tokens, strict=True)]
            return [[one] if one else [] for one in taken]
        if len(runs) == 1:
            return [self._step_alone(runs[0])]
        logits = self._reader.read([Part(run.slab, run.unread) for run in runs])
        drawn = [run.draw(row) for run, row in zip(runs, logits.unbind(0), strict=True)]
        return [[one] if one else [] for one in drawn]

    def forget(self) -> None:
        """Give back the memory that is kept from one step to the next."""
        if self._fast is not None:
            self._fast.forget()

    def _step_alone(self, run: SampleRun) -> list[Drawn]:
        drawn = run.draw(self._threads.run(partial(run.slab.read, run.unread)))
        return [drawn] if drawn else []

    def _check_draft(self, run: SampleRun, draft: Sequence[int]) -> list[Drawn]:
        """Read the guesses with the last token, and keep them as long as they are what is drawn."""
        rows = self._reader.read([Part(run.slab, [*run.unread, *draft])], is_last_only=False)
        found: list[Drawn] = []
        for row, guess in zip(rows.unbind(0), [*draft, None], strict=True):
            drawn = run.draw(row)
            if drawn is not None:
                found.append(drawn)
            if run.reason or drawn is None or drawn.token_id != guess:
                break
        num_right = sum(a.token_id == b for a, b in zip(found, draft, strict=False))
        run.slab.truncate(len(run.slab.token_ids) - len(draft) + num_right)
        run.note(len(draft), num_right)
        return found
