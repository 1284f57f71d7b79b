"""Questions over documents that do not fit: every strategy, and what fails on the way."""

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.conversation import Document, FinishReason
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, StreamEvent, TextDelta
from chatterm.errors import DoesNotFit, EngineLost, GenerationFailed, OutOfMemory, UsageError
from chatterm.prompts import PromptFolder, PromptLibrary, PromptTemplate
from chatterm.prompts.template import load_prompt
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession, TurnFinished, TurnStarted
from chatterm.store import ConversationStore
from chatterm.tasks import Question, TaskEvent, compose
from chatterm.tasks.answer_shape import Wish
from chatterm.tasks.answering import Means, ReadingWish, Target, answer, choose_reading
from chatterm.tasks.reading.events import (
    NotRead,
    PartRead,
    PartsProgress,
    QuestionKept,
    ReadingNotice,
    ReadingStopped,
)
from tests.support.reading_engine import Answer, ReadingEngine

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
NUM = 100
TOWNS = "\n".join(
    f"Town{number} paid {number * 7} euros to the party of hill{number}.\n" for number in range(NUM)
)
REPORT = Document("report.txt", TOWNS, len(TOWNS))
_SAID = re.compile(r"Town\d+ paid [^.]*\.")


def says_all(request: GenerationRequest) -> str:
    """Say every sentence of what is read."""
    return "\n".join(f"- {one}" for one in _SAID.findall(request.messages[-1].content))


def says_some(request: GenerationRequest) -> str:
    return "\n".join(says_all(request).split("\n")[::3])


def prompt(
    tmp_path: Path, header: str, body: str = "{{ document }}\n\nSay it.", more: str = ""
) -> PromptTemplate:
    text = (
        "---\nchatterm: 1\nversion: 1\ntitle: t\nlanguages: [en]\ninputs: {document: {}}\n"
        f"sampling: {{temperature: 0, max_tokens: 60}}\n{header}\n---\n@@ user\n{body}\n{more}"
    )
    path = tmp_path / "mine.md"
    path.write_text(text, encoding="utf-8")
    return load_prompt(path, "mine").usable("mine")


def run(
    store: ConversationStore,
    engine: ReadingEngine,
    question: Question,
    wish: ReadingWish | None = None,
    cancel: CancelToken | None = None,
) -> list[TaskEvent]:
    means = Means(engine, store, ChatSession(engine, store), {}, LIBRARY)
    composed = compose(question, engine.describe(), {"max_tokens": 60})
    reading = choose_reading(composed, means, Target(), wish)
    return list(answer(composed, reading, means, Target(), cancel or CancelToken()))


def about(name: str, text: str = "", *documents: Document) -> Question:
    return Question(
        text=text, documents=documents or (REPORT,), prompt=LIBRARY.get(name), emergency_number="112"
    )


def reply(events: list[TaskEvent]) -> str:
    return next(one.turn.reply.message.content for one in events if isinstance(one, TurnFinished))


def numbers(texts: list[str]) -> list[int]:
    return sorted(int(one) for text in texts for one in re.findall(r"Town(\d+) paid", text))


def test_a_summary_reads_every_line_once_and_keeps_the_question(store: ConversationStore) -> None:
    engine = ReadingEngine(says_some)
    events = run(store, engine, about("assistant/chat", "please summarise this report"))
    num_parts = sum(isinstance(one, PartRead) for one in events)
    assert num_parts > 4
    assert sorted(set(numbers(engine.asked[:num_parts]))) == [*range(NUM)]
    kinds = [type(one) for one in events]
    order = [QuestionKept, PartsProgress, PartRead, TurnStarted, TextDelta, TurnFinished]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
    path = store.path(store.last_conversation() or "")
    assert path[-2].message.content == "[report.txt: 199 lines]\n\nplease summarise this report"
    assert [one.name for one in store.attachments(path[-2].id)] == ["report.txt"]
    assert path[-1].message.content == reply(events) != ""
    detail = store.reply_detail(path[-1].id)
    assert detail
    assert detail.record.prompt
    assert detail.record.prompt.id == "general/summarize"
    usage = next(one.turn.usage for one in events if isinstance(one, TurnFinished))
    assert usage.output_tokens == 3 * len(engine.asked), "what every step cost is told"


