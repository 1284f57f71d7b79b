"""PartsState: how far a document that is read in parts is, and what its parts gave. In words."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatterm.tui.pacing import PartsGrowth

if TYPE_CHECKING:
    from chatterm.tasks.reading.events import NotRead, PartRead, PartsProgress

_BAR_CELLS = 24
GOES_ON = " · Ctrl+R goes on, r in the messages"
NO_REPLY = "no reply yet · Ctrl+R asks for it, r in the messages"


@dataclass(slots=True)
class PartsState:
    """Changed by the pane's handlers only."""

    progress: "PartsProgress | None" = None
    read: "dict[int, PartRead]" = field(default_factory=dict)
    """By number, from 1."""
    not_read: "list[NotRead]" = field(default_factory=list)

    def add(self, growth: PartsGrowth) -> None:
        self.read |= {one.number: one for one in growth.read}
        self.progress = growth.progress or self.progress

    @property
    def total(self) -> int:
        """Parts that there are; 0 where that is not known, or they are put together already."""
        return self.progress.total if self.progress and self.progress.step != "reduce" else 0

    @property
    def is_cut(self) -> bool:
        """Whether it ended before all of them were read."""
        return len(self.read) < self.total

    @property
    def num_failed(self) -> int:
        return sum(one.partial.is_failed for one in self.read.values())


def bar_text(progress: "PartsProgress", cells: int = _BAR_CELLS) -> str:
    """Draw the share that is done."""
    filled = round(cells * progress.done / progress.total) if progress.total else 0
    return "█" * filled + "░" * (cells - filled)


def halted_text(num_kept: int, total: int | None) -> str:
    """Say what there is of a reading that was stopped, and how it goes on."""
    parts = f"{num_kept:,} of {total:,} parts are" if total is not None else f"{num_kept:,} parts are"
    if num_kept == 1 and total is None:
        parts = "1 part is"
    return f"{parts} read{GOES_ON}" if num_kept else NO_REPLY


def not_read_lines(not_read: "list[NotRead]", most: int = 5) -> list[str]:
    """Name what an answer does not rest on."""
    lines: list[str] = []
    for one in not_read:
        share = f"{one.num_lines:,} of {one.total_lines:,} lines"
        lines.append(f"⚠ could not be read: {share}" if one.is_failure else f"not read: {share}")
        lines += [f"    {place}" for place in one.places[:most]]
        if num_more := len(one.places) - most:
            lines += [f"    and {num_more:,} more places"] if num_more > 0 else []
    return lines
