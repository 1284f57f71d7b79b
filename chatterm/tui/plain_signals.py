"""Signals in the screen-reader mode, whose main thread reads and writes lines."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from chatterm.engine.base import CancelToken


class Leave(BaseException):
    """The process was told to end. Not an error: nothing may catch it but who leaves."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code


@contextmanager
def stopping_on_ctrl_c(cancel: CancelToken) -> Iterator[None]:
    """Stop the reply where Ctrl+C is pressed; leave where it is pressed again and the reply did not stop."""

    def stop(number: int, _frame: FrameType | None) -> None:
        if cancel.is_cancelled:
            raise Leave(128 + number)
        cancel.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def leaving_on_signals() -> Iterator[None]:
    """Raise Leave where the process is told to end; only lines are read and written in this thread."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise Leave(128 + number)

    wanted = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, leave) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
