"""The app in a real terminal: what goes over the wire, and how it is left."""

import os
import time

from tests.support.terminal_process import TerminalProcess

RESTORED = [b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[?25h"]
CONTROL_Q = b"\x11"
ESCAPE = b"\x1b"


class Terminal(TerminalProcess):
    """A terminal with an app in it that fills the screen; no signal comes from its keys."""

    def __init__(self, *command: str) -> None:
        super().__init__(command, has_terminal=False)

    def is_as_it_was(self) -> bool:
        """Whether the modes were undone after they were last set, and the line discipline is the old one."""
        self._drain()
        after = self.output.rpartition(b"\x1b[?1049h")[2]
        return all(one in after for one in RESTORED) and super().is_as_it_was()

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
