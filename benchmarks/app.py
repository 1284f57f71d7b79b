"""The whole app in a real terminal: start-up, keys while a reply streams, a long conversation, memory.

    python benchmarks/app.py [--quick] [--wait 120]

A database with 10,000 conversations and one of 2,000 messages is made anew. Each figure is taken from the
outside: from a key written to the terminal until the screen's answer has been read. Starting loads the
default model beside, if it is installed; replies are the echo engine's, through its host process. Nothing
else should run: what the machine did is told with the figures. Exits 1 where a limit is missed.
"""

import argparse
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.app_data import LONG_TITLE, STREAMED_ID, fill, mark
from benchmarks.app_terminal import SIZE, TimedTerminal
from benchmarks.measuring import write_table
from chatterm.config import Paths
from chatterm.models.cache import NATIVE
from chatterm.models.catalogue import load_catalogue

CHATTERM = [sys.executable, "-m", "chatterm"]
RATE = 200
"""Tokens a second of the reply that streams."""
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
"""Keys to press: none of them stands anywhere else on the screen."""
QUIET_S = 0.35
"""A cursor blinks every half second."""
SHIFT_TAB, PAGE_UP, UP, DOWN, F3 = "\x1b[Z", "\x1b[5~", "\x1b[A", "\x1b[B", "\x1bOR"
CONTROL_R, BACKSPACE, ESCAPE = "\x12", "\x7f", "\x1b"


