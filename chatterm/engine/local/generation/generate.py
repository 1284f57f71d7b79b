"""From prompt ids to generated ids: the prompt is read in chunks, then one token of each reply comes a step.

All of it works in the caller's thread. `inference_mode` is a decorator on the generator: a `with` around a
`yield` would leak the mode into the caller. Knows no text, no stop strings and no events.
"""

from collections.abc import Collection, Generator, Sequence
from functools import partial

import torch
from torch import Tensor

from chatterm.conversation import FinishReason
from chatterm.engine.base import CancelToken
from chatterm.engine.local.generation.choosing import Drawn, TokenChooser
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.generation.lookup import PromptLookup
from chatterm.engine.local.generation.passes import Cancelled, Part, Reader
from chatterm.engine.local.thread_choice import ThreadChoice

CHUNK_SIZE = 512
"""Tokens read in a step: enough that unpacking the weights, once a chunk, costs less than the products."""
_LEAST_CHUNK_SIZE = 32
"""Where rows are read one by one: so many between two looks at how far it is."""
MOST_SMALL_CHUNKS = 3
"""So many passes that need no unpacking are cheaper than one that does: 96 tokens took 77 ms and 123."""


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
            if len(slab.token_ids) == len(ids):
                self.logits = logits[0]
            yield len(slab.token_ids)

    def _chunk_size(self, num_left: int) -> int:
        few = self._reader.identical_rows
        is_small = self._reader.max_rows is not None or (few > 1 and num_left <= MOST_SMALL_CHUNKS * few)
        return max(few, _LEAST_CHUNK_SIZE) if is_small else CHUNK_SIZE


class SampleRun:
    """One reply on a slab that holds its prompt. Tokens enter the slab when the one after them is wanted."""

    def __init__(
        self,
        slab: Slab,
        prompt_ids: Sequence[int],
        chooser: TokenChooser,
        *,
        end_ids: Collection[int],
        max_tokens: int,
        lookup: PromptLookup | None = None,
    ) -> None:
        self.slab = slab
        self.ids = list(prompt_ids)
        """The prompt and what was generated."""
        self.reason: FinishReason | None = None
        """Why nothing more comes: `end` or `length`; None while more may come."""
        self._chooser = chooser
        self._end_ids = end_ids
        self._max_length = len(prompt_ids) + max_tokens
        self._lookup = lookup
        if chooser.is_complete:
            self.reason = "end"

    @property
    def unread(self) -> list[int]:
        """What was chosen and is not in the slab yet."""
        return self.ids[len(self.slab.token_ids) :]

    def draft(self) -> Sequence[int]:
        """Return guesses at what comes next; mostly none."""
        if self._lookup is None:
            return ()
        # The last token that may still come needs no guess: the pass gives it anyway.
        return self._lookup.draft(self.ids, self._max_length - len(self.ids) - 1)

    def note(self, num_drafted: int, num_right: int) -> None:
        """Tell how many guesses were right."""
        if self._lookup is not None:
            self._lookup.note(num_drafted, num_right)

    def draw(self, logits: Tensor) -> Drawn | None:
        """Choose the next token from fp32 logits (vocabulary,); None where the reply ended without one."""
        drawn = self._chooser.choose(logits, self.ids)
        if drawn.token_id in self._end_ids:
            self.reason = "end"
            return None
        self._chooser.accept(drawn.token_id)
        self.ids.append(drawn.token_id)
        if self._chooser.is_complete:
            self.reason = "end"
        elif len(self.ids) >= self._max_length:
            self.reason = "length"
        return drawn


class Stepper:
    """Makes live replies go on by a step."""

    def __init__(self, reader: Reader, threads: ThreadChoice) -> None:
        """`threads` times the steps of single replies."""
        self._reader = reader
        self._threads = threads

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
        if len(runs) == 1:
            return [self._step_alone(runs[0])]
        logits = self._reader.read([Part(run.slab, run.unread) for run in runs])
        drawn = [run.draw(row) for run, row in zip(runs, logits.unbind(0), strict=True)]
        return [[one] if one else [] for one in drawn]

    def _step_alone(self, run: SampleRun) -> list[Drawn]:
        draft = run.draft()
        if draft:
            return self._check_draft(run, draft)
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
