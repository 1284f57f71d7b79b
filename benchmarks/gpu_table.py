"""What the GPU benchmark found, line by line, within its time: what failed or had no time left says why."""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from textwrap import shorten

from benchmarks.measuring import write_table


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    shape: str
    measure: str
    contender: str
    value: float | None
    unit: str = ""
    roofline: float | None = None
    """Share of it, 0 to 1."""
    note: str = ""
    """Why there is no value."""

    @property
    def cells(self) -> dict[str, str]:
        """For people."""
        value = f"{self.value:.4g} {self.unit}" if self.value is not None else f"none: {self.note}"
        return {
            "shape": self.shape,
            "measure": self.measure,
            "contender": self.contender,
            "value": value.strip(),
            "of the roofline": "" if self.roofline is None else f"{self.roofline:.0%}",
        }


class OutOfTime(Exception):  # no error: what was measured counts
    """The time for a contender is over."""


class Clock:
    """Counts down."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._end = now() + seconds

    @property
    def left(self) -> float:
        """In seconds, 0 at last."""
        return max(0.0, self._end - self._now())

    def part(self, share: float) -> "Clock":
        """Return one for a share of what is left."""
        return Clock(self.left * share, self._now)

    def check(self) -> None:
        """Raises OutOfTime."""
        if not self.left:
            raise OutOfTime


@dataclass(slots=True)
class Table:
    """The lines so far."""

    rows: list[Row] = field(default_factory=list)
    _is_written: threading.Lock = field(default_factory=threading.Lock)

    def take(self, shape: str, contender: str, rows: Iterable[Row]) -> None:
        """Add a contender's lines as they come; what it raises is its last."""
        try:
            for row in rows:
                self._add(row)
        except OutOfTime:
            self._add(Row(shape, "the rest", contender, None, note="no time left"))
        except Exception as error:  # noqa: BLE001  # whatever it is, the others go on
            note = shorten(f"{type(error).__name__}: {error}", 160)
            self._add(Row(shape, "the rest", contender, None, note=note))

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        print("  " + ", ".join(cell for cell in row.cells.values() if cell), file=sys.stderr, flush=True)

    def write(self, facts: Mapping[str, str], *, is_kept: bool) -> None:
        """Print the table, once, and write it into results/ where `is_kept`."""
        if not self._is_written.acquire(blocking=False):
            return
        rows = tuple(self.rows)
        write_table(
            "gpu",
            "Decoding and reading on a GPU",
            [row.cells for row in rows],
            [asdict(row) for row in rows],
            facts,
            is_kept=is_kept,
        )


def end_after(seconds: float, write: Callable[[], None]) -> threading.Timer:
    """Write and end the program when so much time is over, whatever it waits for then."""

    def end() -> None:
        status = 0
        try:
            write()
            sys.stdout.flush()
        except Exception:  # noqa: BLE001  # whatever it is, the program is to end
            traceback.print_exc()
            status = 1
        os._exit(status)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer
