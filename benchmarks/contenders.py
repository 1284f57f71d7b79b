"""Processes that measure one engine on demand, and the environment in which llama.cpp runs."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import how_ended

ENVIRONMENT = Path(__file__).parent / ".llama-cpp"
PEER = "llama-cpp-python==0.3.36"
NO_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
CMAKE_ARGS = f"-DGGML_NATIVE=ON -DCMAKE_C_FLAGS='{NO_AMX}' -DCMAKE_CXX_FLAGS='{NO_AMX}'"
"""For this CPU, without AMX: where a virtual machine lists it and does not grant it, llama.cpp crashes."""


class ContenderFailed(Exception):
    """A contender's process ended; the text says how."""


class Contender:
    """A process that answers a line of JSON with a line of JSON; its first line, unasked, is its facts."""

    def __init__(self, command: list[str]) -> None:
        """Start it and wait for its facts. Raises ContenderFailed."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self.facts: dict[str, Any] = self._read()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer. Raises ContenderFailed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._failure() from error
        return self._read()

    def close(self) -> None:
        self._process.communicate()
        self._errors.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._failure()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failure(self) -> ContenderFailed:
        status = self._process.wait()
        self._errors.seek(0)
        return ContenderFailed(how_ended(status, self._errors.read().decode(errors="replace")))


def peer_python() -> str:
    """The interpreter of llama.cpp's own environment, made where it is missing."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / ".installed").exists():
        print(f"building {PEER} in {ENVIRONMENT} (some minutes, once)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        native = os.environ | {"CMAKE_ARGS": CMAKE_ARGS}
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PEER], check=True, env=native)
        (ENVIRONMENT / ".installed").touch()
    return str(python)
