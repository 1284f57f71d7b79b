"""Memory and load time of chatterm on the CPU, each figure from a fresh process.

    python benchmarks/memory.py [MODEL...] [--rounds 3] [--quick]

MODEL is a name of benchmarks/models.py or a .gguf file; none: all of them. Peak: the most that was resident
(VmHWM), after loading, and after a prompt of 512 tokens and a reply of 128. Its limit is 1.25 x file + keys
and values of those tokens + 600 MB. Load: LocalEngine.open, torch being imported; first with an empty
cache folder (kernels are compiled then), and again in another process. Its limit is 0.5 s + reading the
file once, which is timed in the same process; the file is in the system's cache.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.measuring import how_ended, write_table
from benchmarks.models import MODELS, obtain
from chatterm.models.fit import said

PROMPT_TOKENS, REPLY_TOKENS = 512, 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one process saw."""

    read_s: float
    load_s: float
    peak_loaded: int
    peak_used: int
    cache_bytes: int
    """Keys and values of the prompt and the reply."""
    weights: int
    """As they are held, by the reckoning that `models show` makes."""


def worker(path: Path, cache: Path) -> Use:
    """Load and use the model, in this process."""
    begun = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(2**22)
        while file.readinto(buffer):
            pass
    read_s = time.perf_counter() - begun
    import chatterm.engine.local.runtime  # noqa: F401  # so that importing torch is not timed
    from chatterm.conversation import Message
    from chatterm.engine.base import CancelToken, GenerationRequest, SamplingParams
    from chatterm.engine.local.engine import LocalEngine
    from chatterm.engine.local.memory import holding_here, need_of
    from chatterm.models.gguf import GGUFFile
    from chatterm.models.hyperparameters import read_hyperparameters
    from chatterm.tasks.bench import peak_memory

    begun = time.perf_counter()
    engine = LocalEngine.open(path, name="m", device="cpu", cache=cache)
    load_s = time.perf_counter() - begun
    peak_loaded = peak_memory() or 0
    text = "the "
    while engine.count([Message("user", text)]).tokens < PROMPT_TOKENS:
        text += "old river runs "
    sampling = SamplingParams(temperature=1, top_p=1, max_tokens=REPLY_TOKENS)
    for _ in engine.stream(
        [GenerationRequest(messages=(Message("user", text),), sampling=sampling)], CancelToken()
    ):
        pass
    peak_used = peak_memory() or 0
    engine.close()
    with GGUFFile.open(path) as file_:
        need = need_of(file_.tensors.values(), read_hyperparameters(file_), holding=holding_here(cache))
    return Use(
        read_s=read_s,
        load_s=load_s,
        peak_loaded=peak_loaded,
        peak_used=peak_used,
        cache_bytes=need.cache_per_token * (PROMPT_TOKENS + REPLY_TOKENS),
        weights=need.weights + need.embedding,
    )


def in_fresh_process(path: Path, cache: Path) -> Use:
    """Raises RuntimeError with how the process ended."""
    command = [sys.executable, __file__, str(path), str(cache), "--worker"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(how_ended(done.returncode, done.stderr))
    return Use(**json.loads(done.stdout))


def measure(name: str, path: Path, rounds: int) -> tuple[dict[str, str], dict[str, object]]:
    """Return a line for people, and one for programs."""
    with tempfile.TemporaryDirectory(prefix="chatterm-cache-") as cache:
        first = in_fresh_process(path, Path(cache))
        again = [in_fresh_process(path, Path(cache)) for _ in range(rounds)]
    size = path.stat().st_size
    peak = max(one.peak_used for one in again)
    limit = int(1.25 * size) + first.cache_bytes + 600_000_000
    load_s = statistics.median(one.load_s for one in again)
    load_limit_s = 0.5 + statistics.median(one.read_s for one in again)
    cells = {
        "model": path.stem,
        "file": said(size),
        "weights held": said(again[0].weights),
        "peak, loaded": said(max(one.peak_loaded for one in again)),
        "peak, used": said(peak),
        "limit": said(limit),
        "kept": "yes" if peak <= limit else "NO",
        "load, first": f"{first.load_s:.2f} s",
        "load, again": f"{load_s:.2f} s",
        "its limit": f"{load_limit_s:.2f} s",
        "kept ": "yes" if load_s <= load_limit_s else "NO",
    }
    row = {"model": name, "file_bytes": size, "limit_bytes": limit, "load_limit_s": load_limit_s}
    return cells, row | {"first": asdict(first), "again": [asdict(one) for one in again]}


def main() -> None:
    if "--worker" in sys.argv:
        print(json.dumps(asdict(worker(Path(sys.argv[1]), Path(sys.argv[2])))))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round; nothing is written")
    arguments = parser.parse_args()
    facts = {
        "command": " ".join(["python benchmarks/memory.py", *arguments.models]),
        "rounds": str(arguments.rounds),
        "C compiler": os.environ.get("CC", "cc"),
    }
    cells, rows = [], []
    for name, path in obtain(arguments.models or list(MODELS)).items():
        print(f"{path.name}", file=sys.stderr)
        try:
            line, row = measure(name, path, 1 if arguments.quick else arguments.rounds)
        except RuntimeError as error:
            facts[f"left out: {path.name}"] = str(error)
            continue
        cells.append(line)
        rows.append(row)
    target = "-".join(["memory", *(Path(one).stem for one in arguments.models)])
    write_table(target, "Memory and load time on the CPU", cells, rows, facts, is_kept=not arguments.quick)


if __name__ == "__main__":
    main()
