"""Whether a host lives: what tells a slow prefill from a hang, and what a host died of."""

import signal
from dataclasses import dataclass

_LEAST_CPU_SHARE = 0.01
"""A host that uses less of a processor while somebody waits for it does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLimits:
    """How long a host may take before it counts as hanging, in seconds."""

    silence_s: float = 60.0
    """Without a heartbeat: the whole process stands still, longer than a cold disk takes for one library."""
    idle_s: float = 300.0
    """With heartbeats, somebody waiting, and next to no CPU time used. Loading may wait for a compiler."""
    stop_s: float = 20.0
    """From a cancelled stream to its end: one step of a large model."""


class Pulse:
    """Follows the signs of a host. Time that passes while this process stands still does not count."""

    def __init__(self, limits: HostLimits) -> None:
        self._limits = limits
        self._silent_s = 0.0
        self._idle_s = 0.0
        self._cpu_s = 0.0
        self._cpu_at_sign_s = 0.0

    def heard(self) -> None:
        """Something came from the host."""
        self._silent_s = 0.0

    def beat(self, cpu_s: float) -> None:
        """It has used `cpu_s` in all."""
        self._cpu_s = cpu_s

    def worked(self) -> None:
        """It gave an answer, or was at work."""
        self._idle_s = 0.0
        self._cpu_at_sign_s = self._cpu_s

    def pass_time(self, seconds: float, *, is_awaited: bool) -> str | None:
        """Let time pass, while somebody waits for an answer or not; return what is wrong, None: nothing."""
        self._silent_s += seconds
        if is_awaited:
            self._idle_s += seconds
        else:
            self.worked()
        if self._silent_s > self._limits.silence_s:
            return f"gave no sign of life for {self._limits.silence_s:g} s"
        if self._idle_s <= self._limits.idle_s:
            return None
        if self._cpu_s - self._cpu_at_sign_s < _LEAST_CPU_SHARE * self._idle_s:
            return f"did nothing for {self._limits.idle_s:g} s"
        self.worked()
        return None


_AGAIN = "the next question starts it again"

_CAUSES = {
    signal.SIGKILL: ("was killed (SIGKILL), most likely because memory ran out", "smaller"),
    signal.SIGBUS: (
        "crashed (SIGBUS), most likely because its model file was changed or cut while in use",
        "",
    ),
    signal.SIGSEGV: ("crashed in native code (SIGSEGV)", ""),
    signal.SIGABRT: ("gave up in native code (SIGABRT), perhaps because memory ran out", "smaller"),
    signal.SIGILL: ("met an instruction that this processor does not have (SIGILL)", ""),
    signal.SIGFPE: ("crashed in native code (SIGFPE)", ""),
}


def explain_death(name: str, returncode: int, last_words: str) -> str:
    """Return the message for an engine whose process ended: the signal and its likely cause, or what it said.

    `returncode` is a Popen's: below zero a signal's number.
    """
    if returncode >= 0:
        said = f": {last_words}" if last_words else ""
        return f"the engine of {name} ended unexpectedly (exit code {returncode}{said}); {_AGAIN}"
    try:
        number = signal.Signals(-returncode)
    except ValueError:
        return f"the engine of {name} was ended by signal {-returncode}; {_AGAIN}"
    cause, advice = _CAUSES.get(number, (f"was ended from outside ({number.name})", ""))
    hint = "; if that goes on, choose a smaller model or a shorter context" if advice else ""
    return f"the engine of {name} {cause}; {_AGAIN}{hint}"


def explain_kill(name: str, reason: str) -> str:
    """Return the message for an engine that was ended from here for `reason`."""
    return f"the engine of {name} {reason} and was ended; {_AGAIN}"
