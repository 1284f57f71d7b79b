"""Markdown rendered on a terminal while it comes. Imported only where stdout is one: rich takes its time."""

import re
import time

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from chatterm.sanitize import Sanitizer


class AnswerConsole(Console):
    """On stdout; where nobody reads it, it raises BrokenPipeError. (Rich's own ends the process.)"""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class RenderedAnswer:
    """Markdown on a terminal: finished blocks are printed for good, the one being written is redrawn.

    Only the open block is parsed again as it grows, so the cost of a long answer stays linear.
    """

    _REDRAW_S = 0.06

    def __init__(self, console: Console) -> None:
        self._console = console
        self._sanitizer = Sanitizer()
        self._open = ""
        self._drawn_at = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def write(self, text: str) -> None:
        if not self._live.is_started:
            self._live.start()
            self._console.show_cursor()  # who is killed could not bring it back
        shown, done = self._sanitizer.feed(text), ""
        self._open += shown
        if "\n" in shown:  # a block ends with a line
            done, self._open = split_blocks(self._open)
        if done.strip():
            self._live.update(Text(""), refresh=True)
            self._console.print(_markdown(done))
            self._console.print()
        if done or time.monotonic() - self._drawn_at > self._REDRAW_S:
            self._live.update(self._tail(), refresh=True)
            self._drawn_at = time.monotonic()

    def close(self) -> None:
        self._live.update(Text(""), refresh=True)
        self._live.stop()
        self._console.print(_markdown(self._open) if self._open.strip() else Text(""), end="")
        if not self._open.strip():
            self._console.print()

    def _tail(self) -> Text:
        """Return the end of the open block: what is longer than the screen could not be redrawn."""
        room = max(self._console.height - 2, 1)
        end = "\n".join(self._open.split("\n")[-room:])
        lines = Text(end).wrap(self._console, self._console.width)
        return Text("\n").join(lines[-room:])


_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


def split_blocks(text: str) -> tuple[str, str]:
    """Split Markdown after its last blank line outside a fence: (whole blocks, the block still open)."""
    cut, fence = 0, ""
    position = 0
    for line in text.splitlines(keepends=True):
        position += len(line)
        if found := _FENCE.match(line):
            mark = found[1]
            if not fence:
                fence = mark
            elif mark[0] == fence[0] and len(mark) >= len(fence) and not line.strip().strip(mark[0]):
                fence = ""
        elif not fence and not line.strip() and line.endswith("\n"):
            cut = position
    return text[:cut], text[cut:]


def _markdown(text: str) -> Markdown:
    # A link is shown with its address, never as a terminal hyperlink whose target is hidden.
    return Markdown(text, hyperlinks=False)
