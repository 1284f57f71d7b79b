"""What is told before a document is read in parts."""

from collections.abc import Generator, Sequence
from dataclasses import replace

import pytest

from chatterm.conversation import Document, Message, Usage
from chatterm.documents.units import Unit
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, StreamEvent
from chatterm.engine.echo import EchoEngine
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession, TurnRequest
from chatterm.store import ConversationStore
from chatterm.tasks import Question
from chatterm.tasks.reading.plan import Reading
from chatterm.tasks.reading.steps import Strategy
from chatterm.tui.parts_offer import offer_of, offer_text

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
TEXT = "The harbour had seven ships in it.\n" * 400


def reading(strategy: Strategy, unit: Unit | None = None) -> Reading:
    question = Question(
        text="how many?",
        documents=(Document("a.txt", TEXT, len(TEXT)),),
        prompt=LIBRARY.get("general/summarize"),
        emergency_number="112",
    )
    return Reading(strategy=strategy, question=question, unit=unit, limit=400)


@pytest.mark.parametrize(
    ("strategy", "unit", "text"),
    [
        ("map-reduce", None, "all of it in some 10 parts, and combines what they say"),
        ("map", None, "all of it in some 10 parts, each answered by itself"),
        ("map", "line", "all of it, line by line, each answered by itself"),
        ("refine", None, "all of it in some 10 parts, one after another"),
        ("retrieve", None, "the lines the question is about, some 400 of 2,800 tokens"),
    ],
)
def test_the_offer_says_what_would_be_read(
    store: ConversationStore, strategy: Strategy, unit: Unit | None, text: str
) -> None:
    assert offer_text(offer_of(reading(strategy, unit), EchoEngine(), store)) == text


class Timed(EchoEngine):
    """Reads 1,000 tokens a second, and writes 100."""

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        usage = Usage(1000, 0, 100, 1.0, 1.0)
        for event in super().stream(requests, cancel):
            yield replace(event, usage=usage) if isinstance(event, Finished) else event


@pytest.mark.parametrize(
    ("strategy", "unit", "time"), [("map", None, "7 s"), ("map-reduce", None, "8 s"), ("map", "line", "")]
)
def test_the_time_is_told_by_the_last_reply(
    store: ConversationStore, strategy: Strategy, unit: Unit | None, time: str
) -> None:
    engine = Timed()
    asked = TurnRequest(messages=(Message("user", "hello"),))
    list(ChatSession(engine, store).send(asked, CancelToken()))
    _, about, told = offer_text(offer_of(reading(strategy, unit), engine, store)).partition(", about ")
    assert (about, told) == ((", about ", time) if time else ("", ""))
