"""Starts the programs of children.py and reads what they say."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

Child = subprocess.Popen[str]


def command(name: str, database: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.store.children", name, str(database), *arguments]


@contextmanager
def running(*commands: Sequence[str]) -> Iterator[list[Child]]:
    """All of them at once, none left behind."""
    pipe = subprocess.PIPE
    children = [
        subprocess.Popen(one, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for one in commands
    ]
    try:
        yield children
    finally:
        for child in children:
            child.kill()
            child.communicate()


def heard(child: Child) -> dict[str, Any]:
    """The next line a child says; what it complained of, where it ended instead."""
    assert child.stdout
    assert child.stderr
    line = child.stdout.readline()
    assert line, child.stderr.read()
    facts: dict[str, Any] = json.loads(line)
    return facts


def at_once(children: Sequence[Child]) -> None:
    """Wait until all are ready, then let them go."""
    for child in children:
        assert heard(child) == {"ready": True}
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
