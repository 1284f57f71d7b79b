"""What the host process costs, and what it gains: tokens a second as they arrive, hosted against in-process.

    python benchmarks/host.py [--rounds 15] [--threads 1]

Both run the default model with the same options, in turn. Once with nothing else to do, once counting the
processor's time instead, which a busy machine disturbs little, and once while a thread of this process
computes in Python for a third of the time, as a screen does that draws a long reply.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.measuring import cpu_s, interleave, rows_of, write_results
from chatterm.config import Paths
from chatterm.conversation import Message
from chatterm.engine.base import CancelToken, Engine, GenerationRequest, SamplingParams, TextDelta
from chatterm.engine.hosted import HostedEngine, open_hosted
from chatterm.engine.registry import EngineOptions, open_engine
from chatterm.models.cache import NATIVE
from chatterm.models.catalogue import load_catalogue
from chatterm.models.discovery import ModelFile

NUM_TOKENS = 60
DRAWING_S, RESTING_S = 0.015, 0.03


def tokens_per_s(engine: Engine) -> float:
    """Of one reply, from its first token to its last, as they arrive here."""
    sampling = SamplingParams(temperature=0, max_tokens=NUM_TOKENS, loop_detection=False)
    messages = (Message("user", "Write a long story about a lighthouse keeper and the sea."),)
    begun, num_tokens = 0.0, 0
    for event in engine.stream([GenerationRequest(messages=messages, sampling=sampling)], CancelToken()):
        if isinstance(event, TextDelta) and event.token_ids:
            begun = begun or time.perf_counter()
            num_tokens += len(event.token_ids)
            ended = time.perf_counter()
    return (num_tokens - 1) / (ended - begun)


def cpu_ms_per_token(engine: Engine) -> float:
    """Of one reply with its prompt: of this process and of the host, whatever else the machine does."""
    before = time.process_time() + host_cpu_s(engine)
    tokens_per_s(engine)
    return (time.process_time() + host_cpu_s(engine) - before) / NUM_TOKENS * 1000


def host_cpu_s(engine: Engine) -> float:
    return cpu_s(engine.host_pid) if isinstance(engine, HostedEngine) else 0.0


@contextmanager
def drawing() -> Iterator[None]:
    """Keep a thread of this process as busy as a screen."""
    is_over = threading.Event()

    def draw() -> None:
        while not is_over.wait(RESTING_S):
            until = time.perf_counter() + DRAWING_S
            while time.perf_counter() < until:
                sum(range(1000))

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def beside_drawing(run: Callable[[], float]) -> Callable[[], float]:
    def beside() -> float:
        with drawing():
            return run()

    return beside


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    paths, entry = Paths.from_environment(os.environ), load_catalogue().default
    model = ModelFile(paths.models / entry.file_name, entry.name, entry)
    with tempfile.TemporaryDirectory() as cache:
        (Path(cache) / NATIVE).symlink_to(paths.cache / NATIVE)
        options = EngineOptions(num_threads=chosen.threads, cache=Path(cache))
        with closing(open_hosted(model, options)) as hosted, closing(open_engine(model, options)) as inside:
            runs = {"hosted": lambda: tokens_per_s(hosted), "in-process": lambda: tokens_per_s(inside)}
            alone = interleave(runs, chosen.rounds)
            spent = interleave(
                {
                    "hosted": lambda: cpu_ms_per_token(hosted),
                    "in-process": lambda: cpu_ms_per_token(inside),
                },
                chosen.rounds,
            )
            beside = interleave({name: beside_drawing(run) for name, run in runs.items()}, chosen.rounds // 2)
    rows = [
        *rows_of("a reply", "tok/s", alone, ours="hosted"),
        *rows_of("processor time, both processes", "ms/token", spent, ours="hosted"),
        *rows_of("a reply, beside a busy screen", "tok/s", beside, ours="hosted"),
    ]
    facts = {
        "model": entry.name,
        "threads": str(chosen.threads),
        "rounds": f"{chosen.rounds}, and {chosen.rounds // 2} beside a screen, in turn; ratios by round",
        "asked for": "0.97 or more of the in-process tokens a second",
    }
    title = "A host process against the engine in the same process"
    write_results("host", title, rows, facts, ours="hosted")


if __name__ == "__main__":
    main()
