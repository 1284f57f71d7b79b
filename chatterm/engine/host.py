"""The host: a process that runs one engine for another process, over an inherited socket.

    python -P -m chatterm.engine.host SOCKET LIFELINE

Both are numbers of descriptors. The main thread reads requests, each call works on a thread of its own, one
thread sends what they answer. Nobody is asked before it ends: it ends, with its process group, when the
socket or the lifeline closes. The lifeline is a socket on which nothing is ever sent; its closing raises
SIGIO, whose default action the kernel takes by itself, so that a host whose interpreter is stuck in native
code ends too. The group is its own, and SIGINT is ignored: a terminal's Ctrl+C is not for the host.
"""

import faulthandler
import fcntl
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from queue import Empty, SimpleQueue

from chatterm.engine import wire
from chatterm.engine.base import CancelToken, Engine, StreamEvent
from chatterm.engine.registry import open_engine
from chatterm.errors import ChattermError, OutOfMemory

BEAT_S = 0.5
PAUSE_S = 0.01
"""Events that come within this time of a frame wait and are sent together."""
_RECEIVE_BYTES = 2**18


def main(arguments: Sequence[str]) -> None:
    """Serve until the client is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(PermissionError):  # who started it has seen to it
        os.setsid()
    faulthandler.enable()
    connection, lifeline = (socket.socket(fileno=int(number)) for number in arguments)
    _end_with(lifeline)
    Host(connection).serve()
    # Whoever works for the host ends with it; the host itself cannot wait for a thread in native code.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    os._exit(0)


def _end_with(lifeline: socket.socket) -> None:
    """Let the kernel end this process group when the other end of the lifeline closes."""
    descriptor = lifeline.fileno()
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)


class Host:
    """Reads requests and answers them; holds the engine once it is open."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._outbox = Outbox(connection)
        self._streams: dict[int, HostedStream] = {}
        self._engine: Engine | None = None

    def serve(self) -> None:
        """Return when the client is gone, or sends what is no request."""
        for work in (self._outbox.run, self._beat):
            threading.Thread(target=work, daemon=True).start()
        reader = wire.FrameReader()
        with suppress(OSError, wire.WireError):
            while data := self._connection.recv(_RECEIVE_BYTES):
                for request in reader.feed(data):
                    self._take(request)

    def _take(self, request: wire.Request) -> None:
        """Begin a call in its own thread, or pass on what concerns a stream that runs."""
        match request:
            case wire.Open() | wire.Count() | wire.Score():
                self._start(request.call, lambda: self._answer(request))
            case wire.Stream():
                stream = self._streams[request.call] = HostedStream(request)
                self._start(request.call, lambda: self._stream(stream))
            case wire.More() | wire.Cancel() | wire.Drop():
                if running := self._streams.get(request.call):
                    running.heed(request)
            case _:
                raise wire.WireError("what came is no request")

    def _start(self, call: int, work: Callable[[], object]) -> None:
        """Do `work` in a thread; what it returns or raises ends the call."""

        def run() -> None:
            try:
                self._outbox.put(wire.Value(call, work()), is_urgent=True)
            except Exception as error:  # noqa: BLE001  # raised again at the other end
                self._outbox.put(wire.Failure(call, _told(error)), is_urgent=True)

        threading.Thread(target=run, daemon=True).start()

    def _answer(self, request: wire.Open | wire.Count | wire.Score) -> object:
        match request:
            case wire.Open(_, model, options):
                self._engine = open_engine(model, options)
                return self._engine.describe()
            case wire.Count(_, messages):
                return self._opened.count(messages)
            case wire.Score(_, messages, labels):
                return tuple(self._opened.score(messages, labels))

    def _stream(self, stream: "HostedStream") -> None:
        try:
            with closing(self._opened.stream(stream.request.requests, stream.cancel)) as events:
                for event in stream.taken(events):
                    self._outbox.put(wire.Event(stream.request.call, event))
        finally:
            del self._streams[stream.request.call]

    @property
    def _opened(self) -> Engine:
        assert self._engine, "the client asks nothing before it has the card"
        return self._engine

    def _beat(self) -> None:
        while True:
            self._outbox.put(wire.Beat(sum(os.times()[:4])))
            time.sleep(BEAT_S)


class HostedStream:
    """A stream under way: how far it may go on, and whether anybody still reads it."""

    def __init__(self, request: wire.Stream) -> None:
        self.request = request
        self.cancel = CancelToken()
        if request.is_cancelled:
            self.cancel.cancel()
        self._room = threading.Semaphore(request.room)
        self._is_dropped = False

    def heed(self, request: wire.More | wire.Cancel | wire.Drop) -> None:
        match request:
            case wire.More(_, num_events):
                self._room.release(num_events)
            case wire.Cancel():
                self.cancel.cancel()
            case wire.Drop():
                self._is_dropped = True
                self.cancel.cancel()
                self._room.release()

    def taken(self, events: Iterator[StreamEvent]) -> Iterator[StreamEvent]:
        """Yield the events, no more than the reader has room for, until nobody reads."""
        while self._room.acquire() and not self._is_dropped:
            event = next(events, None)
            if event is None:
                return
            yield event


class Outbox:
    """Sends what is put, in its order, several values a frame where they come fast."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._queue: SimpleQueue[wire.Answer] = SimpleQueue()
        self._is_urgent = threading.Event()

    def put(self, answer: wire.Answer, *, is_urgent: bool = False) -> None:
        """Any thread may put. What is not urgent may wait for more to come."""
        self._queue.put(answer)
        if is_urgent:
            self._is_urgent.set()

    def run(self) -> None:
        """Send until the client is gone. A host that cannot speak ends."""
        with suppress(OSError):
            try:
                while True:
                    answers = [self._queue.get(), *self._waiting()]
                    self._connection.sendall(wire.encode_frame(answers))
                    self._is_urgent.wait(PAUSE_S)
            finally:
                self._connection.shutdown(socket.SHUT_RDWR)

    def _waiting(self) -> Iterator[wire.Answer]:
        self._is_urgent.clear()
        with suppress(Empty):
            while True:
                yield self._queue.get_nowait()


def _told(error: Exception) -> ChattermError:
    """Return what crosses the wire for `error`."""
    if isinstance(error, ChattermError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemory("no memory is left for the engine; choose a smaller model or a shorter context")
    return ChattermError(f"the engine failed unexpectedly: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
