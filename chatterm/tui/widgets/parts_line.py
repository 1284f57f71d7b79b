"""PartsLine: how far the documents of a reply are read in parts, and what was left out, below its text."""

from textual.content import Content
from textual.widgets import Static

from chatterm.sanitize import sanitize
from chatterm.tasks.reading.words import progress_text
from chatterm.tui.parts_state import PartsState, bar_text, not_read_lines


class PartsLine(Static):
    """Shows a state as it is when told to."""

    def __init__(self, parts: PartsState, *, is_over: bool = False) -> None:
        super().__init__(_content(parts, is_over=is_over), classes="parts")

    def show(self, parts: PartsState, *, is_over: bool = False) -> None:
        self.update(_content(parts, is_over=is_over))


def _content(parts: PartsState, *, is_over: bool) -> Content:
    lines: list[str] = []
    progress = parts.progress
    if progress and not is_over:
        lines.append(bar_text(progress))
        lines.append(progress_text(progress))
    elif parts.read:
        failed = f", {parts.num_failed:,} without an answer" if parts.num_failed else ""
        number = len(parts.read)
        how = f"read in {number:,} part{'' if number == 1 else 's'}"
        if parts.is_cut:
            how = f"{number:,} of {parts.total:,} parts are read, Ctrl+R goes on"
        lines.append(f"{how}{failed} · F8 shows them")
    if is_over:
        lines += not_read_lines(parts.not_read)
    return Content(sanitize("\n".join(lines)))
