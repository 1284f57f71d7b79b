"""Signals during a turn: they set its CancelToken and are remembered; they never raise.

An exception raised by a handler could land inside a transaction. Outside a turn the usual behaviour stays.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from typer.exceptions import Exit

from chatterm.cli.report import Report
from chatterm.engine.base import CancelToken

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """The user stopped what was going on before there was a turn to keep."""


class Caught:
    """The signal that stopped a turn."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    @property
    def exit_code(self) -> int | None:
        """128 + the signal's number, as shells report it; None when nothing was caught."""
        return None if self.signal_number is None else 128 + self.signal_number


@contextmanager
def cancelling(cancel: CancelToken) -> Iterator[Caught]:
    """Let SIGINT, SIGTERM and SIGHUP cancel. A second SIGINT ends the process at once, with 130.

    What was said until then is in the store, as of its last checkpoint. Only for the main thread.
    """
    caught = Caught()

    def handle(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and caught.signal_number == signal.SIGINT:
            os._exit(128 + number)
        caught.signal_number = number
        cancel.cancel()

    # A signal that the parent had ignored (nohup) stays ignored.
    wanted = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in wanted}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_by_signals(cancel: CancelToken, report: Report) -> Iterator[None]:
    """As `cancelling`, for work with nothing to keep: after a signal it raises Exit with the signal's code.

    Progress is taken away, however it ends.
    """
    with cancelling(cancel) as caught:
        try:
            yield
        except Stopped:
            raise Exit(caught.exit_code or 130) from None
        finally:
            report.clear()
    if caught.exit_code:
        raise Exit(caught.exit_code)
