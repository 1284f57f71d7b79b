"""A command in a terminal of its own, with a pipe for standard input where it is to have one."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

_LEADER = (
    sys.executable,
    "-c",
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(1, termios.TIOCSCTTY, 0)\n"
    "os.execvp(sys.argv[1], sys.argv[1:])",
)
"""Makes the terminal the session's own, and becomes the command."""


class TerminalProcess:
    """Runs a command as the leader of a session on a fresh terminal. All that it writes is kept."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        piped: bytes | None = None,
        has_terminal: bool = True,
        size: tuple[int, int] = (110, 34),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`piped` is what its standard input holds, None: that is the terminal too.

        Without `has_terminal` what it writes goes to a terminal, but none is its own.
        """
        self._master, self._slave = pty.openpty()
        self.resize(*size)
        self._mode = termios.tcgetattr(self._slave)
        self.output = b""
        self.process = subprocess.Popen(
            [*(_LEADER if has_terminal else ()), *command],
            stdin=self._slave if piped is None else subprocess.PIPE,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color"} | dict(environ or {}),
        )
        if piped is not None:
            threading.Thread(target=self._pipe, args=(piped,), daemon=True).start()
        threading.Thread(target=self._read, daemon=True).start()

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        """Type, however long it takes until all is taken."""
        view = memoryview(keys)
        while view:
            view = view[os.write(self._master, view[:4096]) :]

    def until_written(self, text: bytes, timeout_s: float = 30, since: int = 0) -> None:
        self.until(lambda: text in self.output[since:], f"{text!r} never came", timeout_s)

    def until(
        self, is_so: Callable[[], bool], else_told: str = "it never came to that", timeout_s: float = 30
    ) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, f"{else_told}: {self.output[-3000:]!r}"
            assert self.process.poll() is None, f"ended early: {self.output[-3000:]!r}"
            time.sleep(0.01)

    def exit_code(self, within_s: float = 30) -> int:
        return self.process.wait(within_s)

    def is_as_it_was(self) -> bool:
        return termios.tcgetattr(self._slave) == self._mode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self._slave, self._master):
            with suppress(OSError):
                os.close(descriptor)

    def _pipe(self, piped: bytes) -> None:
        assert self.process.stdin
        with suppress(BrokenPipeError):
            self.process.stdin.write(piped)
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self._master, 65536):
                self.output += data
