"""Documents read part by part, each with the answer so far."""

from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.engine.base import GenerationRequest
from chatterm.store import ConversationStore
from chatterm.tasks import Question
from chatterm.tasks.reading.events import NotRead, PartsProgress
from tests.support.reading_engine import ReadingEngine
from tests.tasks.reading.test_answering import NUM, about, numbers, prompt, reply, run


@pytest.fixture
def question(tmp_path: Path) -> Question:
    template = prompt(tmp_path, "long: {strategy: refine}", more="@@ reduce\n{{ document }}\n\nGo on.\n")
    return replace(about("general/summarize"), prompt=template)


def test_refining_takes_the_answer_along(store: ConversationStore, question: Question) -> None:
    count = iter(range(100))
    engine = ReadingEngine(lambda _: f"so far {next(count)}")
    events = run(store, engine, question)
    num_parts = len(engine.asked)
    assert [f"so far {number - 1}\n" in engine.asked[number] for number in range(1, num_parts)] == [True] * (
        num_parts - 1
    )
    assert numbers(engine.asked) == [*range(NUM)]
    assert reply(events) == f"so far {num_parts - 1}"


def test_refining_again_goes_on_from_the_first_part_that_failed(
    store: ConversationStore, question: Question
) -> None:
    def fails_once(request: GenerationRequest) -> str:
        return "" if "Town30 " in request.messages[-1].content else "so far"

    first = run(store, ReadingEngine(fails_once), question)
    assert [one.is_failure for one in first if isinstance(one, NotRead)] == [True]
    engine = ReadingEngine(lambda _: "so far")
    run(store, engine, question)
    read = numbers(engine.asked)
    assert read == [*range(read[0], NUM)]
    assert 0 < read[0] <= 30
    again = run(store, ReadingEngine(lambda _: "so far"), question)
    (progress,) = [one for one in again if isinstance(one, PartsProgress)]
    assert progress.done == progress.num_kept == progress.total - 1, "how far it is, is told at once"


def test_refining_leaves_room_for_the_answer_beside_a_part(
    store: ConversationStore, question: Question
) -> None:
    engine = ReadingEngine(lambda _: "so far " * 29, 180)
    run(store, engine, question)
    asked = [request for call in engine.calls for request in call]
    assert len(asked) > 10
    assert max(engine.count(request.messages).tokens for request in asked) <= 180 - 60
