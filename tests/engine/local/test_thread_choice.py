"""The choice of threads on a machine that is simulated: a clock, and steps whose length depends on both."""

from collections.abc import Callable

from chatterm.engine.local.thread_choice import LONGEST_PAUSE_S, ThreadChoice


class Machine:
    """Steps take 8 ms on two threads and 15 on one; while it is busy, 80 and 24."""

    def __init__(self) -> None:
        self.now = 0.0
        self.threads = 0
        self.is_busy = False
        self.used: list[int] = []

    def set_threads(self, count: int) -> None:
        self.threads = count

    def step(self) -> str:
        times = {2: 0.080, 1: 0.024} if self.is_busy else {2: 0.008, 1: 0.015}
        self.now += times[self.threads]
        self.used.append(self.threads)
        return "done"

    def run_for(self, choice: ThreadChoice, seconds: float) -> list[int]:
        """Return the threads of the steps of so much time."""
        self.used = []
        end = self.now + seconds
        while self.now < end:
            assert choice.run(self.step) == "done"
        return self.used


def share_of(count: int, used: list[int]) -> float:
    return used.count(count) / len(used)


def started(
    *, is_fixed: bool = False, most: int = 2
) -> tuple[Machine, ThreadChoice, Callable[[float], list[int]]]:
    machine = Machine()
    choice = ThreadChoice(most, machine.set_threads, is_fixed=is_fixed, clock=lambda: machine.now)
    return machine, choice, lambda seconds: machine.run_for(choice, seconds)


def test_an_idle_machine_gives_all_its_threads() -> None:
    _, _, run_for = started()
    assert share_of(2, run_for(3.0)) > 0.97
    assert share_of(2, run_for(100.0)) > 0.995


def test_a_busy_machine_is_noticed_within_seconds() -> None:
    machine, _, run_for = started()
    run_for(60.0)
    machine.is_busy = True
    run_for(LONGEST_PAUSE_S + 1)
    assert machine.threads == 1
    assert share_of(1, run_for(60.0)) > 0.95


def test_when_it_is_idle_again_all_threads_come_back() -> None:
    machine, _, run_for = started()
    machine.is_busy = True
    run_for(60.0)
    machine.is_busy = False
    run_for(LONGEST_PAUSE_S + 1)
    assert share_of(2, run_for(60.0)) > 0.98


def test_a_machine_that_is_busy_from_the_start_begins_with_one_thread() -> None:
    machine, choice, run_for = started()
    machine.is_busy = True
    choice.calibrate(machine.step)
    assert share_of(1, run_for(10.0)) > 0.9


def test_calibrating_an_idle_machine_changes_nothing() -> None:
    machine, choice, run_for = started()
    choice.calibrate(machine.step)
    assert share_of(2, run_for(3.0)) > 0.97


def test_a_number_that_was_asked_for_stays() -> None:
    machine, _, run_for = started(is_fixed=True)
    machine.is_busy = True
    assert set(run_for(30.0)) == {2}


def test_one_thread_needs_no_choice() -> None:
    _, _, run_for = started(most=1)
    assert set(run_for(30.0)) == {1}
