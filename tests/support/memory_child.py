"""A process that runs out of memory on purpose: memory_child.py MODEL CACHE SCENARIO, its findings as JSON.

The limit is the kernel's own (RLIMIT_DATA), set to what the process has plus a margin, and lifted again.
CACHE is a folder for the compiled decoder, or `-` for torch's own operations.
"""

import json
import re
import resource
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from chatterm.cli.main import run
from chatterm.conversation import Message
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, SamplingParams
from chatterm.engine.local.decoder.any_decoder import AnyDecoder
from chatterm.engine.local.decoder.linear import LoadPlan
from chatterm.engine.local.engine import LocalEngine
from chatterm.engine.local.options import RuntimeOptions
from chatterm.engine.local.runtime import Runtime
from chatterm.engine.local.source import ModelSource, open_source
from chatterm.errors import ChattermError

MARGIN = 32 * 2**20
"""Enough for a short question after a long one failed. Of 40 MB the heap takes so much for the long one that
oneDNN has none left to compile a product."""
_HARD = resource.getrlimit(resource.RLIMIT_DATA)[1]


def limit(margin: int = MARGIN) -> None:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    used = int(re.findall(r"VmData:\s+(\d+) kB", status)[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + margin, _HARD))


def lift() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_HARD, _HARD))


def tried(do: Callable[[], object]) -> Any:
    """What `do` returns, or the exit code and message of what it raises."""
    try:
        return do()
    except ChattermError as error:
        return [error.exit_code, str(error)]


def opened(path: Path, cache: Path | None) -> LocalEngine:
    return LocalEngine.open(path, name="tiny", device="cpu", num_threads=1, cache=cache)


def ask(engine: LocalEngine, num_words: int) -> str:
    request = GenerationRequest(
        messages=(Message("user", "he " * num_words),), sampling=SamplingParams(max_tokens=2, temperature=0)
    )
    events = list(engine.stream([request], CancelToken()))
    assert isinstance(events[-1], Finished)
    return "answered"


class Narrow:
    """A source whose weights are loaded under the limit; of no known kind, it is not asked for its need."""

    def __init__(self, source: ModelSource) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:  # whatever the source has
        return getattr(self._source, name)

    def load(self, plan: LoadPlan) -> tuple[AnyDecoder, tuple[str, ...]]:
        limit(8 * 2**20)
        return self._source.load(plan)


def while_loading(path: Path, cache: Path | None) -> dict[str, Any]:
    options = RuntimeOptions(context_length=1024, device="cpu", num_threads=1)
    found = {"loading": tried(lambda: Runtime.open(Narrow(open_source(path)), options) and "loaded")}
    lift()
    with closing(opened(path, cache)) as engine:
        return found | {"afterwards": tried(lambda: ask(engine, 10))}


def while_answering(path: Path, cache: Path | None) -> dict[str, Any]:
    with closing(opened(path, cache)) as engine:
        found = {"before": tried(lambda: ask(engine, 20))}
        limit()
        found["long"] = tried(lambda: ask(engine, 1200))
        found["short"] = tried(lambda: ask(engine, 30))
        lift()
        found["long again"] = tried(lambda: ask(engine, 1200))
        return found


def command(path: Path, _cache: Path | None, margin: int = 100 * 2**20) -> dict[str, Any]:
    limit(margin)
    return {
        "exit code": run(
            ["ask", "-m", str(path), "--device", "cpu", "--private", "--max-tokens", "2", "hello"]
        )
    }


def narrow_command(path: Path, cache: Path | None) -> dict[str, Any]:
    """Room for the model, and not for all of its context."""
    return command(path, cache, 700 * 2**20)


def main() -> None:
    path, cache, scenario = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    scenarios: dict[str, Callable[[Path, Path | None], dict[str, Any]]] = {
        "loading": while_loading,
        "answering": while_answering,
        "command": command,
        "narrow command": narrow_command,
    }
    found = scenarios[scenario](path, None if cache == "-" else Path(cache))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
