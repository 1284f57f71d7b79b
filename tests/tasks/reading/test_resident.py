"""Several questions about one document, with the engine that the app keeps resident."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.conversation import Document, Usage
from chatterm.engine.base import CancelToken, Engine
from chatterm.engine.hosted import open_hosted
from chatterm.engine.registry import EngineOptions
from chatterm.models.discovery import ModelFile
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession, TurnFinished
from chatterm.store import ConversationStore
from chatterm.tasks import Question, choose_prompt, compose
from chatterm.tasks.answering import answer
from chatterm.tasks.means import Means, Target
from chatterm.tasks.reading.plan import choose_reading

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
TEXT = "\n".join(f"Ferry {number} leaves at {number % 24}:15 from pier {number}." for number in range(60))
MOST_READ = 60
"""Tokens of the last reply's end, of a short question, and of what the chat template puts around it."""


@pytest.fixture(scope="module")
def engine(default_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    options = EngineOptions(cache=tmp_path_factory.mktemp("cache"))
    with closing(open_hosted(ModelFile(default_model, "default"), options)) as opened:
        yield opened


def asked(means: Means, target: Target, text: str, *documents: Document) -> tuple[Usage, Target]:
    """Ask below the target, and return what it cost and the place after the reply."""
    question = Question(
        text=text,
        documents=documents,
        prompt=choose_prompt(LIBRARY, None, has_text=True),
        emergency_number="112",
        continues=target.parent_id is not None,
    )
    composed = compose(question, means.engine.describe(), {"max_tokens": 12, "temperature": 0.0})
    reading = choose_reading(composed, means, target)
    assert reading is None, "it fits"
    events = list(answer(composed, reading, means, target, CancelToken()))
    (turn,) = [event.turn for event in events if isinstance(event, TurnFinished)]
    return turn.usage, Target(conversation_id=turn.reply.conversation_id, parent_id=turn.reply.id)


@pytest.mark.slow
def test_a_document_is_read_once_for_all_questions_about_it(engine: Engine) -> None:
    document = Document("ferries.txt", TEXT, len(TEXT))
    with closing(ConversationStore.in_memory()) as store:
        means = Means(engine, store, ChatSession(engine, store), {}, LIBRARY)
        first, after = asked(means, Target(), "When does ferry 7 leave?", document)
        assert first.input_tokens > 900
        second, after = asked(means, after, "And ferry 9?")
        third, _ = asked(means, after, "And ferry 10?")
        beside, _ = asked(means, Target(), "Where does ferry 11 leave?", document)
    for usage in (second, third, beside):
        assert usage.input_tokens > 900
        assert usage.input_tokens - usage.cached_tokens < MOST_READ
