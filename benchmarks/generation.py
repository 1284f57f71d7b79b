"""What prompt lookup and batches gain: CPU seconds of one thread, which other programs disturb little.

    python -m benchmarks.generation MODEL [--kernels FOLDER]

Each way is measured several times in turn, and the best is taken.
"""

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from chatterm.conversation import Message
from chatterm.engine.base import CancelToken, GenerationRequest, SamplingParams, TextDelta
from chatterm.engine.local.engine import LocalEngine

TEXT = Path(__file__).parents[1] / "README.md"
NUM_TOKENS = 200
ROUNDS = 3


def request(text: str, temperature: float, max_tokens: int = NUM_TOKENS) -> GenerationRequest:
    sampling = SamplingParams(temperature=temperature, seed=3, max_tokens=max_tokens, loop_detection=False)
    return GenerationRequest(messages=(Message("user", text),), sampling=sampling)


def tokens_per_cpu_s(engine: LocalEngine, requests: Sequence[GenerationRequest]) -> tuple[float, list[int]]:
    """Return the speed after the first token, and the first request's token ids."""
    begun, count, ids = 0.0, 0, list[int]()
    for event in engine.stream(requests, CancelToken()):
        if isinstance(event, TextDelta) and event.token_ids:
            begun, count = begun or time.process_time(), count + len(event.token_ids)
            ids += event.token_ids if event.request == 0 else ()
    return (count - 1) / (time.process_time() - begun), ids


def compare_lookup(plain: LocalEngine, guessing: LocalEngine) -> None:
    text = TEXT.read_text(encoding="utf-8")
    prompts = {
        "a story": "Write a long story about a lighthouse keeper and the sea.",
        "an explanation": "Why is the sky blue? Explain to a child.",
        "a summary": f"{text[:2500]}\n\nSummarise the text above.",
        "a quotation": f"Repeat this text word for word:\n\n{text[:1500]}",
    }
    print("| prompt | temperature | plain, tokens/CPU-s | lookup | ratio | tokens alike |")
    print("|---|---|---|---|---|---|")
    for name, prompt in prompts.items():
        for temperature in (0.0, 0.7):
            asked = [request(prompt, temperature)]
            rounds = [
                (tokens_per_cpu_s(plain, asked), tokens_per_cpu_s(guessing, asked)) for _ in range(ROUNDS)
            ]
            one, other = (max(pair[way][0] for pair in rounds) for way in (0, 1))
            (_, ids), (_, guessed) = rounds[0]
            alike = sum(a == b for a, b in zip(ids, guessed, strict=False))
            print(
                f"| {name} | {temperature} | {one:.0f} | {other:.0f} | {other / one:.2f} "
                f"| {alike} of {len(ids)} |",
                flush=True,
            )


def compare_batch(engine: LocalEngine) -> None:
    asked = [
        request(f"Write a long story about {what}.", 0.7, 100) for what in ("rain", "ice", "fire", "sand")
    ]
    alone = max(4 / sum(1 / tokens_per_cpu_s(engine, [one])[0] for one in asked) for _ in range(ROUNDS))
    together = max(tokens_per_cpu_s(engine, asked)[0] for _ in range(ROUNDS))
    print(f"four replies: {alone:.0f} tokens/CPU-s alone, {together:.0f} in a batch: {together / alone:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--kernels", type=Path, help="where to compile to; without it, torch's products")
    chosen = parser.parse_args()
    path, cache = chosen.model, chosen.kernels
    with (
        closing(
            LocalEngine.open(path, name="plain", num_threads=1, cache=cache, has_prompt_lookup=False)
        ) as plain,
        closing(LocalEngine.open(path, name="guessing", num_threads=1, cache=cache)) as guessing,
    ):
        compare_batch(plain)
        compare_lookup(plain, guessing)


if __name__ == "__main__":
    main()
