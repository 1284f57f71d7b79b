"""What the parts gave becomes one reply: by the model, by code, or in the document's own sentences."""

import json
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from chatterm.conversation import Document, ModelCard, Usage
from chatterm.documents.chunks import Chunk
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, StreamEvent, TextDelta
from chatterm.engine.echo import EchoEngine
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession, TurnFinished
from chatterm.store import ConversationStore
from chatterm.tasks import Question, TaskEvent, compose
from chatterm.tasks.answering import answer
from chatterm.tasks.checking import Checked
from chatterm.tasks.means import Means, Target
from chatterm.tasks.reading.events import Partial, PartsProgress, ReadingNotice
from chatterm.tasks.reading.facts import facts_of, quoted, sentences_of
from chatterm.tasks.reading.plan import choose_reading

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
REPORT = Document(
    "report.txt",
    "\n\n".join(
        f"Town{number} paid {number * 7} euros to the\nmiller of village{number}." for number in range(90)
    ),
    9000,
)
_SAID = re.compile(r"Town\d+ paid (\d+) euros")


class Reader(EchoEngine):
    """A tiny model that says what a function makes of its prompt."""

    def __init__(
        self, says: Callable[[str], str], num_parameters: int = 135_000_000, *, context_length: int = 500
    ) -> None:
        super().__init__(context_length=context_length)
        self._says = says
        self._size = num_parameters
        self.asked: list[str] = []

    def describe(self) -> ModelCard:
        return replace(super().describe(), num_parameters=self._size, can_constrain=True)

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        for number, request in enumerate(requests):
            self.asked.append(request.messages[-1].content)
            yield TextDelta(number, 0, request.prefill + self._says(request.messages[-1].content))
            yield Finished(number, 0, "end", Usage(1, 0, 1, 0.1, 0.1))


def asked(store: ConversationStore, reader: Reader, prompt: str, **values: str) -> list[TaskEvent]:
    question = Question(
        documents=(REPORT,), prompt=LIBRARY.get(prompt), values=values, emergency_number="112"
    )
    means = Means(reader, store, ChatSession(reader, store), {}, LIBRARY)
    composed = compose(question, reader.describe(), {"max_tokens": 120})
    reading = choose_reading(composed, means, Target())
    assert reading is not None
    assert reading.strategy == "map-reduce"
    return list(answer(composed, reading, means, Target(), CancelToken()))


def reply(events: list[TaskEvent]) -> str:
    (finished,) = [event for event in events if isinstance(event, TurnFinished)]
    return finished.turn.reply.message.content


def first_fact(content: str) -> str:
    found = _SAID.search(content)
    return f"Somebody paid {found[1]} euros to a miller." if found else "Nothing."


def test_a_tiny_model_points_and_the_answer_is_the_documents_own_sentences(store: ConversationStore) -> None:
    reader = Reader(first_fact)
    events = asked(store, reader, "general/summarize", length="medium")
    lines = reply(events).split("\n")
    assert [line[:3] for line in lines] == [f"{number}. " for number in range(1, 6)]
    sentences = " ".join(REPORT.text.split())
    assert all(line[3:] in sentences for line in lines)
    towns = [int(re.findall(r"Town(\d+)", line)[0]) for line in lines]
    assert towns == sorted(towns)
    assert towns[-1] - towns[0] > 40  # from all over the document
    assert {event.step for event in events if isinstance(event, PartsProgress)} == {"map"}
    assert any("sentences of the text" in event.text for event in events if isinstance(event, ReadingNotice))


def test_what_is_asked_about_goes_before_the_rest(store: ConversationStore) -> None:
    only = Reader(
        lambda content: "Town3 paid 21 euros. Town7 paid 49 euros." if "Town7 " in content else "x y z"
    )
    assert re.findall(r"Town\d+", reply(asked(store, only, "general/summarize", focus="Town7"))) == ["Town7"]


def test_a_larger_model_writes_from_the_facts(store: ConversationStore) -> None:
    def says(content: str) -> str:
        return "The answer." if "most important of them" in content else first_fact(content)

    reader = Reader(says, num_parameters=3_000_000_000)
    assert reply(asked(store, reader, "general/summarize")).endswith("The answer.")
    assert "[facts]" in reader.asked[-1]
    assert "Somebody paid 0 euros" in reader.asked[-1]


def entry(content: str, num: int = 35) -> str:
    """Return the entry of a part, or of a digest, without its prefill: of so many keywords."""
    lines = re.findall(r"^\{.*\}$", content, re.MULTILINE)
    words = re.findall(r"\w+", content.partition("```")[2])
    runs = [one for line in lines for one in json.loads(line)["keywords"]] or [
        " ".join(words[place : place + 6]) for place in range(35)
    ]
    return f'Town", {json.dumps(runs[:num])[1:-1]}], "title": "t", "abstract": "a"}}'


def few_of_digests(content: str) -> str:
    return entry(content, 3 if "[facts]" in content else 35)


def num_digests(reader: Reader) -> int:
    return sum("[facts]" in content for content in reader.asked)


def test_json_is_reduced_by_the_model_in_rounds(store: ConversationStore) -> None:
    reader = Reader(few_of_digests)
    found = json.loads(reply(asked(store, reader, "general/keywords")))
    assert (len(found["keywords"]), found["title"]) == (4, "t")
    assert num_digests(reader) > 2, "a round, and the last step"
    assert len(reader.asked[-1]) < 2500


class Cut(Reader):
    """Ends each reply at its limit of tokens."""

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        for event in super().stream(requests, cancel):
            yield replace(event, reason="length") if isinstance(event, Finished) else event


def test_no_round_loses_what_its_cut_replies_have_no_room_for(store: ConversationStore) -> None:
    events = asked(store, Cut(few_of_digests), "general/keywords")
    assert len(json.loads(reply(events))["keywords"]) > 100, "merged by code"
    assert [one.text for one in events if isinstance(one, ReadingNotice) and "were cut" in one.text]


def test_json_that_rounds_do_not_make_less_is_merged_by_code(store: ConversationStore) -> None:
    events = asked(store, Reader(entry), "general/keywords")
    found = json.loads(reply(events))
    assert len(found["keywords"]) > 100, "all of them, whatever maxItems says"
    assert found["title"] == "t"
    (checked,) = [event for event in events if isinstance(event, Checked)]
    assert checked.misses_schema is None


CHUNK = Chunk(
    document=0,
    name="a.txt",
    text="In the first quarter of 2024 the net profit was 2.4 million\neuros, or 0.31 euros a share. Up.\n\n"
    "and so on. Marta Lindqvist follows Jon Aker.",
    first_line=10,
    last_line=13,
)


def test_a_sentence_over_two_lines_is_quoted_whole() -> None:
    sentences = sentences_of(CHUNK)
    assert [(one.text, one.first_line, one.last_line) for one in sentences] == [
        ("In the first quarter of 2024 the net profit was 2.4 million euros, or 0.31 euros a share.", 10, 11),
        ("Marta Lindqvist follows Jon Aker.", 13, 13),
    ]
    notes = facts_of(Partial(chunk=CHUNK, text='- "A net profit of 2.4 million euros"\n- Marta dances'))
    assert notes[0].text == "A net profit of 2.4 million euros"
    assert quoted(notes[:1], sentences) == sentences[:1]
    assert quoted((), sentences) == ()
