"""Start-up: `chatterm ask` from the shell to its first token, against `import torch` alone, in turn.

    python benchmarks/start_up.py [--rounds 7]

Also `chatterm --help` and `chatterm prompts list`, against a Python that does nothing. Files are warm in the
page cache (one round is thrown away); the database is new.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.measuring import interleave, rows_of, write_results
from chatterm.config import Paths

CHATTERM = [sys.executable, "-m", "chatterm"]
QUESTION = "What is photosynthesis?"


def to_first_byte(command: list[str]) -> float:
    """Seconds from the start of a process to the first byte on its stdout."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if not process.stdout.read(1):
            raise RuntimeError(f"{command} printed nothing")
        first = time.perf_counter() - start
        process.stdout.read()
    return first


def whole(command: list[str]) -> float:
    """Seconds a process takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    models = Paths.from_environment(os.environ).models
    with tempfile.TemporaryDirectory() as home:
        os.environ["CHATTERM_HOME"] = home
        (Path(home) / "data").mkdir()
        (Path(home) / "data" / "models").symlink_to(models)
        ask = [*CHATTERM, "ask", "--offline", "--temperature", "0", "--max-tokens", "8", QUESTION]
        first = interleave(
            {
                "chatterm": lambda: to_first_byte(ask),
                "import torch": lambda: whole([sys.executable, "-c", "import torch"]),
            },
            rounds,
        )
        nothing = [sys.executable, "-c", "pass"]
        helped = interleave(
            {"chatterm": lambda: whole([*CHATTERM, "--help"]), "python": lambda: whole(nothing)}, rounds
        )
        listed = interleave(
            {"chatterm": lambda: whole([*CHATTERM, "prompts", "list"]), "python": lambda: whole(nothing)},
            rounds,
        )
    rows = [
        *rows_of("ask, shell to first token", "s", first),
        *rows_of("--help", "s", helped),
        *rows_of("prompts list", "s", listed),
    ]
    extra = {"command": "python benchmarks/start_up.py", "rounds": str(rounds)}
    write_results("start_up", "Start-up times", rows, extra)


if __name__ == "__main__":
    main()
