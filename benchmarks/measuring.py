"""What the benchmark scripts share: interleaved rounds, medians, ratios, and a results file with its machine.

Machines are shared and noisy, so contenders run in turn (A B A B), and ratios are taken round by round.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

Rounds = dict[str, list[float]]
"""Contender -> one figure a round."""


def interleave(contenders: Mapping[str, Callable[[], float]], rounds: int, *, warm_ups: int = 1) -> Rounds:
    """Run every contender in turn, `rounds` times after the warm-ups, and keep the figures of the rounds."""
    figures: Rounds = {name: [] for name in contenders}
    for number in range(-warm_ups, rounds):
        for name, run in contenders.items():
            figure = run()
            if number >= 0:
                figures[name].append(figure)
        print(f"  round {number + 1} of {rounds}", file=sys.stderr)
    return figures


def ratio(figures: Rounds, ours: str, theirs: str) -> float:
    """Median over the rounds of ours / theirs."""
    return statistics.median(a / b for a, b in zip(figures[ours], figures[theirs], strict=True))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a results table."""

    measure: str
    contender: str
    median: float
    least: float
    most: float
    unit: str
    ratio: float | None
    """Our figure over this contender's, round by round; None for our own."""


def rows_of(measure: str, unit: str, figures: Rounds, *, ours: str = "chatterm") -> list[Row]:
    return [
        Row(
            measure,
            name,
            statistics.median(values),
            min(values),
            max(values),
            unit,
            None if name == ours or ours not in figures else ratio(figures, ours, name),
        )
        for name, values in figures.items()
    ]


def write_results(
    name: str,
    title: str,
    rows: Sequence[Row],
    extra: Mapping[str, str],
    *,
    is_kept: bool = True,
    ours: str = "chatterm",
) -> None:
    """Print a table of figures with their ranges and ratios to `ours`; see `write_table`."""
    cells = [
        {
            "measure": row.measure,
            "contender": row.contender,
            "median": f"{row.median:.4g} {row.unit}",
            "range": f"{row.least:.4g} to {row.most:.4g}",
            f"{ours} / it": "" if row.ratio is None else f"{row.ratio:.2f}x",
        }
        for row in rows
    ]
    write_table(name, title, cells, [asdict(row) for row in rows], extra, is_kept=is_kept)


def write_table(
    name: str,
    title: str,
    cells: Sequence[Mapping[str, str]],
    rows: Sequence[Mapping[str, object]],
    extra: Mapping[str, str],
    *,
    is_kept: bool = True,
) -> None:
    """Print a table and, where `is_kept`, write NAME.md and NAME.json into results/.

    `cells` are for people, all with the same keys; `rows` for programs. Both come with the machine's facts.
    """
    facts = machine() | dict(extra)
    text = _markdown(title, facts, cells)
    print(text)
    if is_kept:
        RESULTS.mkdir(exist_ok=True)
        payload = {"title": title, "facts": facts, "rows": list(rows)}
        (RESULTS / f"{name}.json").write_text(json.dumps(payload, indent=2) + "\n", encoding="utf-8")
        (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")


def _markdown(title: str, facts: Mapping[str, str], cells: Sequence[Mapping[str, str]]) -> str:
    columns = list(cells[0]) if cells else ["nothing could be measured"]
    lines = [f"# {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(row.values())} |" for row in cells]
    return "\n".join([*lines, "", *(f"- {key}: {value}" for key, value in facts.items()), ""])


def machine() -> dict[str, str]:
    """What the figures depend on, without anything that names this machine's owner."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _output("git", "rev-parse", "--short=12", "HEAD"),
        "cpu": _cpu_name(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "python": platform.python_version(),
        "system": platform.system(),
        "torch": version_of("torch"),
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    text = info.read_text(encoding="utf-8")
    name = next(
        (line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")), "?"
    )
    flags = {flag for line in text.splitlines() if line.startswith("flags") for flag in line.split()}
    known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    return f"{name} ({' '.join(flag for flag in known if flag in flags)})"


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def cpu_s(pid: int) -> float:
    """Return the processor time of a process: fields 14 and 15 of /proc/PID/stat, in ticks; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def how_ended(status: int, said: str) -> str:
    """Say how a process ended that failed, by the last line of what it said."""
    lines = said.strip().splitlines()
    return f"ended with status {status}: {lines[-1] if lines else 'without a word'}"


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
