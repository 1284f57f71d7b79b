import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.confined import ChildFailed, Limits, run_confined

LIMITS = Limits(cpu_s=1, memory=2**30, output=1000, patience_s=30)


def run(name: str, data: bytes = b"abc", limits: Limits = LIMITS) -> bytes:
    return run_confined(f"tests.support.confined_functions:{name}", ["tests"], data, limits)


def test_the_result_comes_back() -> None:
    assert run("reverse", bytes(range(256)) * 3) == (bytes(range(256)) * 3)[::-1]
    assert run("reverse", b"") == b""


@pytest.mark.parametrize(
    ("name", "limits", "why"),
    [
        pytest.param("loop", LIMITS, "time", marks=pytest.mark.slow),
        ("sleep", replace(LIMITS, patience_s=0.5), "time"),
        pytest.param(
            "hoard",
            LIMITS,
            "memory",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no such limit"),
        ),
        ("talk", LIMITS, "output"),
        ("crash", LIMITS, "crash"),
        ("fail", LIMITS, "crash"),
        ("absent", LIMITS, "crash"),
    ],
)
def test_what_goes_wrong_in_the_child_is_told_and_ends_there(name: str, limits: Limits, why: str) -> None:
    with pytest.raises(ChildFailed) as failure:
        run(name, limits=limits)
    assert failure.value.why == why


def test_the_child_writes_no_file(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed):
        run("write", str(tmp_path / "spilt").encode())
    assert not (tmp_path / "spilt").exists() or not (tmp_path / "spilt").read_bytes()


def test_a_child_that_dies_before_it_has_read_all_is_no_broken_pipe() -> None:
    with pytest.raises(ChildFailed):
        run_confined("no.such.module:f", [], bytes(10_000_000), replace(LIMITS, memory=2**26))
