"""Speed of the default model on the CPU: chatterm, llama.cpp and transformers on the same file, in one run.

    python benchmarks/compare_llama_cpp.py [--rounds 5] [--threads N] [--model PATH] [--without-transformers]

llama.cpp comes as llama-cpp-python from its package index, built for this CPU in an environment of its own
(`benchmarks/.llama-cpp`, made at the first run; needs a C++ compiler and some minutes), so that what it
installs cannot change what is measured. Each contender is one process that loads the model once and answers
on demand; rounds are interleaved. Decode: greedy, 256 new tokens after a prompt of 16. Prefill: 512 tokens.
All contenders read the same token ids, drawn once from a fixed seed.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from chatterm.config import Paths
from chatterm.models.catalogue import load_catalogue

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.measuring import interleave, rows_of, write_results

HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".llama-cpp"
PEER = "llama-cpp-python==0.3.36"
NO_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
CMAKE_ARGS = f"-DGGML_NATIVE=ON -DCMAKE_C_FLAGS='{NO_AMX}' -DCMAKE_CXX_FLAGS='{NO_AMX}'"
"""For this CPU, without AMX: where a virtual machine lists it and does not grant it, llama.cpp crashes."""
NUM_NEW = 256
NUM_PREFILL = 512


class Contender:
    """A process that measures one engine on demand: a line of JSON in, a line of JSON out."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._name = " ".join(command)
        self.facts: dict[str, Any] = self._read()

    def rate(self, prompt: list[int], num_new: int) -> float:
        """Tokens a second: of the prompt where `num_new` is 0, else of the reply."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"prompt": prompt, "num_new": num_new}) + "\n")
        self._process.stdin.flush()
        return float(self._read()["rate"])

    def close(self) -> None:
        self._process.communicate()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended early; run it alone to see why")
        answer: dict[str, Any] = json.loads(line)
        return answer


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


def start(arguments: argparse.Namespace) -> dict[str, Contender]:
    workers = {"chatterm": (sys.executable, "chatterm"), "llama.cpp": (peer_python(), "llama_cpp")}
    if not arguments.without_transformers:
        workers["transformers"] = (sys.executable, "transformers")
    worker = str(HERE / "speed_worker.py")
    tail = [str(arguments.model), str(arguments.threads)]
    return {name: Contender([python, worker, kind, *tail]) for name, (python, kind) in workers.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Paths.from_environment(os.environ).models / load_catalogue().default.file_name
    parser.add_argument("--model", type=Path, default=default)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--without-transformers", action="store_true")
    arguments = parser.parse_args()
    contenders = start(arguments)
    draw = random.Random(1)
    prompt = [draw.randrange(1000, 40000) for _ in range(NUM_PREFILL)]

    def measured(ids: list[int], num_new: int) -> dict[str, Callable[[], float]]:
        return {name: partial(one.rate, ids, num_new) for name, one in contenders.items()}

    decode = interleave(measured(prompt[:16], NUM_NEW), arguments.rounds)
    prefill = interleave(measured(prompt, 0), arguments.rounds)
    for contender in contenders.values():
        contender.close()
    facts = {f"{name} version": str(one.facts["version"]) for name, one in contenders.items()}
    rows = [
        *rows_of(f"decode, {NUM_NEW} tokens", "tok/s", decode),
        *rows_of(f"prefill, {NUM_PREFILL} tokens", "tok/s", prefill),
    ]
    title = f"{arguments.model.name} on the CPU, {arguments.threads} threads"
    extra = facts | {
        "command": "python benchmarks/compare_llama_cpp.py",
        "llama.cpp build": CMAKE_ARGS,
        "rounds": str(arguments.rounds),
    }
    write_results("cpu", title, rows, ("torch",), extra)


if __name__ == "__main__":
    main()
