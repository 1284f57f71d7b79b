"""What the benchmarks of reading share: the default model with its kernels, and all that answering takes."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from chatterm.cli.prompt_folders import shipped_library
from chatterm.conversation import Document
from chatterm.engine.local.engine import LocalEngine
from chatterm.prompts import PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession
from chatterm.store import ConversationStore
from chatterm.tasks.means import Means
from chatterm.tasks.question import SUMMARY, Question


def library() -> PromptLibrary:
    return shipped_library(shipped_prompts())


@contextmanager
def engine_of(path: Path) -> Iterator[LocalEngine]:
    """Open the model on the CPU, its kernels compiled into a folder of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="chatterm-cache-") as cache,
        closing(LocalEngine.open(path, name="default", device="cpu", cache=Path(cache))) as engine,
    ):
        yield engine


@contextmanager
def means_of(engine: LocalEngine) -> Iterator[Means]:
    """Give a store of its own, in memory: nothing that was read before is found again."""
    with closing(ConversationStore.in_memory()) as store:
        yield Means(engine, store, ChatSession(engine, store), {}, library())


def summary_of(documents: tuple[Document, ...], lang: str | None = None) -> Question:
    """Return what is asked where a document comes without a question; greedy."""
    return Question(
        documents=documents,
        prompt=library().get(SUMMARY),
        lang=lang,
        settings={"temperature": 0, "seed": 1},
        emergency_number="112",
    )
