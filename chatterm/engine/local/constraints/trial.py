"""Whether a constraint may be compiled in this process: tried out in a child process with limits."""

import json
import signal

from chatterm.confined import ChildFailed, Limits, run_confined
from chatterm.engine.base import Constraint
from chatterm.engine.local.constraints.grammar import name_of, refusal
from chatterm.errors import Unsupported

_LIMITS = Limits(cpu_s=1, memory=512 * 2**20, output=2**20, patience_s=30)
_CHILD = "chatterm.engine.local.constraints.child:verdict"


def try_out(constraint: Constraint, grammar: str) -> None:
    """Compile the grammar in a child process, which takes 0.1 s.

    Raises UsageError where it is wrong, Unsupported where it costs more than a second or 512 MB.
    """
    try:
        verdict = run_confined(_CHILD, ["llguidance"], grammar.encode(), _LIMITS)
    except ChildFailed as failure:
        raise _too_costly(constraint, failure) from failure
    if reason := json.loads(verdict)["error"]:
        raise refusal(constraint, reason)


def _too_costly(constraint: Constraint, failure: ChildFailed) -> Unsupported:
    why = {
        -signal.SIGXCPU: f"over {_LIMITS.cpu_s} s of work",
        -signal.SIGKILL: f"over {_LIMITS.cpu_s} s of work",
        -signal.SIGABRT: "too much memory",
        -signal.SIGSEGV: "too deep a nesting",
    }.get(failure.status, f"more than it may ({failure})")  # fmt: skip
    return Unsupported(f"{name_of(constraint)} takes {why} before the first word of a reply; make it simpler")