@dataclass(frozen=True, slots=True)
class Measured:
    """All figures of one measure."""

    name: str
    unit: str
    values: Sequence[float]
    limit: float | None = None
    """The median may not be over it."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_missed(self) -> bool:
        return self.limit is not None and self.median > self.limit

    def percentile(self, share: float) -> float:
        return sorted(self.values)[min(len(self.values) - 1, round(share * len(self.values)))]

    @property
    def cells(self) -> dict[str, str]:
        return {
            "measure": self.name,
            "median": f"{self.median:.3g} {self.unit}",
            "95 %": f"{self.percentile(0.95):.3g}",
            "range": f"{min(self.values):.3g} to {max(self.values):.3g}",
            "times": str(len(self.values)),
            "limit": "" if self.limit is None else f"{self.limit:g} {self.unit}",
        }

    @property
    def row(self) -> dict[str, object]:
        figures = {"median": self.median, "p95": self.percentile(0.95), "values": [*self.values]}
        return {"measure": self.name, "unit": self.unit, "limit": self.limit, **figures}


@dataclass(frozen=True, slots=True)
class App:
    """How the app is started."""

    environ: Mapping[str, str]

    def opened(self, *options: str) -> TimedTerminal:
        return TimedTerminal([*CHATTERM, *options], self.environ)


def start_ups(app: App, rounds: int, *options: str) -> list[Measured]:
    """Start the app anew each time, one round thrown away: the files are to be in the page cache."""
    shown, usable, spent, memory = [], [], [], []
    for number in range(-1, rounds):
        with closing(app.opened("--offline", *options)) as terminal:
            first = terminal.until_shown("Ask anything") - terminal.started
            terminal.press(LETTERS[number])
            echoed = terminal.until_shown(LETTERS[number]) - terminal.started
            if number >= 0:
                shown.append(first)
                usable.append(echoed)
                spent.append(terminal.cpu_s())
            terminal.press(BACKSPACE)  # a draft would be kept
            terminal.drain(1.5)
            if number >= 0:
                memory.append(terminal.resident_mb())
    return [
        Measured("start: to the first screen", "s", shown),
        Measured("start: to a key on the screen", "s", usable, 0.5),
        Measured("start: the app's processor time until then", "s", spent),
        Measured("memory: after the start", "MB", memory),
    ]


def keys_while_streaming(app: App, rounds: int, chance: random.Random) -> list[Measured]:
    """Press keys at odd times while replies of hundreds of words stream, and once without a reply."""
    idle, streaming, rates, memory = [], [], [], []
    with closing(app.opened("--model", f"echo:{RATE}", "--cid", STREAMED_ID)) as terminal:
        terminal.until_shown("the end of it")
        terminal.until_quiet(QUIET_S)
        idle += key_times(terminal, chance)
        for _ in range(rounds):
            terminal.press(CONTROL_R)
            terminal.until_shown("tok/s")
            streaming += key_times(terminal, chance)
            rates.append(rate_told(terminal))
            terminal.press(ESCAPE)
            terminal.until_quiet(QUIET_S)
            memory.append(terminal.resident_mb())
    return [
        Measured("key to screen, nothing else going on", "ms", idle, 50),
        Measured(f"key to screen while a reply streams at {RATE} tok/s", "ms", streaming, 50),
        Measured("speed of that reply as the app tells it", "tok/s", rates),
        Measured("memory: after such replies", "MB", memory),
    ]


def key_times(terminal: TimedTerminal, chance: random.Random) -> list[float]:
    """Press each of the keys; return the milliseconds until each was on the screen."""
    times = []
    for letter in LETTERS:
        pressed = terminal.press(letter)
        times.append((terminal.until_shown(letter) - pressed) * 1e3)
        terminal.drain(chance.uniform(0.03, 0.13))
    return times


def rate_told(terminal: TimedTerminal) -> float:
    """Return the speed that the status line tells while the reply still streams."""
    terminal.press(UP)  # nothing comes of it in a line that is not empty
    terminal.drain(1)
    told = re.findall(rb"(\d+) tok/s", terminal.output)
    if len(told) < 3:
        raise RuntimeError("the reply was over before the keys were; make it longer")
    return float(told[-1])


def long_conversation(app: App, pages: int, num_messages: int) -> list[Measured]:
    """Open it from the list, go up by pages, and to its beginning and end."""
    opened, first, settled, ends, memory = [], [], [], [], []
    with closing(app.opened("--model", "echo")) as terminal:
        terminal.until_shown("Ask anything")
        terminal.until_shown(LONG_TITLE)
        terminal.until_quiet(QUIET_S)
        terminal.press(F3)
        terminal.until_quiet()
        terminal.press(DOWN)
        terminal.until_quiet()
        pressed = terminal.press("\r")
        opened.append(terminal.until_shown(mark(num_messages - 1)) - pressed)
        terminal.until_quiet(QUIET_S)
        terminal.press(SHIFT_TAB)
        terminal.until_quiet()
        for _ in range(pages):
            pressed = terminal.press(PAGE_UP)
            first.append((terminal.until_changed() - pressed) * 1e3)
            settled.append((terminal.until_quiet() - pressed) * 1e3)
        for key, number in (("g", 0), ("G", num_messages - 1)) * 3:
            pressed = terminal.press(key)
            ends.append(terminal.until_shown(mark(number)) - pressed)
            terminal.until_quiet(QUIET_S)
        memory.append(terminal.resident_mb())
    name = f"{num_messages:,} messages"
    return [
        Measured(f"{name}: opening", "s", opened),
        Measured(f"{name}: page up, to the first change on the screen", "ms", first, 50),
        Measured(f"{name}: page up, until nothing changes any more", "ms", settled),
        Measured(f"{name}: to the first and to the last message", "s", ends),
        Measured(f"memory: after reading in {name}", "MB", memory),
    ]


def busy_share(seconds: float = 2.0) -> float:
    """Return how much of the processors is in use, 0 to 1; Linux only."""

    def ticks() -> tuple[int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return sum(fields), fields[3] + fields[4]

    before, idle_before = ticks()
    time.sleep(seconds)
    after, idle_after = ticks()
    return 1 - (idle_after - idle_before) / max(after - before, 1)


def wait_for_rest(wait_s: float) -> str:
    """Wait until the machine has little to do, but not for ever; return what it does."""
    deadline = time.monotonic() + wait_s
    while (share := busy_share()) > 0.1 and time.monotonic() < deadline:
        pass
    return f"{share:.0%} busy, load {os.getloadavg()[0]:.1f}"


def prepared(home: Path, num_conversations: int, num_messages: int) -> App:
    """Make a home of the app's with the user's own models in it."""
    own = Paths.from_environment(os.environ)
    paths = Paths.from_environment({"CHATTERM_HOME": str(home)})
    for folder in (paths.models.parent, paths.database.parent, paths.cache):
        folder.mkdir(parents=True, exist_ok=True)
    paths.models.symlink_to(own.models)
    (paths.cache / NATIVE).symlink_to(own.cache / NATIVE)
    fill(paths.database, num_conversations, num_messages)
    # Compiled modules are kept, as they are where chatterm is installed.
    return App({"CHATTERM_HOME": str(home), "CHATTERM_MAX_TOKENS": "8000", "PYTHONDONTWRITEBYTECODE": ""})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few rounds; the results are not kept")
    parser.add_argument("--wait", type=float, default=120, help="seconds to wait for a machine at rest")
    chosen = parser.parse_args()
    rounds, num_conversations, num_messages = (2, 10_000, 2_000) if chosen.quick else (9, 10_000, 2_000)
    chance = random.Random(0)
    entry = load_catalogue().default
    has_model = (Paths.from_environment(os.environ).models / entry.file_name).exists()
    with tempfile.TemporaryDirectory() as folder:
        app = prepared(Path(folder), num_conversations, num_messages)
        begun = wait_for_rest(0 if chosen.quick else chosen.wait)
        measured = start_ups(app, rounds, *(() if has_model else ("--model", "echo")))
        measured += long_conversation(app, 10 if chosen.quick else 60, num_messages)
        measured += keys_while_streaming(app, 1 if chosen.quick else 4, chance)
        ended = wait_for_rest(0)
    facts = {
        "command": "python benchmarks/app.py",
        "conversations": f"{num_conversations:,}",
        "terminal": f"{SIZE[0]} x {SIZE[1]}",
        "model loaded beside the start": entry.name if has_model else "none",
        "machine before and after": f"{begun}; {ended}",
    }
    cells, rows = [one.cells for one in measured], [one.row for one in measured]
    write_table("app", "The app in a terminal", cells, rows, facts, is_kept=not chosen.quick)
    if missed := [one.name for one in measured if one.is_missed]:
        sys.exit(f"over the limit: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
