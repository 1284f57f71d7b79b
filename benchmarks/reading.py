"""What batches gain in reading a long text in parts, what it takes in memory, and whether all of it is read.

    python benchmarks/reading.py [MODEL] [--rounds 3] [--quick]
    python benchmarks/reading.py [MODEL] --bytes 2000000 [--corpus CORPUS]

MODEL is a name of benchmarks/models.py; none: default. The first compares: the same parts through the same
engine, so many at a time as chatterm reads, and one after another, in turn; tokens read and written a second.
The second reads a text of so many bytes as `chatterm ask` does, in a fresh process: seconds, tokens a second,
and the most that was resident over the base, which is the engine open and one short question answered. The
limits are 30 minutes on two cores, for 2,000,000 bytes, and 200 MB. The text is the GPL and this project's
documents, repeated with the number of each copy; with CORPUS, the texts of benchmarks/corpus.py.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.corpus import ROOT, TEXTS, read_text
from benchmarks.measuring import interleave, rows_of, write_results, write_table
from benchmarks.models import obtain
from benchmarks.reading_means import engine_of, means_of, summary_of
from chatterm.conversation import Document, Message
from chatterm.documents.chunks import Chunk
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, SamplingParams
from chatterm.engine.local.engine import LocalEngine
from chatterm.models.fit import said
from chatterm.tasks.answering import Reading, ReadingWish, Target, answer, choose_reading
from chatterm.tasks.bench import peak_memory
from chatterm.tasks.means import Means
from chatterm.tasks.question import Composed, compose
from chatterm.tasks.reading.driver import cut_parts
from chatterm.tasks.reading.events import NotRead, PartRead, PartsProgress
from chatterm.tasks.reading.steps import Places, Steps, generation

COMPARED_BYTES = 16_000
"""Eight parts of 600 tokens: every way takes seconds a round."""
BATCH = 4
"""As many parts as chatterm gives the engine at once on a CPU."""
PART_TOKENS = 600
MEMORY_LIMIT = 200_000_000
SECONDS_LIMIT = 1800


def long_text(num_bytes: int, corpus: Path | None) -> Document:
    """Return that many bytes of prose and code, no two copies alike."""
    if corpus is not None:
        texts = [one.text for text in TEXTS if text.lang == "en" for one in read_text(corpus, text)]
    else:
        paths = [*sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("chatterm/*/*.py"))]
        texts = [path.read_text(encoding="utf-8") for path in paths]
    parts, size, copy = list[str](), 0, 0
    while size < num_bytes:
        copy += 1
        for text in texts:
            parts.append(f"# Copy {copy}\n\n{text}\n\n")
            size += len(parts[-1].encode())
    whole = "".join(parts).encode()[:num_bytes].decode(errors="ignore")
    return Document("long.txt", whole, len(whole.encode()))


def planned(means: Means, document: Document) -> tuple[Composed, Reading]:
    composed = compose(summary_of((document,), "en"), means.engine.describe(), means.defaults)
    reading = choose_reading(composed, means, Target(), ReadingWish(in_parts=True))
    assert reading is not None
    return composed, reading


# Batches against one after another


def part_requests(means: Means, document: Document) -> list[GenerationRequest]:
    """Return what the model is asked of each part."""
    _, reading = planned(means, document)
    reading = replace(reading, limit=PART_TOKENS)
    steps, places = Steps.of(reading.question, means), Places.of((document,), "en")
    return [generation(steps.part(places.document(chunk))) for chunk in cut_parts(reading, means)]


def rate(engine: LocalEngine, requests: Sequence[GenerationRequest], batch: int) -> float:
    """Tokens read and written a second, `batch` requests to a call."""
    count, begun = 0, time.perf_counter()
    for start in range(0, len(requests), batch):
        for event in engine.stream(requests[start : start + batch], CancelToken()):
            if isinstance(event, Finished):
                count += event.usage.input_tokens + event.usage.output_tokens
    return count / (time.perf_counter() - begun)


def compare(path: Path, rounds: int, name: str, *, is_kept: bool) -> None:
    with engine_of(path) as engine, means_of(engine) as means:
        requests = part_requests(means, long_text(COMPARED_BYTES, None))
        ways = {
            f"{BATCH} at a time": lambda: rate(engine, requests, BATCH),
            "one by one": lambda: rate(engine, requests, 1),
        }
        found = interleave(ways, rounds)
    rows = rows_of("parts of a long text", "tok/s", found, ours=f"{BATCH} at a time")
    facts = {
        "command": f"python benchmarks/reading.py {name}",
        "rounds": str(rounds),
        "parts": f"{len(requests)} of at most {PART_TOKENS} tokens",
    }
    title = f"Reading in parts, {path.stem} on the CPU"
    write_results(f"reading-{name}", title, rows, facts, is_kept=is_kept, ours=f"{BATCH} at a time")


# A long text, all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRun:
    """What reading a long text took, seen in its own process."""

    num_bytes: int
    num_lines: int
    num_parts: int
    seconds: float
    tokens_per_s: float
    base: int
    """The most that was resident, in bytes, before the text was read."""
    peak: int
    num_uncovered: int
    """Lines that are not blank and in no part."""
    num_twice: int
    """Lines that are in several."""
    num_failed: int
    reply: str


def worker(path: Path, num_bytes: int, corpus: Path | None) -> LongRun:
    with engine_of(path) as engine, means_of(engine) as means:
        short = GenerationRequest(
            messages=(Message("user", "Good morning!"),),
            sampling=SamplingParams(temperature=0, max_tokens=64),
        )
        for _ in engine.stream([short], CancelToken()):
            pass
        base, begun = peak_memory() or 0, time.perf_counter()
        document = long_text(num_bytes, corpus)
        composed, reading = planned(means, document)
        chunks, speed, num_failed = list[Chunk](), 0.0, 0
        for event in answer(composed, reading, means, Target(), CancelToken()):
            match event:
                case PartRead():
                    chunks.append(event.partial.chunk)
                case PartsProgress() if event.step == "map":
                    speed = event.tokens_per_s or speed
                    print(f"\r  part {event.done} of {event.total}", end="", file=sys.stderr)
                case NotRead():
                    num_failed += len(event.places)
        seconds, peak = time.perf_counter() - begun, peak_memory() or 0
        last = means.store.last_conversation()
        text = means.store.path(last)[-1].message.content if last else ""
    uncovered, twice = coverage(document, chunks)
    return LongRun(
        num_bytes=document.num_bytes,
        num_lines=document.num_lines,
        num_parts=len(chunks),
        seconds=seconds,
        tokens_per_s=speed,
        base=base,
        peak=peak,
        num_uncovered=uncovered,
        num_twice=twice,
        num_failed=num_failed,
        reply=text,
    )


def coverage(document: Document, chunks: Sequence[Chunk]) -> tuple[int, int]:
    """Return how many lines that are not blank are in no chunk, and how many lines in several."""
    lines = document.text.split("\n")
    counts = [0] * (len(lines) + 1)
    for chunk in chunks:
        for line in range(chunk.first_line, chunk.last_line + 1):
            counts[line] += 1
    uncovered = sum(not counts[number] for number, line in enumerate(lines, 1) if line.strip())
    return uncovered, sum(count > 1 for count in counts)


def read_long(path: Path, arguments: argparse.Namespace) -> None:
    command = [sys.executable, __file__, str(path), "--worker", "--bytes", str(arguments.bytes)]
    command += ["--corpus", str(arguments.corpus)] if arguments.corpus else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = LongRun(**json.loads(done.stdout))
    grown = found.peak - found.base
    is_in_time = found.seconds <= SECONDS_LIMIT * max(found.num_bytes / 2_000_000, 0.1)
    is_whole = not (found.num_uncovered or found.num_failed)
    measures = {
        "text": (f"{found.num_bytes:,} bytes, {found.num_lines:,} lines", ""),
        "parts": (f"{found.num_parts:,}, of which {found.num_failed} failed", ""),
        "time": (f"{found.seconds / 60:.1f} min", "yes" if is_in_time else "NO"),
        "speed": (f"{found.tokens_per_s:.0f} tok/s read and written", ""),
        "base": (said(found.base), ""),
        "peak over base": (said(grown), "yes" if grown <= MEMORY_LIMIT else "NO"),
        "lines in no part": (f"{found.num_uncovered:,}", "yes" if is_whole else "NO"),
        "lines in several": (f"{found.num_twice:,}", ""),
    }
    cells = [{"measure": key, "found": value, "kept": kept} for key, (value, kept) in measures.items()]
    facts = {"command": f"python benchmarks/reading.py {arguments.model} --bytes {arguments.bytes}"}
    name = f"reading-{arguments.model}-{arguments.bytes}"
    title = f"A long text read in parts, {path.stem} on the CPU"
    write_table(name, title, cells, [asdict(found)], facts, is_kept=not arguments.quick)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytes", type=int)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--quick", action="store_true", help="one round; nothing is written")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(asdict(worker(Path(arguments.model), arguments.bytes, arguments.corpus))))
        return
    (path,) = obtain([arguments.model]).values()
    if arguments.bytes:
        read_long(path, arguments)
    else:
        rounds = 1 if arguments.quick else arguments.rounds
        compare(path, rounds, arguments.model, is_kept=not arguments.quick)


if __name__ == "__main__":
    main()
