"""Accuracy: perplexity of one text by path and engine, and how near each is to chatterm's fp32 reference.

    python benchmarks/perplexity.py [MODEL...] [--tokens 2048] [--threads N] [--quick]

MODEL is a name of benchmarks/models.py or a .gguf file; none: default and gemma. The text is this project's
own README, documentation, prompts and licence, in that order, as many tokens of it as asked for, read in one
context. Paths of chatterm: the reference (every weight fp32), and the engine reading a prompt (512 tokens a
step) and writing a reply (a token a step), with its compiled kernels and with torch's own operations.
llama.cpp reads the same token ids from the same file. The perplexity is exp of the mean negative
log-probability of each token but the first, in nats; KL is that of a path's distribution from the
reference's, averaged over all positions. Gates: top-1 >= 96.5%, KL <= 2e-3, perplexity at most 0.3% above
the reference's; within 1% of llama.cpp's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.contenders import CMAKE_ARGS, peer_python
from benchmarks.measuring import how_ended, write_table
from benchmarks.models import obtain
from chatterm.engine.local.text.tokenizer import Tokenizer
from chatterm.models.gguf import GGUFFile

ROOT = Path(__file__).parents[1]
WORKER = Path(__file__).with_name("logits_worker.py")
REFERENCE = "chatterm, fp32 reference"
PATHS = {
    REFERENCE: ("reference", 512),
    "chatterm, reading": ("compiled", 512),
    "chatterm, writing": ("compiled", 1),
    "chatterm without a compiler, reading": ("torch", 512),
    "chatterm without a compiler, writing": ("torch", 1),
    "llama.cpp": ("llama_cpp", 512),
}
"""Name -> kind and tokens a step."""
_CHUNK = 64
"""Rows of logits compared at a time: a vocabulary of 262,144 makes 134 MB of doubles of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """One path's figures on one model."""

    model: str
    path: str
    perplexity: float
    over_reference: float
    """Perplexity over the reference's, minus 1."""
    top1: float
    """Share of positions whose likeliest token is the reference's."""
    divergence: float
    """In nats."""


def text() -> str:
    """What the project says about itself."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("prompts/*/*.md"))]
    return "\n\n".join(path.read_text(encoding="utf-8") for path in [*paths, ROOT / "LICENSE"])


def ids_of(model: Path, num_tokens: int) -> list[int]:
    with GGUFFile.open(model) as file:
        tokenizer = Tokenizer.from_metadata(file.metadata)
    start = [tokenizer.bos_id] if tokenizer.add_bos and tokenizer.bos_id is not None else []
    ids = (start + tokenizer.encode_text(text()))[:num_tokens]
    if len(ids) < num_tokens:
        raise SystemExit(f"the text has only {len(ids):,} tokens of {model.name}; ask for fewer")
    return ids


def logits_of(
    path_name: str, model: Path, ids: list[int], folder: Path, num_threads: int
) -> npt.NDArray[np.float32]:
    """Let a worker write all logits, fp32 (tokens, vocabulary), and map them."""
    kind, step = PATHS[path_name]
    python = peer_python() if kind == "llama_cpp" else sys.executable
    target, call = folder / f"{len(list(folder.iterdir()))}.npy", folder / "ids.json"
    call.write_text(json.dumps(ids), encoding="utf-8")
    command = [python, str(WORKER), kind, str(model), str(step), str(num_threads), str(call), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(how_ended(done.returncode, done.stderr))
    logits: npt.NDArray[np.float32] = np.load(target, mmap_mode="r")
    return logits


def log_probabilities(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    values = logits.astype(np.float64)
    values -= values.max(-1, keepdims=True)
    values -= np.log(np.exp(values).sum(-1, keepdims=True))
    return values


def accuracy(
    model: str, path: str, found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], ids: list[int]
) -> Accuracy:
    loss, reference_loss, agreed, divergence = 0.0, 0.0, 0, 0.0
    for start in range(0, len(ids), _CHUNK):
        rows = slice(start, min(start + _CHUNK, len(ids)))
        ours, theirs = log_probabilities(found[rows]), log_probabilities(expected[rows])
        agreed += int((ours.argmax(-1) == theirs.argmax(-1)).sum())
        divergence += float((np.exp(theirs) * (theirs - ours)).sum())
        nexts = np.array(ids[rows.start + 1 : rows.stop + 1])
        at = np.arange(len(nexts))
        loss -= float(ours[at, nexts].sum())
        reference_loss -= float(theirs[at, nexts].sum())
    count = len(ids) - 1
    return Accuracy(
        model=model,
        path=path,
        perplexity=float(np.exp(loss / count)),
        over_reference=float(np.exp((loss - reference_loss) / count) - 1),
        top1=agreed / len(ids),
        divergence=divergence / len(ids),
    )


def compare(path: Path, num_tokens: int, num_threads: int, facts: dict[str, str]) -> Iterator[Accuracy]:
    """Yield every path's figures; a path that fails is named in the facts."""
    ids = ids_of(path, num_tokens)
    with tempfile.TemporaryDirectory(prefix="chatterm-logits-") as scratch:
        folder = Path(scratch)
        expected = logits_of(REFERENCE, path, ids, folder, num_threads)
        for name in PATHS:
            print(f"{path.name}: {name}", file=sys.stderr)
            try:
                found = expected if name == REFERENCE else logits_of(name, path, ids, folder, num_threads)
            except RuntimeError as error:
                facts[f"left out: {name} on {path.name}"] = str(error)
                continue
            yield accuracy(path.stem, name, found, expected, ids)


def cells(found: Accuracy, others: list[Accuracy]) -> dict[str, str]:
    peer = next((one for one in others if (one.model, one.path) == (found.model, "llama.cpp")), None)
    return {
        "model": found.model,
        "path": found.path,
        "perplexity": f"{found.perplexity:.4f}",
        "over the reference": f"{found.over_reference:+.3%}",
        "over llama.cpp": f"{found.perplexity / peer.perplexity - 1:+.3%}" if peer else "",
        "top-1": f"{found.top1:.2%}",
        "KL": f"{found.divergence:.2e}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="256 tokens; nothing is written")
    arguments = parser.parse_args()
    num_tokens = 256 if arguments.quick else arguments.tokens
    models = obtain(arguments.models or ["default", "gemma"])
    facts: dict[str, str] = {}
    found: list[Accuracy] = []
    for path in models.values():
        try:
            found += compare(path, num_tokens, arguments.threads, facts)
        except RuntimeError as error:
            facts[f"left out: {path.name}"] = str(error)
    facts |= {
        "tokens": str(num_tokens),
        "threads": str(arguments.threads),
        "llama.cpp build": CMAKE_ARGS,
        "command": " ".join(["python benchmarks/perplexity.py", *arguments.models]),
    }
    name = "-".join(["perplexity", *(Path(one).stem for one in arguments.models)])
    rows = [asdict(one) for one in found]
    write_table(
        name, "Accuracy on the CPU", [cells(one, found) for one in found], rows, facts,
        is_kept=not arguments.quick,
    )  # fmt: skip


if __name__ == "__main__":
    main()
