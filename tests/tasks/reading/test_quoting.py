"""A model too small to write of much: its answers are sentences of the document."""

from dataclasses import replace

import pytest

from chatterm.conversation import Document
from chatterm.engine.base import CancelToken
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession
from chatterm.store import ConversationStore
from chatterm.tasks import Question, TaskEvent, compose
from chatterm.tasks.answering import answer
from chatterm.tasks.means import Means, Target
from chatterm.tasks.reading.events import NotRead, ReadingNotice
from chatterm.tasks.reading.outline import outline_of
from chatterm.tasks.reading.plan import Reading, choose_reading
from tests.tasks.reading.test_combining import REPORT, Reader, reply

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
QUESTION = Question(
    text="How much did Town41 pay?",
    documents=(REPORT,),
    prompt=LIBRARY.get("assistant/chat"),
    emergency_number="112",
)


def planned(
    question: Question, reader: Reader, store: ConversationStore
) -> tuple[Reading | None, list[TaskEvent]]:
    means = Means(reader, store, ChatSession(reader, store), {}, LIBRARY)
    composed = compose(question, reader.describe(), {"max_tokens": 60})
    reading = choose_reading(composed, means, Target())
    return reading, list(answer(composed, reading, means, Target(), CancelToken()))


def test_a_question_is_answered_by_the_sentences_most_about_it(store: ConversationStore) -> None:
    reader = Reader(lambda content: "Town41 paid nothing at all.")
    _, events = planned(QUESTION, reader, store)
    assert reply(events).startswith("1. Town41 paid 287 euros to the")
    assert len(reply(events).split("\n")) <= 3
    assert reader.asked == []
    assert any("most about the question" in one.text for one in events if isinstance(one, ReadingNotice))
    assert any(isinstance(one, NotRead) for one in events)


def test_a_larger_model_answers_from_the_passages(store: ConversationStore) -> None:
    reader = Reader(lambda content: "Town41 paid 287 euros.", 3_000_000_000)
    _, events = planned(QUESTION, reader, store)
    assert reply(events) == "Town41 paid 287 euros."
    assert "Town41 paid 287" in reader.asked[-1]


@pytest.mark.parametrize(
    ("num_parameters", "num_paragraphs", "is_in_parts"),
    [(135_000_000, 180, True), (135_000_000, 10, False), (3_000_000_000, 180, False)],
)
def test_a_tiny_model_summarises_no_long_text_whole(
    store: ConversationStore, num_parameters: int, num_paragraphs: int, *, is_in_parts: bool
) -> None:
    text = "\n\n".join((2 * f"{REPORT.text}\n\n").split("\n\n")[:num_paragraphs])
    reader = Reader(lambda content: "x y z", num_parameters, context_length=8000)
    question = replace(
        QUESTION,
        text="",
        prompt=LIBRARY.get("general/summarize"),
        documents=(Document("a.txt", text, len(text)),),
    )
    reading, _ = planned(question, reader, store)
    assert (reading is not None) == is_in_parts


def test_a_text_without_sentences_is_said_to_have_none(store: ConversationStore) -> None:
    rows = "\n".join(f"{number},{number * 7}" for number in range(600))
    question = replace(
        QUESTION,
        text="",
        prompt=LIBRARY.get("general/summarize"),
        documents=(Document("a.csv", f"town,euros\n{rows}", 6000),),
    )
    _, events = planned(question, Reader(lambda content: "x y z"), store)
    assert "no sentence in it" in reply(events)


@pytest.mark.parametrize(
    ("prompt", "num_parameters", "num_more"),
    [
        ("general/summarize", 135_000_000, 0),
        ("general/summarize", 3_000_000_000, 4),
        ("assistant/chat", 135_000_000, 0),
        ("assistant/chat", 3_000_000_000, 1),
    ],
)
def test_the_outline_counts_no_calls_where_code_answers(
    store: ConversationStore, prompt: str, num_parameters: int, num_more: int
) -> None:
    reader = Reader(lambda content: "x y z", num_parameters)
    means = Means(reader, store, ChatSession(reader, store), {}, LIBRARY)
    composed = compose(replace(QUESTION, prompt=LIBRARY.get(prompt)), reader.describe(), {"max_tokens": 60})
    reading = choose_reading(composed, means, Target())
    assert reading
    outline = outline_of(reading, means)
    num_read = len(outline.parts) if prompt == "general/summarize" else 0
    assert outline.num_calls == num_read + num_more
