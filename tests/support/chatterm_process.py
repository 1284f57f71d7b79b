"""Runs the real command in a process of its own: what tests of streams, signals and exit codes need."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

COMMAND = [sys.executable, "-m", "chatterm"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of chatterm ended."""

    code: int
    out: str
    err: str


def run_chatterm(
    *arguments: str | os.PathLike[str],
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    timeout_s: float = 60,
) -> Ended:
    """Run to the end, with `environ` added to this process's environment."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        env=os.environ | dict(environ or {}),
        timeout=timeout_s,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def start_chatterm(*arguments: str | os.PathLike[str]) -> subprocess.Popen[bytes]:
    """Start it with pipes; the caller waits for it or kills it."""
    return subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
