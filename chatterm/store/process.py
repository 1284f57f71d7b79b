"""Which process writes a reply, named so that any other process can find out whether it still runs.

A number alone would not do: it is used again, and means different processes in different containers and on
different machines. So the name has five parts: the machine, its boot, the PID namespace, the number, and
when the process started. On Linux the last is field 22 of /proc/PID/stat, in ticks since boot; elsewhere it
is what `ps -o lstart` prints, a date, so that boot and namespace are not needed and stand as "-".
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

Fate = Literal["running", "gone", "unknown"]

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()


class ProcessName(NamedTuple):
    """No part holds white space; `str` joins them by one."""

    machine: str
    boot: str
    namespace: str
    number: str
    started: str
    """ "?" where it cannot be found out."""

    def __str__(self) -> str:
        return " ".join(self)


def this_process() -> ProcessName:
    number = os.getpid()
    return ProcessName(*_place(), str(number), started(number) or "?")


def fate_of(name: str) -> Fate:
    """Return what became of the process called `name`.

    `gone` is certain: it ran on this machine, and the machine was started again since, or its number is free,
    a corpse's, or another's by now. `unknown` is a process on another machine or in another container, where
    this one cannot look, and what is no name at all.
    """
    parts = name.split(" ")
    if len(parts) != len(ProcessName._fields) or not parts[3].isdecimal():
        return "unknown"
    process, here = ProcessName(*parts), ProcessName(*_place(), "", "")
    if process.machine != here.machine:
        return "unknown"
    if process.boot != here.boot:
        return "gone"
    if process.namespace != here.namespace:
        return "unknown"
    found = started(int(process.number))
    if found is None:
        return "gone"
    return "running" if found == process.started or "?" in (found, process.started) else "gone"


def _place() -> tuple[str, str, str]:
    """Machine, boot and namespace of this process."""
    host = os.uname().nodename
    if not _HAS_PROC:
        return host, "-", "-"
    boot = _told(lambda: (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip())
    namespace = _told(lambda: str((_PROC / "self" / "ns" / "pid").readlink()))
    return f"{host}/{_told(lambda: Path('/etc/machine-id').read_text().strip())}", boot, namespace


def _told(read: Callable[[], str]) -> str:
    """Return what `read` does, "-" where a sandbox or a lean system does not tell."""
    try:
        return read() or "-"
    except OSError:
        return "-"


def started(number: int) -> str | None:
    """Return when the living process of this number started, "?" if that is hidden, None if none does."""
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):  # the latter for a number that no system gives
        return None
    except PermissionError:
        return "?"
    return _started_by_proc(number) if _HAS_PROC else started_by_ps(number)


def _started_by_proc(number: int) -> str | None:
    try:
        stat = (_PROC / str(number) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the program's name in parentheses, may hold anything; the third is the state.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def started_by_ps(number: int) -> str | None:
    """Ask `ps`, which POSIX has, for what Linux tells in /proc."""
    import subprocess

    command = ["ps", "-o", "stat=,lstart=", "-p", str(number)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    state, *date = done.stdout.split() or ["Z"]
    return None if state.startswith("Z") else "_".join(date)
