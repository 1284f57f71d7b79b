"""Leaving the app in time, whatever it is doing: by a key, by SIGTERM, SIGHUP or SIGINT.

Textual 8.2 handles none of these signals and would leave the terminal in its own mode. A handler here only
starts a thread; that asks the app to leave, and ends the process itself where the app does not manage to.
"""

import os
import signal
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

GRACE_S = 1.2
"""So long a turn may take to stop and be kept before the app leaves without it."""

_LIMIT_S = 1.7
"""So long after a signal the process ends, whatever hangs: an engine, or a terminal that takes no output."""

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

RESTORE = (
    "\x1b[?2004l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h"
)
"""Undoes what Textual asks of a terminal: paste, mouse, focus and keyboard modes, screen and cursor."""


TerminalMode = list[int | list[bytes | int]]
"""As termios.tcgetattr returns it."""

_STDIN, _STDERR = 0, 2
"""Where Textual reads, and where it writes."""


@contextmanager
def leaving_on_signals(ask_to_leave: Callable[[int], object]) -> Iterator[None]:
    """Call `ask_to_leave` with 128 + the signal's number, in a thread, when told to end.

    The process ends with that code two seconds later at the latest. Only for the main thread.
    """
    terminal = _terminal_mode()

    def handle(number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=leave, args=(128 + number,), daemon=True).start()

    def leave(exit_code: int) -> None:
        ask_to_leave(exit_code)
        time.sleep(_LIMIT_S)
        _force(exit_code, terminal)

    # A signal that the parent had ignored (nohup) stays ignored.
    wanted = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal_mode() -> TerminalMode | None:
    with suppress(termios.error, OSError):
        return termios.tcgetattr(_STDIN)
    return None


def _force(exit_code: int, terminal: TerminalMode | None) -> None:
    """End the process, its terminal as it was found as far as the terminal takes it."""
    with suppress(OSError, termios.error):
        os.set_blocking(_STDERR, False)
        os.write(_STDERR, RESTORE.encode())
        os.set_blocking(_STDERR, True)
        if terminal is not None:
            termios.tcsetattr(_STDIN, termios.TCSANOW, terminal)
    os._exit(exit_code)
