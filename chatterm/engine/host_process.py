"""HostProcess: starts a host (`engine.host`), carries calls to it, and finds out when and why it is gone.

One thread reads what the host sends: answers, heartbeats, and what it writes on stderr, of which the last
lines are kept for an error's message and never reach the terminal. Knows nothing of what the calls mean.
"""

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from chatterm.engine import wire
from chatterm.engine.host_pulse import HostLimits, Pulse, explain_death, explain_kill
from chatterm.errors import EngineLost, UsageError
from chatterm.sanitize import sanitize_line

logger = logging.getLogger(__name__)

TICK_S = 0.5
_REAP_S = 2.0
"""So long a host that has closed its socket may take to end."""
_CLOSE_S = 1.0
_RECEIVE_BYTES = 2**18
_LAST_WORDS_BYTES = 2**12
_LAST_LINE = 200

Reply = wire.Event | wire.Value | wire.Failure
"""What a call is answered with; all but an Event end it."""


class Call:
    """A request under way; its answers come in order."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._answers: SimpleQueue[Reply | None] = SimpleQueue()

    def put(self, answer: Reply | None) -> None:
        """None: this side closed the engine."""
        self._answers.put(answer)

    def get(self, timeout_s: float | None = None) -> Reply | None:
        """Return the next answer, None where this side closed the engine. Raises queue.Empty."""
        return self._answers.get(timeout=timeout_s)

    @property
    def is_waiting(self) -> bool:
        """Whether all that came was taken."""
        return self._answers.empty()


class LastWords:
    """The end of what a process writes on its stderr."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._words = b""

    def hear(self) -> bool:
        """Read what there is; return False at its end."""
        data = os.read(self._pipe.fileno(), _RECEIVE_BYTES)
        self._words = (self._words + data)[-_LAST_WORDS_BYTES:]
        return bool(data)

    def last_line(self) -> str:
        """Return the last line with words of a process that has ended, fit to be shown."""
        os.set_blocking(self._pipe.fileno(), False)
        with suppress(BlockingIOError):
            while self.hear():
                pass
        lines = self._words.decode(errors="replace").split("\n")
        return next((sanitize_line(one.strip())[:_LAST_LINE] for one in reversed(lines) if one.strip()), "")


