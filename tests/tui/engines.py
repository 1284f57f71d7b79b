"""Engines of which a test holds the reins."""

import threading
from collections.abc import Generator, Sequence

from chatterm.conversation import FinishReason, Message, Usage
from chatterm.engine.base import (
    CancelToken,
    Finished,
    GenerationRequest,
    PrefillProgress,
    StreamEvent,
    TextDelta,
)
from chatterm.engine.echo import EchoEngine


class HeldEngine(EchoEngine):
    """Says its pieces one by one, each when the test lets it: `say()`; or raises when its turn comes.

    `heard` are the messages of each request, `prefills` what each reply was to begin with.
    """

    def __init__(self, pieces: Sequence[str | Exception], *, prompt_tokens: Sequence[int] = (7,)) -> None:
        super().__init__()
        self._pieces = pieces
        self._prompt_tokens = prompt_tokens
        self._allowed = threading.Semaphore(0)
        self.heard: list[tuple[Message, ...]] = []
        self.prefills: list[str] = []

    def say(self, pieces: int = 1) -> None:
        self._allowed.release(pieces)

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        self.heard.append(requests[0].messages)
        self.prefills.append(requests[0].prefill)
        if requests[0].prefill:
            yield TextDelta(0, 0, requests[0].prefill)
        for done in self._prompt_tokens:
            yield PrefillProgress(0, done, self._prompt_tokens[-1])
        reason: FinishReason = "end"
        said = 0
        for number, piece in enumerate(self._pieces):
            if not self._may_go_on(cancel):
                reason = "cancelled"
                break
            if isinstance(piece, Exception):
                raise piece
            said += 1
            yield TextDelta(0, 0, piece, (number,))
        yield Finished(0, 0, reason, Usage(self._prompt_tokens[-1], 0, said, 0.1, 0.1))

    def _may_go_on(self, cancel: CancelToken) -> bool:
        while not cancel.is_cancelled:
            if self._allowed.acquire(timeout=0.01):
                return True
        return False


class DeafEngine(HeldEngine):
    """Says its first piece and then hangs, whatever is cancelled, until the test ends it by `say()`."""

    def __init__(self, first: str) -> None:
        super().__init__([first])

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        yield TextDelta(0, 0, str(self._pieces[0]), (0,))
        self._allowed.acquire()
        yield Finished(0, 0, "cancelled", Usage(1, 0, 1, 0.1, 0.1))