def test_parts_that_fail_are_named_in_the_answer_and_asked_twice(store: ConversationStore) -> None:
    def answers(request: GenerationRequest) -> str:
        return "" if "Town20 " in request.messages[-1].content else says_some(request)

    engine = ReadingEngine(answers)
    events = run(store, engine, about("general/summarize"))
    (unread,) = [one for one in events if isinstance(one, NotRead)]
    assert unread.is_failure
    assert unread.total_lines == 199
    place, why = re.fullmatch(r"(report\.txt, lines \d+-\d+) \((.*)\)", unread.places[0]).groups()  # type: ignore[union-attr]  # it matches
    assert why == "the reply was empty"
    assert reply(events).endswith(f"Not read: {place} ({why})")
    failing = [call for call in engine.calls if any("Town20 " in one.messages[-1].content for one in call)]
    assert [len(call) > 1 for call in failing][:2] == [True, False]
    penalties = [call[-1].sampling.repeat_penalty for call in failing[:2]]
    assert penalties[1] > penalties[0] == 1.0, "a greedy reply would be the same again"


@pytest.mark.parametrize("error", [GenerationFailed("no numbers"), DoesNotFit(500, 400, "shorten it")])
def test_a_part_on_which_the_model_fails_spares_its_neighbours(
    store: ConversationStore, error: Exception
) -> None:
    def answers(request: GenerationRequest) -> str | Exception:
        return error if "Town20 " in request.messages[-1].content else says_some(request)

    events = run(store, ReadingEngine(answers), about("general/summarize"))
    read = [one.partial for one in events if isinstance(one, PartRead)]
    assert [str(error) in one.failure for one in read if one.is_failed] == [True]
    assert f"({error})" in reply(events)


def test_all_parts_failing_is_an_answer_too(store: ConversationStore) -> None:
    events = run(store, ReadingEngine(lambda _: "loop"), about("general/summarize"))
    assert reply(events).startswith("Not read: report.txt, lines 1-")


class Ending(ReadingEngine):
    """Says the same of each part, and ends it for a reason of its own."""

    def __init__(self, said: str, reason: FinishReason) -> None:
        super().__init__(lambda _: said)
        self._reason = reason

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        for event in super().stream(requests, cancel):
            yield replace(event, reason=self._reason) if isinstance(event, Finished) else event


TRANSLATE = Question(
    documents=(REPORT,),
    prompt=LIBRARY.get("general/translate"),
    values={"to": "Chinese"},
    emergency_number="112",
)


def test_parts_whose_replies_were_cut_are_counted_also_when_they_are_kept(store: ConversationStore) -> None:
    engine = Ending("Hill1 got seven euros", "length")
    notices = [
        [one.text for one in run(store, engine, TRANSLATE) if isinstance(one, ReadingNotice)]
        for _ in range(2)
    ]
    num_parts = len(engine.asked)
    assert notices[0] == notices[1]
    assert notices[0][0].startswith(f"the replies to {num_parts} of {num_parts} parts were cut")


@pytest.mark.parametrize(
    ("said", "is_failure"),
    [
        ("Hill1 got seven euros. Hill1 got seven euros.", False),
        ("so so so so so so", True),
        ("山镇付给桥镇七欧元。山镇付给桥镇七欧元。", False),
        ("山山山山山山山山", True),
    ],
)
def test_a_loop_is_of_use_where_it_says_something(
    store: ConversationStore, said: str, *, is_failure: bool
) -> None:
    events = run(store, Ending(said, "loop"), TRANSLATE)
    assert any(isinstance(one, NotRead) for one in events) == is_failure


def test_short_memory_reads_one_by_one(store: ConversationStore) -> None:
    engine = ReadingEngine(says_some)

    def short(request: GenerationRequest) -> str | Exception:
        return OutOfMemory("too much") if len(engine.calls[-1]) > 1 else says_some(request)

    engine._answer = short
    events = run(store, engine, about("general/summarize"))
    assert [len(call) > 1 for call in engine.calls[:6]] == [True] + [False] * 5
    assert not [one for one in events if isinstance(one, NotRead)]
    assert sorted(set(numbers([one.messages[-1].content for call in engine.calls[1:] for one in call]))) == [
        *range(NUM)
    ]


