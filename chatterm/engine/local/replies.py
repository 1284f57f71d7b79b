"""One reply as people get it: from the tokens that were drawn to the events of its text. Torch-free."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatterm.conversation import FinishReason, Usage
from chatterm.engine.base import Alternative, Finished, GenerationRequest, StreamEvent, TextDelta, TokenDetail
from chatterm.engine.local.generation.loop_detector import LoopDetector
from chatterm.engine.local.text.prompt_ids import PromptEncoder
from chatterm.engine.local.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from chatterm.engine.local.generation.choosing import Chances, Constraint, Drawn


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request, ready to be read."""

    index: int
    request: GenerationRequest
    ids: list[int]
    new_constraint: "Callable[[], Constraint] | None" = None
    """Makes the constraint of one sample."""


@dataclass(frozen=True, slots=True)
class ReplyTexts:
    """What makes text of tokens."""

    prompts: PromptEncoder
    tokenizer: Tokenizer


class Reply:
    """One sample of a prompt, while it comes."""

    def __init__(
        self, prompt: Prompt, sample: int, texts: ReplyTexts, *, cached: int, prefill_s: float
    ) -> None:
        """Begin the clock. `cached` of the prompt's tokens needed no reading, the others took `prefill_s`."""
        request = prompt.request
        self.prompt = prompt
        self.sample = sample
        self.reason: FinishReason | None = None
        """`stop` or `loop` once the text says so."""
        self._cached = cached
        self._prefill_s = prefill_s
        self._tokenizer = texts.tokenizer
        self._text = texts.prompts.open_text(request.sampling.stop, request.prefill)
        has_detector = request.sampling.loop_detection
        self._detector = LoopDetector(texts.tokenizer.token_bytes) if has_detector else None
        self._num_tokens = 0
        self._begun = time.perf_counter()

    def add(self, drawn: "Drawn") -> TextDelta:
        """Take the next token."""
        token_id, offset = drawn.token_id, self._text.num_decoded
        self._num_tokens += 1
        text = self._text.push(token_id)
        if self._text.finished_by_stop:
            self.reason = "stop"
        elif self._detector is not None and self._detector.push(token_id):
            self.reason = "loop"
        details = () if drawn.by_model is None else (self._detail(drawn, offset),)
        return TextDelta(self.prompt.index, self.sample, text, (token_id,), details)

    def end(self, reason: FinishReason) -> Iterator[StreamEvent]:
        """Yield what is left to tell."""
        if tail := self._text.flush():
            yield TextDelta(self.prompt.index, self.sample, tail)
        usage = Usage(
            input_tokens=len(self.prompt.ids),
            cached_tokens=self._cached,
            output_tokens=self._num_tokens,
            prefill_s=self._prefill_s,
            decode_s=time.perf_counter() - self._begun,
        )
        yield Finished(self.prompt.index, self.sample, reason, usage)

    def _detail(self, drawn: "Drawn", offset: int) -> TokenDetail:
        assert drawn.by_model is not None
        assert drawn.as_drawn is not None
        return TokenDetail(
            token_id=drawn.token_id,
            text=self._tokenizer.token_text(drawn.token_id),
            offset=len(self.prompt.request.prefill) + offset,
            log_probability=drawn.by_model.of_token,
            drawn_log_probability=drawn.as_drawn.of_token,
            alternatives=self._alternatives(drawn.by_model),
            drawn_alternatives=self._alternatives(drawn.as_drawn),
        )

    def _alternatives(self, chances: "Chances") -> tuple[Alternative, ...]:
        text = self._tokenizer.token_text
        return tuple(Alternative(token_id, text(token_id), value) for token_id, value in chances.likeliest)


def cancelled(prompt: Prompt, sample: int, *, cached: int = 0, prefill_s: float = 0.0) -> Finished:
    """Return the end of a sample that never began."""
    usage = Usage(len(prompt.ids), cached, 0, prefill_s, 0.0)
    return Finished(prompt.index, sample, "cancelled", usage)


def all_cancelled(batch: Sequence[Prompt]) -> Generator[StreamEvent]:
    """Yield the end of every sample of a batch whose turn never came."""
    for prompt in batch:
        for sample in range(prompt.request.num_samples):
            yield cancelled(prompt, sample)
