"""Speed on the CPU: chatterm, llama.cpp and transformers on the same files, in one run.

    python benchmarks/compare_llama_cpp.py [MODEL...] [--rounds 5] [--threads N] [--quick]

MODEL is a name of benchmarks/models.py or a .gguf file; none: all of them. --quick is for trying the
script: two rounds, few tokens, nothing written. llama.cpp comes as llama-cpp-python from its index, built
for this CPU in an environment of its own (`benchmarks/.llama-cpp`, made at the first run; needs a C++
compiler and some minutes), so that what it installs cannot change what is measured. Each contender is one
process that loads the model once and answers on demand; rounds are interleaved. Decode: greedy, after a
prompt of 16 tokens, and after one of 2,048. All contenders read the same token ids, drawn from a fixed seed.
A contender that cannot load a model, or breaks down, is left out, and the results say so. transformers
dequantises what it loads, which takes minutes for large files: it runs with the two smallest models only.
"""

import argparse
import os
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.contenders import CMAKE_ARGS, Contender, ContenderFailed, peer_python
from benchmarks.measuring import Rounds, Row, interleave, rows_of, write_results
from benchmarks.models import MODELS, obtain

WORKER = Path(__file__).with_name("speed_worker.py")
WITH_TRANSFORMERS = ("default", "gemma")
WITH_LONG_PROMPT = ("default", "gemma")
"""Reading 2,048 tokens takes llama.cpp a minute with the larger ones."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured of each model."""

    rounds: int
    num_new: int
    num_prefill: int
    threads: int
    is_quick: bool


def start(name: str, path: Path, plan: Plan, failed: dict[str, str]) -> dict[str, Contender]:
    workers = {
        "chatterm": (sys.executable, "chatterm"),
        "chatterm without a compiler": (sys.executable, "chatterm_torch"),
        "llama.cpp": (peer_python(), "llama_cpp"),
    }
    if name in WITH_TRANSFORMERS and not plan.is_quick:
        workers["transformers"] = (sys.executable, "transformers")
    started: dict[str, Contender] = {}
    for contender, (python, kind) in workers.items():
        print(f"  starting {contender}", file=sys.stderr)
        try:
            started[contender] = Contender([python, str(WORKER), kind, str(path), str(plan.threads)])
        except ContenderFailed as error:
            failed[f"{contender} on {name}"] = str(error)
    return started


def measured(contenders: dict[str, Contender], ids: list[int], num_new: int, rounds: int) -> Rounds:
    """Run the rounds; whoever breaks down is left out of this measure and of those that follow."""

    def rate(name: str) -> float:
        return float(contenders[name].ask({"prompt": ids, "num_new": num_new})["rate"])

    while contenders:
        runs: Mapping[str, Callable[[], float]] = {name: partial(rate, name) for name in contenders}
        try:
            return interleave(runs, rounds)
        except ContenderFailed as error:
            print(f"  {error}", file=sys.stderr)
            for name in [name for name, one in contenders.items() if not one.is_alive]:
                del contenders[name]
    return {}


def compare(name: str, path: Path, plan: Plan, facts: dict[str, str]) -> list[Row]:
    failed: dict[str, str] = {}
    contenders = start(name, path, plan, failed)
    begun = set(contenders)
    draw = random.Random(1)
    ids = [draw.randrange(1000, 30_000) for _ in range(2048)]
    measures = [
        (f"decode {plan.num_new}", ids[:16], plan.num_new),
        (f"prefill {plan.num_prefill}", ids[: plan.num_prefill], 0),
    ]
    if name in WITH_LONG_PROMPT and not plan.is_quick:
        measures.append((f"decode {plan.num_new // 4} after 2,048", ids, plan.num_new // 4))
    rows: list[Row] = []
    for measure, prompt, num_new in measures:
        print(f"{path.name}: {measure}", file=sys.stderr)
        rows += rows_of(
            f"{path.stem}: {measure}", "tok/s", measured(contenders, prompt, num_new, plan.rounds)
        )
    for contender, one in contenders.items():
        facts[f"{contender} version"] = str(one.facts["version"])
        one.close()
    for contender in begun - set(contenders):
        failed[f"{contender} on {name}"] = "broke down while it was measured"
    facts |= {f"left out: {who}": why for who, why in failed.items()}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="two rounds of few tokens; nothing is written")
    arguments = parser.parse_args()
    is_quick = arguments.quick
    plan = Plan(
        rounds=2 if is_quick else arguments.rounds,
        num_new=32 if is_quick else 256,
        num_prefill=128 if is_quick else 512,
        threads=arguments.threads,
        is_quick=is_quick,
    )
    facts: dict[str, str] = {}
    models = obtain(arguments.models or list(MODELS))
    rows = [row for name, path in models.items() for row in compare(name, path, plan, facts)]
    facts |= {
        "command": " ".join(["python benchmarks/compare_llama_cpp.py", *arguments.models]),
        "llama.cpp build": CMAKE_ARGS,
        "rounds": str(plan.rounds),
        "threads": str(plan.threads),
    }
    name = "-".join(["cpu", *(Path(one).stem for one in arguments.models)])
    write_results(name, "Speed on the CPU", rows, facts, is_kept=not is_quick)


if __name__ == "__main__":
    main()