@pytest.mark.parametrize("error", [OutOfMemory("too much"), EngineLost("killed")])
def test_what_ends_the_engine_ends_the_turn_and_the_parts_stay(
    store: ConversationStore, error: Exception
) -> None:
    engine = ReadingEngine(says_some)
    engine._answer = lambda request: error if len(engine.calls) > 1 else says_some(request)
    with pytest.raises(type(error)):
        run(store, engine, about("general/summarize"))
    read = len([one for call in engine.calls[:1] for one in call])
    again = ReadingEngine(says_some)
    events = run(store, again, about("general/summarize"))
    progress = next(one for one in events if isinstance(one, PartsProgress))
    assert progress.num_kept == read


def test_rounds_go_on_while_they_shrink_the_facts_and_end_where_they_do_not(store: ConversationStore) -> None:
    def steps(answers: Answer) -> tuple[int, list[TaskEvent]]:
        engine = ReadingEngine(answers)
        with closing(ConversationStore.in_memory()) as fresh:
            events = run(fresh, engine, about("general/summarize", "", document(240)))
        return sum("list of facts" in one for one in engine.asked), events

    num_shrinking, events = steps(
        lambda one: says_some(one) if "list of facts" in one.messages[-1].content else says_all(one)
    )
    num_stubborn, stubborn = steps(says_all)
    assert num_shrinking > 2
    assert 2 < num_stubborn <= num_shrinking, "one round, and what does not shrink is chosen by code"
    for found in (events, stubborn):
        assert numbers([reply(found)])
        totals = {one.total for one in found if isinstance(one, PartsProgress) and one.step == "reduce"}
        assert totals


def document(num_lines: int) -> Document:
    text = "".join(
        f"Town{one} paid {one * 7} euros to the party of hill{one}.\n\n" for one in range(num_lines)
    )
    return Document("towns.txt", text, len(text))


def test_stopped_among_the_parts_there_is_no_reply_and_in_the_last_step_a_stopped_one(
    store: ConversationStore,
) -> None:
    cancel = CancelToken()
    engine = ReadingEngine(says_some)

    def stops(request: GenerationRequest) -> str:
        if len(engine.calls) == 2:
            cancel.cancel()
        return says_some(request)

    engine._answer = stops
    events = run(store, engine, about("general/summarize"), cancel=cancel)
    assert isinstance(events[-1], ReadingStopped)
    assert events[-1].num_kept == len(engine.calls[0]) + 1
    assert len(engine.calls) == 2, "it stops within the step"
    cancel = CancelToken()

    def stops_last(request: GenerationRequest) -> str:
        if "list of facts" in request.messages[-1].content:
            cancel.cancel()
            return "cancelled"
        return says_some(request)

    reader = ReadingEngine(stops_last, 3000)
    events = run(store, reader, about("general/summarize"), ReadingWish(in_parts=True), cancel)
    (finished,) = [one for one in events if isinstance(one, TurnFinished)]
    assert finished.turn.reply.status == "stopped"


def test_parts_in_text_are_said_in_order_as_soon_as_all_before_are_there(
    store: ConversationStore, tmp_path: Path
) -> None:
    template = prompt(tmp_path, "long: {strategy: map}")
    engine = ReadingEngine(says_all)
    events = run(store, engine, replace(about("general/summarize"), prompt=template))
    assert numbers([reply(events)]) == [*range(NUM)]
    assert re.findall(r"Town(\d+)", reply(events)) == [str(one) for one in range(NUM)]
    kinds = [type(one) for one in events if isinstance(one, TextDelta | PartRead)]
    assert kinds[:4] == [PartRead, TextDelta, PartRead, TextDelta]


def test_each_unit_is_answered_by_itself(store: ConversationStore) -> None:
    text = Document("notes.txt", "one cat\ntwo dogs\n\nthree owls\n", 30)
    engine = ReadingEngine(lambda request: request.messages[-1].content.split("\n")[2].upper())
    events = run(store, engine, about("assistant/chat", "shout", text), ReadingWish(each="line"))
    assert reply(events) == "ONE CAT\nTWO DOGS\n\nTHREE OWLS"


