"""An engine that answers each request by a function, and fails where a test wants it to."""

from collections.abc import Callable, Generator, Sequence

from chatterm.conversation import FinishReason, Usage
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, StreamEvent, TextDelta
from chatterm.engine.echo import EchoEngine

Answer = Callable[[GenerationRequest], str | FinishReason | Exception]
"""The reply, the reason with which it ends without a word, or what the whole call raises."""


class ReadingEngine(EchoEngine):
    """Counts words as tokens, as the echo does."""

    def __init__(self, answer: Answer, context_length: int = 400) -> None:
        super().__init__(context_length=context_length)
        self.calls: list[list[GenerationRequest]] = []
        self._answer = answer

    @property
    def asked(self) -> list[str]:
        """The last message of every request, in order."""
        return [request.messages[-1].content for call in self.calls for request in call]

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        self.calls.append(list(requests))
        for number, request in enumerate(requests):
            found: str | FinishReason | Exception = "cancelled"
            if not cancel.is_cancelled:
                found = self._answer(request)
            if isinstance(found, Exception):
                raise found
            is_reason = found in ("cancelled", "loop", "length", "end")
            for sample in range(request.num_samples):
                if not is_reason:
                    yield TextDelta(number, sample, request.prefill + str(found), (1, 2, 3))
                reason: FinishReason = found if is_reason else "end"  # type: ignore[assignment]  # told above
                yield Finished(number, sample, reason, Usage(10, 0, 3, 0.1, 0.1))
