"""What batches and prompt lookup gain on the CPU, through the engine's public seam.

    python benchmarks/batching.py [MODEL] [--rounds 5] [--quick]

MODEL is a name of benchmarks/models.py; none: default. Batches: four samples of one prompt in one request,
and four prompts in one call, against the same one after another; tokens of all replies a second, sampled at
temperature 1, at most 128 a reply. Prompt lookup: on against off, greedy, where the reply copies from the
prompt (the gain) and where it does not (the loss); tokens a second while writing. Rounds are interleaved.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.measuring import interleave, rows_of, write_results
from benchmarks.models import obtain
from chatterm.conversation import Message
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, SamplingParams
from chatterm.engine.local.engine import LocalEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

STORIES = ("a journey by sea", "a lost letter", "an old clockmaker", "a village in winter")
NUM_TOKENS = 128
_NOUNS = (
    "apple",
    "bread",
    "chair",
    "drum",
    "engine",
    "flute",
    "glove",
    "hammer",
    "inkwell",
    "jacket",
    "kettle",
)
_ITEMS = [f"{number}. The {noun} costs {number * 7} coins." for number, noun in enumerate(_NOUNS, 1)]
COPYING = "Write down this list once more, word for word:\n\n" + "\n".join(_ITEMS)


def story(about: str) -> str:
    return f"Tell me a very long story about {about}."


def request(text: str, *, num_samples: int = 1, temperature: float = 1.0, seed: int = 0) -> GenerationRequest:
    sampling = SamplingParams(temperature=temperature, top_p=1, seed=seed, max_tokens=NUM_TOKENS)
    return GenerationRequest(messages=(Message("user", text),), sampling=sampling, num_samples=num_samples)


def rate(engine: LocalEngine, calls: Sequence[Sequence[GenerationRequest]]) -> float:
    """Tokens a second of all replies; one call after the other."""
    count, begun = 0, time.perf_counter()
    for batch in calls:
        for event in engine.stream(batch, CancelToken()):
            count += event.usage.output_tokens if isinstance(event, Finished) else 0
    return count / (time.perf_counter() - begun)


def writing_rate(engine: LocalEngine, text: str) -> float:
    """Tokens a second of one greedy reply, its prompt's reading left out."""
    *_, last = engine.stream([request(text, temperature=0)], CancelToken())
    assert isinstance(last, Finished)
    return last.usage.output_tokens / last.usage.decode_s


@contextmanager
def opened(path: Path, cache: Path, *, has_lookup: bool) -> "Iterator[LocalEngine]":
    engine = LocalEngine.open(path, name="m", device="cpu", cache=cache, has_prompt_lookup=has_lookup)
    with closing(engine):
        yield engine


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two rounds; nothing is written")
    arguments = parser.parse_args()
    rounds = 2 if arguments.quick else arguments.rounds
    (path,) = obtain([arguments.model]).values()
    numbers = random.Random(0)
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="chatterm-cache-") as cache,
        opened(path, Path(cache), has_lookup=False) as plain,
        opened(path, Path(cache), has_lookup=True) as looking,
    ):

        def samples(num_samples: int) -> list[list[GenerationRequest]]:
            seeds = [numbers.randrange(2**31) for _ in range(4 // num_samples)]
            return [[request(story(STORIES[0]), num_samples=num_samples, seed=seed)] for seed in seeds]

        prompts = [request(story(about)) for about in STORIES]
        runs = {"batched": lambda: rate(plain, samples(4)), "one by one": lambda: rate(plain, samples(1))}
        found = interleave(runs, rounds)
        rows += rows_of("four samples of a prompt", "tok/s", found, ours="batched")
        runs = {
            "batched": lambda: rate(plain, [prompts]),
            "one by one": lambda: rate(plain, [[one] for one in prompts]),
        }
        rows += rows_of("four prompts", "tok/s", interleave(runs, rounds), ours="batched")
        for what, text in (("copying", COPYING), ("a story", story(STORIES[1]))):
            sides = {
                "lookup": partial(writing_rate, looking, text),
                "no lookup": partial(writing_rate, plain, text),
            }
            rows += rows_of(f"prompt lookup, {what}", "tok/s", interleave(sides, rounds), ours="lookup")
    facts = {"command": f"python benchmarks/batching.py {arguments.model}", "rounds": str(rounds)}
    title = f"Batches and prompt lookup, {path.stem} on the CPU"
    name = "batching" if arguments.model == "default" else f"batching-{arguments.model}"
    write_results(name, title, rows, facts, is_kept=not arguments.quick, ours="first of each")


if __name__ == "__main__":
    main()
