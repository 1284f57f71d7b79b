"""A batch: all samples of all its prompts, as many at once as memory allows, the others waiting in order.

A step reads a chunk of the prompt whose turn it is, then lets every reply under way go on by a token, all in
one pass. Samples of a prompt share its reading: each slab gets a copy of its keys and values. Knows which
event comes when, and neither threads nor how numbers are made.
"""

import time
from collections import deque
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatterm.engine.base import CancelToken, PrefillProgress, StreamEvent, TextDelta
from chatterm.engine.local.replies import Prompt, Reply, ReplyTexts, cancelled

if TYPE_CHECKING:
    from torch import Tensor

    from chatterm.engine.local.generation.choosing import Drawn
    from chatterm.engine.local.generation.generate import PromptReading
    from chatterm.engine.local.generation.run import SampleRun
    from chatterm.engine.local.runtime import Runtime


@dataclass(slots=True)
class _Request:
    """What the samples of a prompt share."""

    prompt: Prompt
    num_tokens: int
    """Of the prompt and its longest reply."""
    logits: "Tensor | None" = None
    """After the prompt's last token, once it is read."""
    cached: int = 0
    begun: float = field(default_factory=time.perf_counter)
    prefill_s: float = 0.0


@dataclass(slots=True)
class _Admission:
    """The sample whose prompt is being read."""

    request: _Request
    sample: int
    reading: "PromptReading"
    chunks: Generator[int]


@dataclass(slots=True)
class _Live:
    """A reply under way."""

    reply: Reply
    run: "SampleRun"


class Batch:
    """Runs one batch on the model's thread."""

    def __init__(
        self,
        runtime: "Runtime",
        texts: ReplyTexts,
        prompts: Sequence[Prompt],
        cancel: CancelToken,
        *,
        end_ids: Collection[int],
        context_length: int,
    ) -> None:
        """Each prompt leaves room for one token of `context_length`."""
        self._runtime = runtime
        self._texts = texts
        self._cancel = cancel
        self._end_ids = end_ids
        self._waiting = deque(
            (request, sample)
            for prompt in prompts
            for request in [_Request(prompt, _num_tokens(prompt, context_length))]
            for sample in range(prompt.request.num_samples)
        )
        self._admission: _Admission | None = None
        self._live: list[_Live] = []

    def events(self) -> Generator[StreamEvent]:
        """Yield all events of the batch. Raises GenerationFailed, OutOfMemory."""
        try:
            while self._live or self._admission or self._waiting:
                if self._cancel.is_cancelled:
                    yield from self._all_cancelled()
                    return
                yield from self._admit()
                if self._live:
                    yield from self._step()
        finally:
            self._give_all_back()

    def _step(self) -> Generator[StreamEvent]:
        live = tuple(self._live)
        found = self._runtime.step([one.run for one in live])
        for one, drawn in zip(live, found, strict=True):
            yield from self._tell(one, drawn)

    def _tell(self, live: _Live, found: "Sequence[Drawn]") -> Generator[StreamEvent]:
        """Yield the events of a reply's next tokens, and its end where it has come."""
        reply = live.reply
        for drawn in found:
            yield reply.add(drawn)
            if reply.reason:
                break
        if reason := reply.reason or live.run.reason:
            self._live.remove(live)
            self._runtime.give_back(live.run.slab, is_once=reply.prompt.request.is_once)
            yield from reply.end(reason)

    def _admit(self) -> Generator[StreamEvent]:
        """Let replies begin that need no reading, and read one chunk for the first that does."""
        while self._admission or self._can_admit():
            admission = self._admission = self._admission or self._open(*self._waiting.popleft())
            request, reading, is_first = admission.request, admission.reading, admission.sample == 0
            index, total = request.prompt.index, len(request.prompt.ids)
            num_read = len(reading.slab.token_ids)
            if is_first and num_read == reading.num_cached:
                yield PrefillProgress(index, num_read, total)
            if num_read < total:
                num_read = next(admission.chunks, num_read)
                if is_first and not self._cancel.is_cancelled:
                    yield PrefillProgress(index, num_read, total)
                if num_read < total:
                    return
            self._admission = None
            yield from self._begin(admission)

    def _can_admit(self) -> bool:
        if not self._waiting or len(self._live) >= self._runtime.max_live:
            return False
        return self._runtime.has_room(self._waiting[0][0].num_tokens)

    def _open(self, request: _Request, sample: int) -> _Admission:
        if sample == 0:
            request.begun = time.perf_counter()
        ids, is_known = request.prompt.ids, request.logits is not None
        reading = self._runtime.open_prompt(ids, request.num_tokens, is_known=is_known)
        if sample == 0:
            request.cached = reading.num_cached
        return _Admission(request, sample, reading, reading.read(self._cancel))

    def _begin(self, admission: _Admission) -> Generator[StreamEvent]:
        """Turn an admission into a reply under way, and yield its first events."""
        request, sample, slab = admission.request, admission.sample, admission.reading.slab
        if request.logits is None:
            request.logits = admission.reading.logits
            request.prefill_s = time.perf_counter() - request.begun
        logits = request.logits
        assert logits is not None, "the prompt was read to its end"
        prompt, ids = request.prompt, request.prompt.ids
        if sample + 1 == prompt.request.num_samples:
            request.logits = None  # a long batch would hold a vocabulary for each of its prompts
        run = self._runtime.begin(
            slab,
            ids,
            prompt.request,
            sample,
            constraint=prompt.new_constraint() if prompt.new_constraint else None,
            end_ids=self._end_ids,
            max_tokens=request.num_tokens - len(ids),
        )
        cached, prefill_s = (len(ids), 0.0) if sample else (request.cached, request.prefill_s)
        live = _Live(Reply(prompt, sample, self._texts, cached=cached, prefill_s=prefill_s), run)
        self._live.append(live)
        if prompt.request.prefill:
            yield TextDelta(prompt.index, sample, prompt.request.prefill)
        yield from self._tell(live, self._runtime.first(run, logits))

    def _all_cancelled(self) -> Generator[StreamEvent]:
        for live in self._live:
            yield from live.reply.end("cancelled")
        if self._admission:
            request = self._admission.request
            took = time.perf_counter() - request.begun
            yield cancelled(request.prompt, self._admission.sample, cached=request.cached, prefill_s=took)
        for request, sample in self._waiting:
            yield cancelled(request.prompt, sample)

    def _give_all_back(self) -> None:
        for live in self._live:
            self._runtime.give_back(live.run.slab, is_once=live.reply.prompt.request.is_once)
        if self._admission:
            is_once = self._admission.request.prompt.request.is_once
            self._runtime.give_back(self._admission.reading.slab, is_once=is_once)


def _num_tokens(prompt: Prompt, context_length: int) -> int:
    """Return how long the prompt and its reply may become."""
    return min(len(prompt.ids) + prompt.request.sampling.max_tokens, context_length)
