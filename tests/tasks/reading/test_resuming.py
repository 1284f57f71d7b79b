"""The same question again: what was read is taken over, whichever step was the last."""

import re
from collections.abc import Generator, Sequence
from contextlib import closing

from chatterm.conversation import Document, Message, Usage
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, StreamEvent, TextDelta
from chatterm.engine.echo import EchoEngine
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession, TurnFinished
from chatterm.store import ConversationStore
from chatterm.tasks import Question, TaskEvent, compose
from chatterm.tasks.answering import answer
from chatterm.tasks.means import Means, Target
from chatterm.tasks.reading.events import PartsProgress, QuestionKept, ReadingStopped
from chatterm.tasks.reading.plan import ReadingWish, choose_reading

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
REPORT = Document(
    "report.txt",
    "\n\n".join(f"Town{number} paid {number * 7} euros to party{number}." for number in range(150)),
    9000,
)
_SAID = re.compile(r"Town\d+ paid [^.]*\.")


class Reader(EchoEngine):
    """Says every second sentence of what it reads, and stops, where it is to, after so many replies."""

    def __init__(self, stops_after: int | None = None) -> None:
        super().__init__(context_length=500)
        self.num_asked = 0
        self._stops_after = stops_after

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        for number, request in enumerate(requests):
            if self.num_asked == self._stops_after:
                cancel.cancel()
            if cancel.is_cancelled:
                yield Finished(number, 0, "cancelled", Usage(1, 0, 0, 0.1, 0.1))
                continue
            self.num_asked += 1
            said = _SAID.findall(request.messages[-1].content)[::2]
            text = request.prefill + "\n".join(f"- {one}" for one in said)
            yield TextDelta(number, 0, text.removeprefix("- ") if request.prefill.endswith("- ") else text)
            yield Finished(number, 0, "end", Usage(1, 0, 1, 0.1, 0.1))


def asked(store: ConversationStore, reader: Reader, wish: ReadingWish | None = None) -> list[TaskEvent]:
    question = Question(documents=(REPORT,), prompt=LIBRARY.get("general/summarize"), emergency_number="112")
    means = Means(reader, store, ChatSession(reader, store), {}, LIBRARY)
    composed = compose(question, reader.describe(), {"max_tokens": 120})
    reading = choose_reading(composed, means, Target(), wish)
    return list(answer(composed, reading, means, Target(), CancelToken()))


def reply(events: list[TaskEvent]) -> Message:
    (finished,) = [event for event in events if isinstance(event, TurnFinished)]
    return finished.turn.reply.message


def totals(events: list[TaskEvent], step: str) -> set[int]:
    return {event.total for event in events if isinstance(event, PartsProgress) and event.step == step}


def test_asked_again_only_the_last_step_is_taken(store: ConversationStore) -> None:
    first = Reader()
    events = asked(store, first)
    (num_parts,) = totals(events, "map")
    assert num_parts > 5
    assert totals(events, "reduce"), "its facts do not fit at once"
    again = Reader()
    assert reply(asked(store, again)) == reply(events)
    assert (first.num_asked > num_parts + 1, again.num_asked) == (True, 1)
    assert len(store.conversations()) == 2


def test_wherever_it_is_stopped_the_rest_is_read(store: ConversationStore) -> None:
    with closing(ConversationStore.in_memory()) as elsewhere:
        whole = Reader()
        expected = reply(asked(elsewhere, whole))
    for stops_after in range(0, whole.num_asked - 1, 3):
        with closing(ConversationStore.in_memory()) as fresh:
            stopped = Reader(stops_after)
            events = asked(fresh, stopped)
            assert isinstance(events[-1], ReadingStopped)
            rest = Reader()
            events = asked(fresh, rest)
            assert isinstance(events[0], QuestionKept)
            assert reply(events) == expected
            assert stopped.num_asked + rest.num_asked == whole.num_asked
            assert len(fresh.conversations()) == 1


def test_how_much_is_kept_is_told(store: ConversationStore) -> None:
    events = asked(store, Reader(3))
    assert isinstance(events[-1], ReadingStopped)
    assert events[-1].num_kept == 3
    progress = next(event for event in asked(store, Reader()) if isinstance(event, PartsProgress))
    assert (progress.done, progress.num_kept) == (3, 3)


def test_what_is_to_be_read_anew_is_read_anew(store: ConversationStore) -> None:
    first, again = Reader(), Reader()
    asked(store, first)
    asked(store, again, ReadingWish(keeps_partials=False))
    assert again.num_asked == first.num_asked
