"""A process that opens model files, whatever they hold, and tells how it went: crashes and hangs are its own.

Run as a program it reads paths from stdin and answers each with a line of JSON: all that `ask` does with a
model, up to one token. `ModelProbe` is the other end. transformers is out of reach: what it would do with a
hostile folder is its own, and importing it costs more than any file may.
"""

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

SECONDS, MEGABYTES = 2.0, 200.0
"""What any file may cost (RELIABILITY.md)."""
_PATIENCE_S = 40.0
"""Of wall time: other programs may keep the machine busy."""
_ADDRESS_SPACE = 12 * 2**30


class Verdict(NamedTuple):
    """How it went with one file."""

    outcome: str
    """`answered`, or the class of the error."""
    message: str
    """Of the error; a traceback where it is none of ours."""
    is_ours: bool
    """It answered, or the error is a ChattermError."""
    seconds: float
    """Of processor time, children included."""
    megabytes: float
    """Peak memory above what the process had before."""

    def check(self) -> None:
        """Raise where the file got more than RELIABILITY.md allows it, or an error that is not ours."""
        assert self.is_ours, self.message
        assert self.seconds < SECONDS, self
        assert self.megabytes < MEGABYTES, self
        assert len(self.message) < 1000, self


class ModelProbe:
    """Use as a context manager: `check` each file in turn."""

    def __init__(self, cache: Path) -> None:
        """`cache` is the engine's: what chat templates were found to do."""
        self._cache = cache
        self._process = self._start()

    def check(self, path: Path) -> Verdict:
        """Probe a file. Raises AssertionError where it crashes the process, hangs it or costs too much.

        What costs too much is tried twice: threads that wait for each other on a busy machine cost time, too.
        """
        verdict = self.probe(path)
        if verdict.seconds >= SECONDS:
            verdict = self.probe(path)
        verdict.check()
        return verdict

    def probe(self, path: Path) -> Verdict:
        """Return how it went. Raises AssertionError where the process crashes or hangs."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(f"{path}\n".encode())
        stdin.flush()
        is_answered = bool(select.select([stdout], [], [], _PATIENCE_S)[0])
        line = stdout.readline() if is_answered else b""
        if not line:
            status = self._restart()
            raise AssertionError(
                f"{path} ended the process with {status}" if is_answered else f"{path} hangs"
            )
        return Verdict(*json.loads(line))

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", __name__, self._cache], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def _restart(self) -> int:
        self._process.kill()
        status = self._process.wait()
        self._close()
        self._process = self._start()
        return status

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._close()


def answer_once(path: Path, cache: Path) -> str:
    """Open the model, ask it for one token, close it."""
    from chatterm.conversation import Message
    from chatterm.engine.base import CancelToken, GenerationRequest, SamplingParams
    from chatterm.engine.local.engine import LocalEngine

    with contextlib.closing(LocalEngine.open(path, name="probed", num_threads=1, cache=cache)) as engine:
        sampling = SamplingParams(temperature=0, max_tokens=1)
        request = GenerationRequest(messages=(Message("user", "Hello!"),), sampling=sampling)
        for _ in engine.stream([request], CancelToken()):
            pass
    return "answered"


def _probe(path: Path, cache: Path) -> Verdict:
    from chatterm.errors import ChattermError

    begun, before = _seconds(), _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
    try:
        outcome, message, is_ours = answer_once(path, cache), "", True
    except ChattermError as error:
        outcome, message, is_ours = type(error).__name__, str(error), True
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is the finding
        outcome, message, is_ours = type(error).__name__, traceback.format_exc(), False
    return Verdict(outcome, message, is_ours, _seconds() - begun, _memory("VmHWM") - before)


def _seconds() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def _memory(name: str) -> float:
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) * 1024 / 1e6


def main() -> None:
    warnings.simplefilter("error")
    cache = Path(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    sys.modules["transformers"] = None  # type: ignore[assignment]  # as if it were not installed
    import torch

    import chatterm.engine.local.runtime  # noqa: F401  # not to be counted

    torch.set_num_threads(1)
    for line in sys.stdin:
        begun = time.perf_counter()
        verdict = _probe(Path(line.rstrip("\n")), cache)
        answers.write(
            json.dumps([*verdict[:3], min(verdict.seconds, time.perf_counter() - begun), verdict[4]])
        )
        answers.write("\n")
        answers.flush()


if __name__ == "__main__":
    main()
