"""The app in a terminal whose every answer is timed: what `benchmarks/app.py` presses and waits for."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.measuring import cpu_s

SIZE = (120, 36)
"""Columns and lines."""


class TimedTerminal:
    """A terminal with a process in it. Nothing is read but while something is waited for."""

    def __init__(self, command: list[str], environ: Mapping[str, str]) -> None:
        columns, lines = SIZE
        environ = {**os.environ, "TERM": "xterm-256color", **environ}
        self.started = time.perf_counter()
        self._pid, self._master = pty.fork()
        if not self._pid:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execvpe(command[0], command, environ)
        self._is_over = False
        self.output = b""
        """All since the last press."""

    def press(self, keys: str) -> float:
        """Press, and return when that was."""
        self.drain(0)
        self.output = b""
        pressed = time.perf_counter()
        os.write(self._master, keys.encode())
        return pressed

    def until_shown(self, text: str, timeout_s: float = 60) -> float:
        """Wait until `text` was written since the last press; return when it came."""
        wanted, deadline = text.encode(), time.perf_counter() + timeout_s
        while wanted not in self.output:
            if time.perf_counter() > deadline or self._has_ended():
                raise RuntimeError(f"{text!r} never came, but {self.output[-2000:]!r}")
            self._read(0.5)
        return time.perf_counter()

    def until_changed(self, timeout_s: float = 10) -> float:
        """Wait until anything was written since the last press; return when it came."""
        deadline = time.perf_counter() + timeout_s
        while not self.output:
            if time.perf_counter() > deadline:
                raise RuntimeError("nothing was drawn")
            self._read(0.5)
        return time.perf_counter()

    def until_quiet(self, quiet_s: float = 0.15, timeout_s: float = 20) -> float:
        """Wait until nothing was written for `quiet_s`; return when the last of it came."""
        last = time.perf_counter()
        deadline = last + timeout_s
        while self._read(quiet_s) and time.perf_counter() < deadline:
            last = time.perf_counter()
        return last

    def drain(self, seconds: float) -> None:
        """Let time pass, and read what is written meanwhile."""
        until = time.perf_counter() + seconds
        while self._read(max(0.0, until - time.perf_counter())) or time.perf_counter() < until:
            pass

    def resident_mb(self) -> float:
        """Memory of the app's own process, without its host's; Linux only."""
        status = Path(f"/proc/{self._pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def cpu_s(self) -> float:
        """Processor time of the app's own process."""
        return cpu_s(self._pid)

    def close(self) -> None:
        """Leave the app by its key, or end it."""
        with suppress(OSError):
            self.press("\x11")
            self.until_quiet(1.0, timeout_s=3)
        deadline = time.perf_counter() + 5
        while not self._has_ended():
            if time.perf_counter() > deadline:
                os.kill(self._pid, signal.SIGKILL)
            time.sleep(0.01)
        os.close(self._master)

    def _has_ended(self) -> bool:
        self._is_over = self._is_over or os.waitpid(self._pid, os.WNOHANG)[0] != 0
        return self._is_over

    def _read(self, timeout_s: float) -> bool:
        """Read what is there, waiting so long for it; return whether anything was."""
        if not select.select([self._master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # the other end is closed
            return False
        self.output += data
        return bool(data)
