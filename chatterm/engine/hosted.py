"""HostedEngine: an Engine whose work is done in a process of its own, so that it shares no GIL with a screen
and takes nobody with it when it dies.

Owns the five members of an Engine over a HostProcess. Imports neither torch nor any engine.
"""

import threading
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from queue import Empty

from chatterm.conversation import Message, ModelCard, Usage
from chatterm.engine import wire
from chatterm.engine.base import (
    CancelToken,
    Finished,
    GenerationRequest,
    PrefillProgress,
    StreamEvent,
    TextDelta,
    TokenCount,
)
from chatterm.engine.host_process import Call, HostProcess
from chatterm.engine.host_pulse import HostLimits
from chatterm.engine.registry import ECHO, EchoModel, EngineOptions
from chatterm.errors import EngineLost, UsageError
from chatterm.models.discovery import ModelFile

_POLL_S = 0.02
"""How often a stream that waits for its host looks whether it is cancelled."""
_ROOM = 256
"""How many events a host may be ahead of who reads them: a cancelled or closed stream wastes no more."""


def open_hosted(
    model: ModelFile | EchoModel, options: EngineOptions, limits: HostLimits | None = None
) -> "HostedEngine":
    """Start a host that loads `model`, and return at once; `describe` waits until it is loaded.

    Raises EngineLost where no process can be started.
    """
    return HostedEngine(model, options, limits or HostLimits())


class HostedEngine:
    """An Engine (see `engine.base`) in another process. All its members may be called from any thread.

    Each also raises EngineLost when the process is gone or hangs. It does not come back: open another.
    """

    def __init__(self, model: ModelFile | EchoModel, options: EngineOptions, limits: HostLimits) -> None:
        """Use `open_hosted`."""
        self._name = ECHO if isinstance(model, EchoModel) else model.name
        self._limits = limits
        self._process = HostProcess(self._name, limits)
        try:
            self._loading = self._process.begin(lambda call: wire.Open(call, model, options))
        except BaseException:
            self._process.close()
            raise
        self._card: ModelCard | None = None
        self._card_lock = threading.Lock()

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked anything."""
        return self._process.is_alive

    @property
    def host_pid(self) -> int:
        return self._process.pid

    @property
    def was_in_use(self) -> bool:
        """Once it is lost: whether somebody was waiting for it, and so was told."""
        return self._process.was_in_use

    def wait_lost(self) -> EngineLost | None:
        """Wait until the process ends; return why, None where it was closed."""
        return self._process.wait_lost()

    def describe(self) -> ModelCard:
        """Wait for the model to be loaded, and raise what loading raised."""
        with self._card_lock:
            if self._card is None:
                card = self._value(self._loading)
                assert isinstance(card, ModelCard)
                self._card = card
            return self._card

    def count(self, messages: Sequence[Message]) -> TokenCount:
        self.describe()
        answer = self._value(self._process.begin(lambda call: wire.Count(call, tuple(messages))))
        assert isinstance(answer, TokenCount)
        return answer

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        self.describe()
        asked, is_cancelled = tuple(requests), cancel.is_cancelled
        call = self._process.begin(lambda call: wire.Stream(call, asked, _ROOM, is_cancelled))
        stopping = _Stopping(self._process, call, cancel, self._limits.stop_s, is_told=is_cancelled)
        outstanding = Outstanding(asked)
        try:
            for event in self._events(call, stopping):
                outstanding.note(event)
                yield event
            # Closed from this side, it ends as if it had been cancelled.
            yield from outstanding.cancelled()
        finally:
            if self._process.forget(call):
                self._process.send(wire.Drop(call.number))

    def score(self, messages: Sequence[Message], labels: Sequence[str]) -> list[float]:
        self.describe()
        asked = tuple(messages), tuple(labels)
        answer = self._value(self._process.begin(lambda call: wire.Score(call, *asked)))
        assert isinstance(answer, tuple)
        return list(answer)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.close()

    def _value(self, call: Call) -> object:
        match call.get():
            case wire.Value(value=value):
                return value
            case wire.Failure(error=error):
                raise error
            case _:
                raise UsageError(f"the engine of {self._name} is closed; open it again")

    def _events(self, call: Call, stopping: "_Stopping") -> Iterator[StreamEvent]:
        """Yield what comes, pass a cancellation on, and end a host that does not heed it."""
        num_taken = 0
        while True:
            stopping.check()
            try:
                answer = call.get(_POLL_S)
            except Empty:
                stopping.wait(_POLL_S)
                continue
            match answer:
                case wire.Event(event=event):
                    num_taken += 1
                    if num_taken % (_ROOM // 2) == 0:
                        self._process.send(wire.More(call.number, _ROOM // 2))
                    yield event
                case wire.Failure(error=error):
                    raise error
                case _:
                    return


class _Stopping:
    """Passes on that a stream is cancelled, and waits only so long for its end."""

    def __init__(
        self, process: HostProcess, call: Call, cancel: CancelToken, limit_s: float, *, is_told: bool
    ) -> None:
        self._process = process
        self._call = call
        self._cancel = cancel
        self._limit_s = limit_s
        self._is_told = is_told
        self._waited_s = 0.0

    def check(self) -> None:
        if self._cancel.is_cancelled and not self._is_told:
            self._is_told = True
            self._process.send(wire.Cancel(self._call.number))

    def wait(self, seconds: float) -> None:
        """Nothing came for so long."""
        if self._is_told:
            self._waited_s += seconds
        if self._waited_s > self._limit_s:
            self._process.kill(f"did not stop within {self._limit_s:g} s")


class Outstanding:
    """The samples of a batch that have not ended, and what they cost so far."""

    def __init__(self, requests: Sequence[GenerationRequest]) -> None:
        self._samples = {(i, sample) for i, one in enumerate(requests) for sample in range(one.num_samples)}
        self._num_input: Counter[int] = Counter()
        self._num_output: Counter[tuple[int, int]] = Counter()

    def note(self, event: StreamEvent) -> None:
        match event:
            case PrefillProgress(request, done, _):
                self._num_input[request] = done
            case TextDelta():
                self._num_output[event.request, event.sample] += len(event.token_ids)
            case Finished():
                self._samples.discard((event.request, event.sample))

    def cancelled(self) -> Iterator[Finished]:
        """Yield an end for each; how long they took is not known here."""
        for request, sample in sorted(self._samples):
            num_output = self._num_output[request, sample]
            usage = Usage(self._num_input[request], 0, num_output, 0.0, 0.0)
            yield Finished(request, sample, "cancelled", usage)
