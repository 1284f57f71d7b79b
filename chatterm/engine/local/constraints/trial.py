"""Whether a constraint may be compiled in this process: tried out in a child process with limits."""

import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path

from chatterm.engine.base import Constraint
from chatterm.engine.local.constraints.child import CPU_LIMIT_S
from chatterm.engine.local.constraints.grammar import name_of, refusal
from chatterm.errors import Unsupported

_PATIENCE_S = 30
"""Of wall time: a machine that needs longer for the second of work gives the child next to no time."""

_BOOT = (
    "import json, sys; call = json.load(sys.stdin); sys.path += call['path'];"
    " from chatterm.engine.local.constraints.child import run_child; run_child(call['grammar'])"
)
_PACKAGES = ("chatterm", "llguidance")
"""What the child imports beyond the standard library; it sees no other folder."""


def try_out(constraint: Constraint, grammar: str) -> None:
    """Compile the grammar in a child process, which takes 0.1 s.

    Raises UsageError where it is wrong, Unsupported where it costs more than a second or 512 MB.
    """
    specs = filter(None, map(importlib.util.find_spec, _PACKAGES))
    path = list(dict.fromkeys(str(Path(spec.origin).parents[1]) for spec in specs if spec.origin))
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _BOOT],
            input=json.dumps({"grammar": grammar, "path": path}).encode(),
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
            start_new_session=True,  # Ctrl-C is for chatterm, not for the child
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unsupported(f"{name_of(constraint)} could not be tried out ({error})") from error
    if done.returncode:
        raise _too_costly(constraint, done.returncode)
    if reason := json.loads(done.stdout)["error"]:
        raise refusal(constraint, reason)


def _too_costly(constraint: Constraint, status: int) -> Unsupported:
    why = {
        -signal.SIGXCPU: f"over {CPU_LIMIT_S} s of work",
        -signal.SIGKILL: f"over {CPU_LIMIT_S} s of work",
        -signal.SIGABRT: "too much memory",
        -signal.SIGSEGV: "too deep a nesting",
    }.get(status, f"more than it may (status {status})")  # fmt: skip
    return Unsupported(f"{name_of(constraint)} takes {why} before the first word of a reply; make it simpler")
