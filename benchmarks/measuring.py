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
    """chatterm's figure over this contender's, round by round; None for chatterm itself."""


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
    packages: tuple[str, ...],
    extra: Mapping[str, str],
    *,
    is_kept: bool = True,
) -> None:
    """Print the table and, where `is_kept`, write NAME.json and NAME.md into results/."""
    facts = machine() | {package: _version(package) for package in packages} | dict(extra)
    table = _markdown(title, facts, rows)
    print(table)
    if not is_kept:
        return
    RESULTS.mkdir(exist_ok=True)
    payload = {"title": title, "facts": facts, "rows": [asdict(row) for row in rows]}
    (RESULTS / f"{name}.json").write_text(json.dumps(payload, indent=2) + "\n", encoding="utf-8")
    (RESULTS / f"{name}.md").write_text(table, encoding="utf-8")


def _markdown(title: str, facts: Mapping[str, str], rows: Sequence[Row]) -> str:
    lines = [
        f"# {title}",
        "",
        "| measure | contender | median | range | chatterm / it |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        spread = f"{row.least:.4g} to {row.most:.4g}"
        share = "" if row.ratio is None else f"{row.ratio:.2f}x"
        lines.append(
            f"| {row.measure} | {row.contender} | {row.median:.4g} {row.unit} | {spread} | {share} |"
        )
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


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
