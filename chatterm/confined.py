"""Runs a function on hostile bytes in a child process with limits of time, memory and output.

What never ends, fills the memory, overflows the stack or crashes a library written in C ends that process
and nothing else. The bytes go by a pipe and are written nowhere. The child is limited, not caged: it has the
user's rights. Imports the standard library only: the child imports it too.
"""

import contextlib
import importlib
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NoReturn

_OUT_OF_MEMORY = 77
"""The status that a child ends with whose function ran out of memory."""

_BOOT = (
    "import json, sys; call = json.loads(sys.stdin.buffer.readline()); sys.path += call['path'];"
    " from chatterm.confined import run_child; run_child(call)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one call may take."""

    cpu_s: int
    memory: int
    """In bytes of address space. macOS does not enforce such a limit; the others hold there too."""
    output: int
    """In bytes."""
    patience_s: float
    """Of wall time: a machine that needs longer for `cpu_s` of work gives the child next to no time."""


class ChildFailed(Exception):
    """The child came to no result; `why` tells which limit it met."""

    def __init__(
        self, why: Literal["time", "memory", "output", "crash"], detail: str, status: int = 0
    ) -> None:
        """`detail` is for people who look for the cause, `status` what the process ended with."""
        super().__init__(detail)
        self.why = why
        self.status = status


def run_confined(function: str, packages: Sequence[str], data: bytes | bytearray, limits: Limits) -> bytes:
    """Return what `function`, `package.module:name` from bytes to bytes, makes of `data`, in a child process.

    `packages`: what it imports beside the standard library and chatterm; the child sees no other folder.
    Starting takes 0.1 s. Raises ChildFailed.
    """
    call = {"function": function, "path": _folders(["chatterm", *packages]), "limits": asdict(limits)}
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for chatterm, not for the child
        )
    except OSError as error:
        raise ChildFailed("crash", f"no process could be started: {error}") from error
    with _killed_after(child, limits.patience_s) as is_late:
        result = _exchange(child, json.dumps(call).encode() + b"\n", data, limits.output)
    if child.returncode == 0 and len(result) <= limits.output:
        return result
    raise _failure(child.returncode, is_late=is_late.is_set(), is_long=len(result) > limits.output)


def run_child(call: dict[str, object]) -> NoReturn:
    """Limit this process, call the function on what stands on standard input, and end."""
    limits = Limits(**call["limits"])  # type: ignore[arg-type]  # as asdict made it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    try:
        module, _, name = str(call["function"]).partition(":")
        result = getattr(importlib.import_module(module), name)(sys.stdin.buffer.read())
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()
    os._exit(0)  # what the libraries would do on the way out is of no use


def _folders(packages: Sequence[str]) -> list[str]:
    specs = filter(None, map(importlib.util.find_spec, packages))
    return list(dict.fromkeys(str(Path(spec.origin).parents[1]) for spec in specs if spec.origin))


@contextlib.contextmanager
def _killed_after(child: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """Yield an event that is set when the time is up; whatever happens, no child is left behind."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        child.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_late
    finally:
        timer.cancel()
        child.kill()  # nothing, where it has ended
        child.wait()


def _exchange(child: subprocess.Popen[bytes], head: bytes, data: bytes | bytearray, most: int) -> bytes:
    """Give the child all it needs, then take at most `most` + 1 bytes; it reads before it writes."""
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout as stdout:
        with contextlib.suppress(BrokenPipeError), child.stdin as stdin:  # it died: its status tells why
            stdin.write(head)
            stdin.write(data)
        result = stdout.read(most + 1)
        if len(result) <= most:
            child.wait()
    return result


def _failure(status: int, *, is_late: bool, is_long: bool) -> ChildFailed:
    if is_long:
        return ChildFailed("output", "it writes too much", status)
    if is_late or status in (-signal.SIGXCPU, -signal.SIGKILL):
        return ChildFailed("time", "it takes too long", status)
    if status == _OUT_OF_MEMORY:
        return ChildFailed("memory", "it takes too much memory", status)
    return ChildFailed("crash", f"its process ended with status {status}", status)
