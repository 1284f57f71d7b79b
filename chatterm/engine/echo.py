"""EchoEngine: an engine without weights, for tests, screenshots and trying chatterm without a model.

It says back the last user message, or the next of its scripted replies, a word at a time. A token is a
word with the white space after it. It samples nothing, so its samples are all alike, penalties change
nothing, and what it says back is no loop however often it repeats itself.
"""

import re
import time
from collections.abc import Generator, Sequence
from itertools import cycle

from chatterm.conversation import FinishReason, Message, ModelCard, Usage, system_in_force
from chatterm.engine.base import (
    CancelToken,
    Finished,
    GenerationRequest,
    PrefillProgress,
    StreamEvent,
    TextDelta,
    TokenCount,
)
from chatterm.errors import DoesNotFit, Unsupported

_TOKENS = re.compile(r"\s*\S+\s*|\s+")
_LONGEST_CONTEXT = 2**20


class EchoEngine:
    """Deterministic; `tokens_per_s` slows it to a model's pace (None: at once)."""

    def __init__(
        self,
        replies: Sequence[str] = (),
        *,
        tokens_per_s: float | None = None,
        context_length: int = 8192,
    ) -> None:
        """With `replies`, each request is answered by the next of them, from the first again at the end."""
        self._replies = cycle(replies) if replies else None
        self._delay_s = 1 / tokens_per_s if tokens_per_s else 0.0
        self._context_length = context_length

    def describe(self) -> ModelCard:
        return ModelCard(
            name="echo",
            identity="echo",
            context_length=self._context_length,
            num_parameters=None,
            longest_context=_LONGEST_CONTEXT,
            languages=("en", "zh"),
            can_constrain=False,
            can_score=False,
            engine="echo",
            notes=("echo repeats the question; it is for tests and for trying chatterm without a model",),
        )

    def count(self, messages: Sequence[Message]) -> TokenCount:
        return TokenCount(_count(messages), is_exact=True)

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        if any(request.constraint for request in requests):
            raise Unsupported("the echo engine cannot keep to a schema, regex or choices; use a local model")
        if any(request.num_alternatives is not None for request in requests):
            raise Unsupported("the echo engine has no probabilities to tell of its tokens; use a local model")
        for request in requests:
            room = self._context_length - _count(request.messages)
            if room < 1:
                advice = "shorten the input or choose a model with a longer context"
                raise DoesNotFit(_count(request.messages), self._context_length - 1, advice)
        for index, request in enumerate(requests):
            reply = self._reply_to(request.messages)
            for sample in range(request.num_samples):
                yield from self._say(reply, request, index, sample, cancel)

    def score(self, messages: Sequence[Message], labels: Sequence[str]) -> list[float]:
        raise Unsupported("the echo engine has no probabilities to score labels with; use a local model")

    def close(self) -> None:
        """Nothing is held."""

    def _reply_to(self, messages: Sequence[Message]) -> str:
        if self._replies is not None:
            return next(self._replies)
        return next((m.content for m in reversed(messages) if m.role == "user"), "")

    def _say(
        self, reply: str, request: GenerationRequest, index: int, sample: int, cancel: CancelToken
    ) -> Generator[StreamEvent]:
        start = time.perf_counter()
        num_input = _count(request.messages)
        if sample == 0:
            yield PrefillProgress(index, num_input, num_input)
        if request.prefill:
            yield TextDelta(index, sample, request.prefill)
        prefilled = time.perf_counter()
        limit = min(request.sampling.max_tokens, self._context_length - num_input)
        text, reason = _up_to_stop(reply, request.sampling.stop)
        tokens = _TOKENS.findall(text)
        said = 0
        for number, token in enumerate(tokens[:limit]):
            if cancel.wait(self._delay_s) if self._delay_s else cancel.is_cancelled:
                reason = "cancelled"
                break
            yield TextDelta(index, sample, token, (number,))
            said += 1
        else:
            reason = "length" if len(tokens) > limit else reason
        usage = Usage(num_input, 0, said, prefilled - start, time.perf_counter() - prefilled)
        yield Finished(index, sample, reason, usage)


def _count(messages: Sequence[Message]) -> int:
    """Words, and two tokens a message for what a chat template adds."""
    return sum(len(_TOKENS.findall(message.content)) + 2 for message in system_in_force(messages))


def _up_to_stop(reply: str, stop: Sequence[str]) -> tuple[str, FinishReason]:
    ends = [reply.index(one) for one in stop if one in reply]
    return (reply[: min(ends)], "stop") if ends else (reply, "end")
