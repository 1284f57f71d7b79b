"""What tells a slow prefill from a hang, and how a death is explained."""

import signal

import pytest

from chatterm.engine.host_pulse import HostLimits, Pulse, explain_death, explain_kill

LIMITS = HostLimits(silence_s=30, idle_s=300)


def wrong_after(pulse: Pulse, seconds: int, *, cpu_a_second: float, beats: bool = True) -> str | None:
    """Let seconds pass while somebody waits; return the first complaint."""
    for second in range(seconds):
        if beats:
            pulse.heard()
            pulse.beat(second * cpu_a_second)
        if wrong := pulse.pass_time(1.0, is_awaited=True):
            return f"{wrong}, after {second + 1} s"
    return None


def test_a_prefill_that_works_for_an_hour_is_no_hang() -> None:
    assert wrong_after(Pulse(LIMITS), 3600, cpu_a_second=0.9) is None


def test_a_deadlock_is_found_though_its_heart_beats() -> None:
    wrong = wrong_after(Pulse(LIMITS), 3600, cpu_a_second=0.001)
    assert wrong == "did nothing for 300 s, after 301 s"


def test_without_a_beat_it_is_silent() -> None:
    wrong = wrong_after(Pulse(LIMITS), 3600, cpu_a_second=0.9, beats=False)
    assert wrong == "gave no sign of life for 30 s, after 31 s"


def test_nobody_waiting_it_may_do_nothing() -> None:
    pulse = Pulse(LIMITS)
    for _ in range(1000):
        pulse.heard()
        assert pulse.pass_time(1.0, is_awaited=False) is None


def test_an_answer_begins_the_waiting_anew() -> None:
    pulse = Pulse(LIMITS)
    assert wrong_after(pulse, 290, cpu_a_second=0) is None
    pulse.worked()
    assert wrong_after(pulse, 290, cpu_a_second=0) is None
    assert wrong_after(pulse, 20, cpu_a_second=0) == "did nothing for 300 s, after 11 s"


@pytest.mark.parametrize(
    ("returncode", "last_words", "told"),
    [
        (-signal.SIGKILL, "", "was killed (SIGKILL), most likely because memory ran out"),
        (-signal.SIGABRT, "", "gave up in native code (SIGABRT), perhaps because memory ran out"),
        (-signal.SIGBUS, "", "its model file was changed or cut while in use"),
        (-signal.SIGILL, "", "an instruction that this processor does not have (SIGILL)"),
        (-signal.SIGHUP, "", "was ended from outside (SIGHUP)"),
        (-99, "", "was ended by signal 99"),
        (1, "ImportError: no torch", "ended unexpectedly (exit code 1: ImportError: no torch)"),
        (0, "", "ended unexpectedly (exit code 0)"),
    ],
)
def test_a_death_is_explained(returncode: int, last_words: str, told: str) -> None:
    message = explain_death("Some Model", returncode, last_words)
    assert message.startswith("the engine of Some Model ")
    assert told in message
    assert "the next question starts it again" in message
    assert "\n" not in message


def test_a_hang_that_was_ended_is_explained() -> None:
    message = explain_kill("m", "did nothing for 300 s")
    assert message == "the engine of m did nothing for 300 s and was ended; the next question starts it again"
