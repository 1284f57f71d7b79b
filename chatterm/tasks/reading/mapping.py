"""Sends the parts' requests to the engine in groups, and tells what each gave as soon as it is done.

Knows no documents and no store. A part's reply does not depend on the group it is in, as far as the engine's
arithmetic allows: each has its own seed and is judged alone.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice

from chatterm.conversation import FinishReason, Usage
from chatterm.engine.base import (
    CancelToken,
    Engine,
    Finished,
    GenerationRequest,
    PrefillProgress,
    StreamEvent,
    TextDelta,
)
from chatterm.errors import DoesNotFit, GenerationFailed, OutOfMemory

_RETRY_PENALTY = 1.15
"""A greedy reply that came out empty or as a loop would come out so again."""


@dataclass(frozen=True, slots=True)
class PartRequest:
    """What the model is asked of the part at `position`, from 0."""

    position: int
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Worked:
    """So many tokens more were read and written."""

    num_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDone:
    """What a part gave."""

    position: int
    text: str
    """Empty where it failed."""
    failure: str = ""
    is_cut: bool = False
    """The reply ended at its limit of tokens."""
    usage: Usage | None = None
    """None where the engine failed."""


Judge = Callable[[str, FinishReason], str]
"""Says why a reply is of no use; nothing where it is."""


def run_parts(
    engine: Engine, parts: Iterable[PartRequest], cancel: CancelToken, *, group_size: int, judge: Judge
) -> Generator[Worked | PartDone]:
    """Answer all parts, `group_size` to a batch; those not done when it is cancelled are left out.

    A part without a usable reply is asked once more, by itself; then it is done, with its failure. Where
    memory is short the rest is asked one by one. Raises OutOfMemory where that is not enough, and what else
    ends the engine.
    """
    waiting = iter(parts)
    while group := list(islice(waiting, group_size)):
        batch = _Batch(group, judge)
        try:
            yield from batch.events(engine, cancel)
        except OutOfMemory:
            if group_size == 1:
                raise
            group_size = 1
        except (GenerationFailed, DoesNotFit) as error:
            batch.error = str(error)
        for part in batch.undone:
            if cancel.is_cancelled:
                return
            yield from _again(engine, part, cancel, batch)


def _again(
    engine: Engine, part: PartRequest, cancel: CancelToken, before: "_Batch"
) -> Generator[Worked | PartDone]:
    """Ask one part by itself; whatever comes of it, it is done then, unless it is cancelled."""
    was_useless = part.position in before.failures
    batch = _Batch([_varied(part) if was_useless else part], before.judge)
    try:
        yield from batch.events(engine, cancel)
    except (GenerationFailed, DoesNotFit) as error:
        batch.failures[part.position] = str(error)
    if batch.undone and not cancel.is_cancelled:
        why = batch.failures.get(part.position) or before.error or "it gave no reply"
        yield PartDone(position=part.position, text="", failure=why, usage=batch.usages.get(part.position))


def _varied(part: PartRequest) -> PartRequest:
    sampling = part.request.sampling
    penalty = max(sampling.repeat_penalty, _RETRY_PENALTY)
    return replace(part, request=replace(part.request, sampling=replace(sampling, repeat_penalty=penalty)))


@dataclass(slots=True)
class _Batch:
    """One call of the engine."""

    parts: Sequence[PartRequest]
    judge: Judge
    error: str = ""
    failures: dict[int, str] = field(default_factory=dict)
    """Of parts whose reply is of no use, by position."""
    usages: dict[int, Usage] = field(default_factory=dict)
    _done: set[int] = field(default_factory=set)
    _texts: dict[int, list[str]] = field(default_factory=dict)
    _num_read: dict[int, int] = field(default_factory=dict)

    @property
    def undone(self) -> list[PartRequest]:
        return [part for part in self.parts if part.position not in self._done]

    def events(self, engine: Engine, cancel: CancelToken) -> Generator[Worked | PartDone]:
        with closing(engine.stream([part.request for part in self.parts], cancel)) as events:
            for event in events:
                told = self._told(event)
                if told:
                    yield told

    def _told(self, event: StreamEvent) -> Worked | PartDone | None:
        match event:
            case PrefillProgress(request=index, done=done):
                num_more = done - self._num_read.get(index, 0)
                self._num_read[index] = done
                return Worked(num_more)
            case TextDelta(request=index, text=text, token_ids=token_ids):
                self._texts.setdefault(index, []).append(text)
                return Worked(len(token_ids))
            case Finished(request=index, reason=reason, usage=usage):
                return self._finished(self.parts[index].position, index, reason, usage)

    def _finished(self, position: int, index: int, reason: FinishReason, usage: Usage) -> PartDone | None:
        if reason == "cancelled":
            return None
        text = "".join(self._texts.pop(index, ()))
        self.usages[position] = usage
        if failure := self.judge(text, reason):
            self.failures[position] = failure
            return None
        self._done.add(position)
        return PartDone(position=position, text=text, is_cut=reason == "length", usage=usage)
