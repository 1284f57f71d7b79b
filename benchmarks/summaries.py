"""Summaries of real texts by the default model, measured by code.

    python benchmarks/summaries.py CORPUS [MODEL] [--only NAME...] [--no-write]

CORPUS is the folder that benchmarks/corpus.py tells how to fill; MODEL a name of benchmarks/models.py, or a
.gguf file. Three ways: `parts`, the whole text read in parts, as `chatterm ask -f FILE` does; `window`, the
text cut to what fits the context, with the same prompt: what other programs do without a word; `lead`, as
many sentences from the text's beginning as `parts` has statements.

numbers: those that the text has, of those in the summary. supported: statements with a line of the text that
says something alike; of them, verbatim. tenths: how many tenths of the text's lines have one that a statement
rests on. repeats: statements said before; `loop` where the engine stopped it. x: the text's length over the
summary's. All summaries are in the results, to be read.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.corpus import TEXTS, Text, read_text
from benchmarks.measuring import write_table
from benchmarks.models import obtain
from benchmarks.reading_means import engine_of, means_of, summary_of
from chatterm.checks.statements import statements
from chatterm.checks.support import Citer, Support
from chatterm.checks.tokens import is_han
from chatterm.checks.verify import Basis, verify
from chatterm.conversation import Document
from chatterm.engine.base import CancelToken
from chatterm.engine.local.engine import LocalEngine
from chatterm.session import SessionEvent, TurnFinished
from chatterm.tasks import TaskEvent
from chatterm.tasks.answering import ReadingWish, Target, answer, choose_reading
from chatterm.tasks.means import Means
from chatterm.tasks.question import compose
from chatterm.tasks.reading.budget import token_counter
from chatterm.tasks.reading.events import NotRead, PartsProgress
from chatterm.tasks.reading.steps import Steps

_LEAD_STATEMENTS = 5
"""Where the other ways gave none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one way gave of one text."""

    text: str
    seconds: float
    num_parts: int = 1
    reason: str = "end"
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What code can tell of a summary."""

    num_statements: int
    num_supported: int
    num_verbatim: int
    num_numbers: int
    num_grounded: int
    num_quotes: int
    num_quotes_found: int
    num_tenths: int
    num_repeats: int
    is_in_language: bool
    compression: float


def in_parts(means: Means, documents: tuple[Document, ...], lang: str) -> Summary:
    """Read all of it, in parts also where it fits."""
    composed = compose(summary_of(documents, lang), means.engine.describe(), means.defaults)
    reading = choose_reading(composed, means, Target(), ReadingWish(in_parts=True))
    return _played(lambda: answer(composed, reading, means, Target(), CancelToken()))


def of_window(means: Means, documents: tuple[Document, ...], lang: str) -> Summary:
    """Cut the text to what fits, and ask once."""
    steps = Steps.of(summary_of(documents, lang), means)
    cut = first_window(documents, steps.room("whole"), token_counter(means.engine))
    composed = compose(summary_of(cut, lang), means.engine.describe(), means.defaults)
    return _played(lambda: means.session.send(composed.request, CancelToken()))


def first_window(
    documents: Sequence[Document], room: int, count: Callable[[str], int]
) -> tuple[Document, ...]:
    """Return whole lines from the beginning that have at most `room` tokens, and at least one line."""
    kept: list[Document] = []
    for document in documents:
        lines = document.text.splitlines(keepends=True)
        least, most = 0, len(lines)
        while least < most:
            middle = (least + most + 1) // 2
            fits = count("".join(lines[:middle])) <= room
            least, most = (middle, most) if fits else (least, middle - 1)
        text = "".join(lines[: least if kept else max(least, 1)])
        if text:
            kept.append(Document(document.name, text, len(text.encode())))
        room -= count(text) + 20  # its name and fence
        if least < len(lines) or room <= 0:
            break
    return tuple(kept)


def of_beginning(documents: Sequence[Document], num_statements: int) -> Summary:
    """Take the first sentences."""
    text = "\n".join(document.text for document in documents)[:20_000]
    spans = list(statements(text))[: num_statements or _LEAD_STATEMENTS]
    return Summary(text="\n".join(" ".join(text[start:end].split()) for start, end in spans), seconds=0.0)


def _played(start: "Callable[[], Iterator[TaskEvent] | Iterator[SessionEvent]]") -> Summary:
    begun, text, reason, parts, failures = time.perf_counter(), "", "none", 1, list[str]()
    for event in start():
        match event:
            case TurnFinished():
                text, reason = event.turn.reply.message.content, event.turn.finish_reason
            case PartsProgress():
                parts = max(parts, event.total) if event.step == "map" else parts
            case NotRead() if event.is_failure:
                failures += event.places
    return Summary(
        text=text,
        seconds=time.perf_counter() - begun,
        num_parts=parts,
        reason=reason,
        failures=tuple(failures),
    )


