"""Turns a batch of prompts into stream events: what the engine does on the model's thread.

One prompt after the other, one sample after the other; samples share the prompt's reading. Knows which
event comes when, and neither threads nor how numbers are made.
"""

import time
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from chatterm.conversation import Usage
from chatterm.engine.base import (
    CancelToken,
    Finished,
    GenerationRequest,
    PrefillProgress,
    StreamEvent,
    TextDelta,
)
from chatterm.engine.local.prompt_ids import PromptEncoder

if TYPE_CHECKING:
    from chatterm.engine.local.generate import PromptRun
    from chatterm.engine.local.runtime import Runtime

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request, ready to be read."""

    index: int
    request: GenerationRequest
    ids: list[int]


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers batches with one model."""

    runtime: "Runtime"
    prompts: PromptEncoder
    end_ids: Collection[int]
    context_length: int
    """In tokens; the prompts must leave room for one."""

    def to(self, batch: Sequence[Prompt], cancel: CancelToken) -> Generator[StreamEvent]:
        """Yield all events of a batch. Raises GenerationFailed, OutOfMemory."""
        return self.runtime.guarded(self._to(batch, cancel))

    def _to(self, batch: Sequence[Prompt], cancel: CancelToken) -> Generator[StreamEvent]:
        for prompt in batch:
            begun = time.perf_counter()
            run = self.runtime.begin(prompt.ids)
            yield PrefillProgress(prompt.index, run.num_cached, len(prompt.ids))
            reading = _Returning(run.read(cancel))
            for done in reading:
                yield PrefillProgress(prompt.index, done, len(prompt.ids))
            prefill_s = time.perf_counter() - begun
            for sample in range(prompt.request.num_samples):
                if reading.result:
                    yield from self._reply(prompt, sample, run, prefill_s, cancel)
                else:
                    usage = Usage(len(prompt.ids), run.num_cached, 0, prefill_s, 0.0)
                    yield Finished(prompt.index, sample, "cancelled", usage)

    def _reply(
        self, prompt: Prompt, sample: int, run: "PromptRun", prefill_s: float, cancel: CancelToken
    ) -> Generator[StreamEvent]:
        """Yield one sample's events. Samples after the first find the whole prompt cached."""
        from chatterm.engine.local.sampling import make_sampler

        request, sampling = prompt.request, prompt.request.sampling
        text = self.prompts.open_text(sampling.stop, request.prefill)
        if request.prefill:
            yield TextDelta(prompt.index, sample, request.prefill)
        begun = time.perf_counter()
        tokens = _Returning(
            run.generate(
                make_sampler(sampling, sample),
                end_ids=self.end_ids,
                max_tokens=min(sampling.max_tokens, self.context_length - len(prompt.ids)),
                cancel=cancel,
            )
        )
        count = 0
        for token_id in tokens:
            count += 1
            yield TextDelta(prompt.index, sample, text.push(token_id), (token_id,))
            if text.finished_by_stop:
                break
        if tail := text.flush():
            yield TextDelta(prompt.index, sample, tail)
        usage = Usage(
            input_tokens=len(prompt.ids),
            cached_tokens=len(prompt.ids) if sample else run.num_cached,
            output_tokens=count,
            prefill_s=0.0 if sample else prefill_s,
            decode_s=time.perf_counter() - begun,
        )
        yield Finished(prompt.index, sample, tokens.result or "stop", usage)

    def scores(self, prompt_ids: Sequence[int], endings: Sequence[Sequence[int]]) -> Generator[float]:
        """Yield the log-probability of each ending after the prompt. Raises as `to`."""
        return self.runtime.guarded(self._scores(prompt_ids, endings))

    def _scores(self, prompt_ids: Sequence[int], endings: Sequence[Sequence[int]]) -> Generator[float]:
        run = self.runtime.begin(prompt_ids)
        for _ in run.read(CancelToken()):
            pass
        for ids in endings:
            yield run.score(ids)


def all_cancelled(batch: Sequence[Prompt]) -> Generator[StreamEvent]:
    """Yield the end of every sample of a batch whose turn never came."""
    for prompt in batch:
        for sample in range(prompt.request.num_samples):
            yield Finished(prompt.index, sample, "cancelled", Usage(len(prompt.ids), 0, 0, 0.0, 0.0))


class _Returning(Generic[_T, _R]):
    """Iterates over a generator and keeps what it returns: None until it has returned."""

    def __init__(self, generator: Generator[_T, None, _R]) -> None:
        self._generator = generator
        self.result: _R | None = None

    def __iter__(self) -> Generator[_T]:
        self.result = yield from self._generator
