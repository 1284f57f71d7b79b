"""A real terminal with a process in it: what goes over the wire, and how it is left."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress

RESTORED = [b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[?25h"]
CONTROL_Q = b"\x11"
ESCAPE = b"\x1b"


class Terminal:
    """A terminal of 110 x 34 with a process in it. Everything that process writes is kept."""

    def __init__(self, *command: str) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 34, 110, 0, 0))
        self._mode = termios.tcgetattr(self._slave)
        self.output = b""
        self.process = subprocess.Popen(
            command,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def until_written(self, text: bytes, timeout_s: float = 30) -> None:
        self.until(lambda: text in self.output, f"{text!r} never came", timeout_s)

    def until(self, is_so: Callable[[], bool], else_told: str = "", timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, f"{else_told}: {self.output[-3000:]!r}"
            assert self.process.poll() is None, f"ended early: {self.output[-3000:]!r}"
            time.sleep(0.01)

    def exit_code(self, within_s: float) -> int:
        started = time.monotonic()
        code = self.process.wait(timeout=30)
        assert time.monotonic() - started < within_s
        return code

    def is_as_it_was(self) -> bool:
        """Whether the modes were undone after they were last set, and the line discipline is the old one."""
        self._drain()
        after = self.output.rpartition(b"\x1b[?1049h")[2]
        return all(one in after for one in RESTORED) and termios.tcgetattr(self._slave) == self._mode

    def _drain(self) -> None:
        """Read on: what the process wrote last may still be on its way."""
        deadline = time.monotonic() + 2
        while not all(one in self.output for one in RESTORED) and time.monotonic() < deadline:
            time.sleep(0.01)

    def hang_up(self) -> None:
        """Close the terminal's window."""
        os.close(self._slave)
        self._slave = -1
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self._slave, self._master):
            with suppress(OSError):
                os.close(descriptor)

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self._master, 65536):
                self.output += data