def test_the_seed_does_not_depend_on_the_group(store: ConversationStore) -> None:
    engine = ReadingEngine(says_some)
    run(store, engine, replace(about("general/summarize"), settings={"seed": 5, "temperature": 1.0}))
    assert {request.sampling.seed for call in engine.calls for request in call} == {5}


def test_samples_are_of_the_last_step_alone(store: ConversationStore) -> None:
    question = replace(
        about("general/summarize"), wish=Wish(num_samples=3), settings={"temperature": 1.0, "seed": 1}
    )
    engine = ReadingEngine(says_some)
    events = run(store, engine, question)
    assert [request.num_samples for call in engine.calls for request in call][-1] == 3
    assert {request.num_samples for call in engine.calls[:-1] for request in call} == {1}
    assert sum(isinstance(one, TurnFinished) for one in events) == 3


CHOICES: list[tuple[str, str, ReadingWish | None, int, str | None]] = [
    ("assistant/chat", "summarize", None, 400, "map-reduce"),
    ("assistant/chat", "请总结这篇报告", None, 400, "map-reduce"),
    ("assistant/chat", "What are the key points?", None, 400, "map-reduce"),
    ("assistant/chat", "What’s this about?", None, 400, "map-reduce"),
    ("assistant/chat", "How much did Town3 pay?", None, 400, "retrieve"),
    ("assistant/chat", "summarize", None, 4000, None),
    ("assistant/chat", "How much did Town3 pay?", ReadingWish(in_parts=True), 4000, "map-reduce"),
    ("assistant/chat", "say it", ReadingWish(each="paragraph"), 4000, "map"),
    ("general/summarize", "", None, 400, "map-reduce"),
    ("general/summarize", "", ReadingWish(in_parts=True), 4000, "map-reduce"),
    ("general/translate", "", None, 400, "map"),
    ("general/answer", "Who?", None, 400, "retrieve"),
]


def chosen(store: ConversationStore, question: Question, wish: ReadingWish | None, ctx: int) -> str | None:
    engine = ReadingEngine(says_all, ctx)
    means = Means(engine, store, ChatSession(engine, store), {}, LIBRARY)
    composed = compose(question, replace(engine.describe(), can_constrain=True), {"max_tokens": 60})
    reading = choose_reading(composed, means, Target(), wish)
    return reading.strategy if reading else None


@pytest.mark.parametrize(("name", "text", "wish", "ctx", "strategy"), CHOICES)
def test_the_strategy_is_the_prompts_or_the_questions(
    store: ConversationStore, name: str, text: str, wish: ReadingWish | None, ctx: int, strategy: str | None
) -> None:
    values = {"to": "Chinese"} if name == "general/translate" else {}
    assert chosen(store, replace(about(name, text), values=values), wish, ctx) == strategy


def test_what_cannot_be_read_in_parts_is_refused_by_name(store: ConversationStore) -> None:
    def refused(
        change: Callable[[Question], Question], wish: ReadingWish | None = None, ctx: int = 400
    ) -> Exception:
        with pytest.raises((DoesNotFit, UsageError)) as caught:
            chosen(store, change(about("assistant/chat", "summarise")), wish, ctx)
        return caught.value

    fits = refused(
        lambda one: replace(one, prompt=LIBRARY.get("assistant/plan"), is_prompt_chosen=True), ctx=60
    )
    assert isinstance(fits, DoesNotFit)
    tiny = refused(lambda one: one, ctx=80)
    assert isinstance(tiny, DoesNotFit)
    assert (tiny.limit, tiny.num_tokens > 80) == (80, True)
    samples = refused(
        lambda one: replace(one, wish=Wish(num_samples=2), settings={"temperature": 1.0}),
        ReadingWish(each="line"),
    )
    assert "-n" in str(samples)
    blank = (Document("blank.txt", "\f\n \n", 4),)
    for documents, option in (((), "--in-parts"), (blank, "--in-parts"), (blank, "--each")):
        wish = ReadingWish(in_parts=option == "--in-parts", each="line" if option == "--each" else None)
        nothing = refused(lambda one, given=documents: replace(one, documents=given), wish)  # type: ignore[misc]  # given
        assert option in str(nothing)