def measure(summary: Summary, documents: Sequence[Document], lang: str) -> Measured:
    sources = [document.text for document in documents]
    cited = list(Citer(sources).cite_all(summary.text))
    findings = verify(summary.text, Basis(tuple(sources))).findings
    numbers = [one for one in findings if one.kind == "number"]
    quotes = [one for one in findings if one.kind == "quote"]
    said = [" ".join(one.text.split()).casefold() for one in cited]
    letters = [char for char in summary.text if char.isalpha()]
    share_of_han = sum(map(is_han, letters)) / max(len(letters), 1)
    return Measured(
        num_statements=len(cited),
        num_supported=sum(one.is_supported for one in cited),
        num_verbatim=sum(one.how == "quote" for one in cited),
        num_numbers=len(numbers),
        num_grounded=sum(one.is_verified for one in numbers),
        num_quotes=len(quotes),
        num_quotes_found=sum(one.is_verified for one in quotes),
        num_tenths=len(_tenths(cited, documents)),
        num_repeats=len(said) - len(set(said)),
        is_in_language=bool(letters) and (share_of_han > 0.5) == (lang == "zh"),
        compression=sum(map(len, sources)) / max(len(summary.text), 1),
    )


def _tenths(cited: Sequence[Support], documents: Sequence[Document]) -> set[int]:
    """Return which tenths of all lines have one that a statement rests on: the best place of each."""
    starts = [0, *accumulate(document.num_lines for document in documents)]
    best = [one.evidence[0] for one in cited if one.evidence]
    return {
        min((starts[place.source] + line - 1) * 10 // max(starts[-1], 1), 9)
        for place in best
        for line in range(place.first_line, place.last_line + 1)
    }


def cells_of(text: Text, way: str, summary: Summary, found: Measured) -> dict[str, str]:
    loop = ", loop" if summary.reason == "loop" else ""
    return {
        "text": f"{text.kind} ({text.name})" if way == "parts" else "",
        "way": way,
        "parts": f"{summary.num_parts:,}",
        "statements": f"{found.num_statements:,}",
        "supported": f"{found.num_supported:,}",
        "verbatim": f"{found.num_verbatim:,}",
        "numbers": f"{found.num_grounded:,} of {found.num_numbers:,}" if found.num_numbers else "-",
        "quotes": f"{found.num_quotes_found:,} of {found.num_quotes:,}" if found.num_quotes else "-",
        "tenths": str(found.num_tenths),
        "repeats": f"{found.num_repeats}{loop}",
        "language": "yes" if found.is_in_language else "NO",
        "x": f"{found.compression:.0f}",
        "time": f"{summary.seconds:.0f} s" if summary.seconds else "-",
    }


def summaries(engine: LocalEngine, text: Text, documents: tuple[Document, ...]) -> dict[str, Summary]:
    """Return what each way gives; the texts that are read are not in the cache before."""
    found = {}
    for way, summarise in (("parts", in_parts), ("window", of_window)):
        with means_of(engine) as means:
            found[way] = summarise(means, documents, text.lang)
    num_statements = len(list(statements(found["parts"].text)))
    return found | {"lead": of_beginning(documents, num_statements)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("--only", nargs="+", default=[text.name for text in TEXTS], metavar="NAME")
    parser.add_argument("--no-write", action="store_true")
    arguments = parser.parse_args()
    ((model, path),) = obtain([arguments.model]).items()
    name = f"summaries-{model}"
    cells, rows = [], list[dict[str, object]]()
    facts = {"command": f"python benchmarks/summaries.py CORPUS {arguments.model}", "model": path.stem}
    with engine_of(path) as engine:
        for text in (one for one in TEXTS if one.name in arguments.only):
            documents = read_text(arguments.corpus, text)
            if not documents:
                facts[f"left out: {text.name}"] = f"{text.package} is not unpacked there"
                continue
            size = sum(len(document.text) for document in documents)
            facts[f"{text.name} ({text.package})"] = f"{size:,} characters"
            for way, summary in summaries(engine, text, documents).items():
                found = measure(summary, documents, text.lang)
                cells.append(cells_of(text, way, summary, found))
                rows.append({"name": text.name, "way": way} | asdict(summary) | asdict(found))
                print(f"{text.name}, {way}, {summary.seconds:.0f} s: {summary.text}\n", file=sys.stderr)
            # After each text, so that a run that is stopped leaves what it has.
            write_table(name, "Summaries of real texts", cells, rows, facts, is_kept=not arguments.no_write)


if __name__ == "__main__":
    main()
