"""The app as a process of its own, to be given a terminal: `python -m tests.tui.pty_app DB MODE`."""

import fcntl
import sys
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from chatterm.engine.base import Engine
from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from chatterm.tui.app import run
from chatterm.tui.leaving import leaving_on_signals
from tests.tui.driving import parts_of
from tests.tui.engines import DeafEngine

HOSTILE = "It says \x1b]52;c;aGk=\x07 and \x1b[2J and \u202e and no more."
LONG = "word " * 20_000

ENGINES: Mapping[str, Callable[[], Engine]] = {
    "hostile": lambda: EchoEngine([HOSTILE]),
    "slow": lambda: EchoEngine([LONG], tokens_per_s=50),
    "deaf": lambda: DeafEngine("heard nothing"),
}


def hang() -> None:
    """Stand for an app that does not react at all."""
    with leaving_on_signals(lambda _exit_code: None):
        sys.stderr.write("\x1b[?1049hhanging")
        sys.stderr.flush()
        time.sleep(60)


def main(database: str, mode: str) -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal's hanging up is this session's to hear
    if mode == "hang":
        hang()
    with closing(ConversationStore.open(Path(database))) as store:
        exit_code = run(parts_of(store, EchoEngine(), open_engine=ENGINES[mode]))
    sys.exit(exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