class HostProcess:
    """One host from its start to its end. Its methods may be called from any thread."""

    def __init__(self, name: str, limits: HostLimits) -> None:
        """Start the host; `name` is the engine's, for messages. Raises EngineLost where it cannot be."""
        self._name = name
        self._pulse = Pulse(limits)
        self._calls: dict[int, Call] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._reason: str | None = None
        """Why this side killed it."""
        self._is_closed = False
        self._loss: str | None = None
        self.was_in_use = False
        """Whether calls were under way when it ended; they were told why."""
        self._has_ended = threading.Event()
        self._connection, theirs = socket.socketpair()
        self._lifeline, far_end = socket.socketpair()
        with theirs, far_end:
            self._process = self._start(theirs, far_end)
        assert self._process.stderr
        self._last_words = LastWords(self._process.stderr)
        self._reader = threading.Thread(target=self._read, name="host reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return not (self._is_closed or self._has_ended.is_set() or self._loss)

    def begin(self, make: Callable[[int], wire.Request]) -> Call:
        """Send what `make` makes of a new call's number. Raises EngineLost; UsageError where it is closed."""
        call = Call(next(self._numbers))
        frame = wire.encode_frame(make(call.number))
        with self._lock:
            if self._is_closed:
                raise UsageError(f"the engine of {self._name} is closed; open it again")
            if self._loss:
                raise EngineLost(self._loss)
            self._calls[call.number] = call
        self._send(frame)
        return call

    def send(self, request: wire.More | wire.Cancel | wire.Drop) -> None:
        """Send what concerns a call under way. A host that is gone is told by the call's answers."""
        self._send(wire.encode_frame(request))

    def forget(self, call: Call) -> bool:
        """Take no more answers for `call`; return whether it was still under way."""
        with self._lock:
            return self._calls.pop(call.number, None) is not None

    def kill(self, reason: str) -> None:
        """End a host that is of no use any more; its calls fail with `reason`."""
        self._reason = self._reason or reason
        self._kill()

    def close(self) -> None:
        """End the host without waiting for its work. Harmless when repeated."""
        with self._lock:
            self._is_closed = True
        self._kill()
        self._reader.join(_CLOSE_S)

    def wait_lost(self) -> EngineLost | None:
        """Wait for the host's end; return why it is gone, None where it was closed."""
        self._has_ended.wait()
        return EngineLost(self._loss) if self._loss else None

    def _start(self, connection: socket.socket, lifeline: socket.socket) -> "subprocess.Popen[bytes]":
        descriptors = [connection.fileno(), lifeline.fileno()]
        command = [sys.executable, "-P", "-m", "chatterm.engine.host", *map(str, descriptors)]
        # The same modules as here; never those of the folder that the user happens to be in.
        path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=descriptors,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": path},
            )
        except OSError as error:
            self._connection.close()
            self._lifeline.close()
            raise EngineLost(f"the engine's process could not be started: {error.strerror}") from error

    def _send(self, frame: bytes) -> None:
        with self._send_lock, suppress(OSError):
            self._connection.sendall(frame)

    def _kill(self) -> None:
        """Kill the host and whoever works for it; its number is its own until it is waited for."""
        with self._lock:
            if self._process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _read(self) -> None:
        """In a thread: pass on what comes, until nothing comes any more."""
        try:
            self._pass_on()
        except wire.WireError as error:
            self.kill(f"answered nonsense ({error})")
        self._lose(self._bury())

    def _pass_on(self) -> None:
        """Return when the host has closed its socket. Raises WireError."""
        assert self._process.stderr
        reader = wire.FrameReader()
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            selector.register(self._process.stderr, selectors.EVENT_READ)
            last = time.monotonic()
            while True:
                ready = {key.fileobj for key, _ in selector.select(TICK_S)}
                if self._process.stderr in ready and not self._last_words.hear():
                    selector.unregister(self._process.stderr)
                if self._connection in ready:
                    data = _received(self._connection)
                    if not data:
                        return
                    for answers in reader.feed(data):
                        self._hand_out(answers)
                last, passed = (now := time.monotonic()), now - last
                self._check(min(passed, 2 * TICK_S))

    def _hand_out(self, answers: object) -> None:
        """Take what a frame holds. Raises WireError for what is no answer."""
        self._pulse.heard()
        for answer in answers if isinstance(answers, tuple) else (answers,):
            match answer:
                case wire.Beat(cpu_s):
                    self._pulse.beat(cpu_s)
                case wire.Event(number, _):
                    self._hand(self._calls.get(number), answer)
                case wire.Value(number, _) | wire.Failure(number, _):
                    with self._lock:
                        call = self._calls.pop(number, None)
                    self._hand(call, answer)
                case _:
                    raise wire.WireError("what came is no answer")

    def _hand(self, call: Call | None, answer: Reply) -> None:
        """Nobody waits for what was dropped meanwhile."""
        self._pulse.worked()
        if call:
            call.put(answer)

    def _check(self, passed_s: float) -> None:
        with self._lock:
            is_awaited = any(call.is_waiting for call in self._calls.values())
        if wrong := self._pulse.pass_time(passed_s, is_awaited=is_awaited):
            self.kill(wrong)

    def _bury(self) -> str:
        """Wait for the host that has closed its socket, end what it leaves behind, and say why it is gone."""
        _wait_unreaped(self._process.pid)
        self._kill()
        status = self._process.wait()
        logger.info("the engine's process %d ended with status %d", self._process.pid, status)
        if self._reason:
            return explain_kill(self._name, self._reason)
        return explain_death(self._name, status, self._last_words.last_line())

    def _lose(self, loss: str) -> None:
        """Tell every call that the host is gone."""
        with self._lock:
            is_closed, calls = self._is_closed, tuple(self._calls.values())
            self._calls.clear()
            self._loss = None if is_closed else loss
        self.was_in_use = bool(calls)
        self._has_ended.set()
        for call in calls:
            call.put(None if is_closed else wire.Failure(call.number, EngineLost(loss)))
        with self._send_lock:
            self._connection.close()
            self._lifeline.close()
        if self._process.stderr:
            self._process.stderr.close()


def _wait_unreaped(pid: int) -> None:
    """Wait for the process's end, but not for ever, and leave its number taken: it is its group's too."""
    if not hasattr(os, "waitid"):  # macOS, before Python 3.13
        time.sleep(_REAP_S / 10)
        return
    options = os.WEXITED | os.WNOWAIT | os.WNOHANG
    deadline = time.monotonic() + _REAP_S
    while os.waitid(os.P_PID, pid, options) is None and time.monotonic() < deadline:
        time.sleep(0.005)


def _received(connection: socket.socket) -> bytes:
    """Return what has come; nothing where the other side is gone."""
    try:
        return connection.recv(_RECEIVE_BYTES)
    except OSError:
        return b""
