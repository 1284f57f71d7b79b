"""The same task again is known as the same, finds what its parts gave, and goes on where it was stopped."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.conversation import Document, Message, MessageNode
from chatterm.documents.chunks import Chunk
from chatterm.engine.base import CancelToken, SamplingParams
from chatterm.engine.echo import EchoEngine
from chatterm.errors import UnknownName
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession, TurnRequest
from chatterm.store import ConversationStore, PromptUse
from chatterm.store.driver import sqlite3
from chatterm.tasks import Question
from chatterm.tasks.answer_shape import Wish
from chatterm.tasks.means import Means, Target
from chatterm.tasks.reading.keeping import Kept, begin, round_key, task_key, unanswered

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
PARTS = (
    Chunk(document=0, name="a.txt", text="one\n", first_line=1, last_line=1),
    Chunk(document=0, name="a.txt", text="two\n", first_line=2, last_line=2, title_path=("2 Methods",)),
)
QUESTION = Question(
    text="what is it?", prompt=LIBRARY.get("general/summarize"), emergency_number="112",
    documents=(Document("a.txt", "one\ntwo\n", 8),),
)  # fmt: skip
CARD = EchoEngine().describe()
REQUEST = TurnRequest(
    messages=(Message("system", "be brief"), Message("user", "[a.txt: 2 lines]\n\nwhat is it?")),
    title="what is it?",
    prompt=PromptUse(id="general/summarize", version=1, sha256="ab", values={"length": "short"}),
)
TASK = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    opened = ConversationStore.open(tmp_path / "chatterm.db")
    yield opened
    opened.close()


def means(store: ConversationStore) -> Means:
    engine = EchoEngine(["an answer"])
    return Means(engine, store, ChatSession(engine, store))


def key(question: Question = QUESTION, parts: tuple[Chunk, ...] = PARTS, **changes: object) -> str:
    sampling = replace(SamplingParams(), **changes.pop("sampling", {}))  # type: ignore[arg-type]
    card = replace(CARD, **changes.pop("card", {}))  # type: ignore[arg-type]
    return task_key(question, parts, sampling=sampling, card=card, has_seed=False, **changes)


def test_the_same_task_has_the_same_key_and_tells_nothing_of_the_text() -> None:
    assert key() == key(replace(QUESTION))
    assert len(key()) == 64
    assert not set(key()) - set("0123456789abcdef")


@pytest.mark.parametrize(
    "other",
    [
        key(parts=PARTS[:1]),
        key(parts=(replace(PARTS[0], text="One\n"), PARTS[1])),
        key(parts=(replace(PARTS[0], name="b.txt"), PARTS[1])),
        key(parts=(replace(PARTS[0], head="| a |"), PARTS[1])),
        key(parts=(PARTS[0], replace(PARTS[1], title_path=()))),
        key(replace(QUESTION, text="what was it?")),
        key(replace(QUESTION, prompt=LIBRARY.get("general/keywords"))),
        key(replace(QUESTION, prompt=replace(QUESTION.prompt, sha256="cd"))),
        key(replace(QUESTION, values={"length": "long"})),
        key(replace(QUESTION, lang="zh")),
        key(replace(QUESTION, system="be brief")),
        key(replace(QUESTION, wish=Wish(choices=("yes", "no")))),
        round_key(key(), []),
        key(sampling={"temperature": 0.7}),
        key(sampling={"max_tokens": 10}),
        key(sampling={"stop": ("\n",)}),
        key(card={"identity": "sha256:other"}),
        key(card={"engine": "local"}),
        key(card={"context_length": 512}),
    ],
)  # fmt: skip
def test_whatever_shapes_a_parts_reply_makes_another_task(other: str) -> None:
    assert other != key()


@pytest.mark.parametrize(
    ("temperature", "is_given", "is_same"), [(0.2, True, False), (0.2, False, True), (0.0, True, True)]
)
def test_a_seed_counts_where_it_was_given_and_matters(
    *, temperature: float, is_given: bool, is_same: bool
) -> None:
    samplings = [SamplingParams(temperature=temperature, seed=seed) for seed in (1, 2)]
    keys = {task_key(QUESTION, PARTS, sampling=one, card=CARD, has_seed=is_given) for one in samplings}
    assert len(keys) == (1 if is_same else 2)


def test_a_later_step_is_the_same_where_it_reads_the_same() -> None:
    digests = [Document("facts", "1.[a.txt, line 1] one", 21), Document("facts", "two", 3)]
    assert round_key(key(), digests) == round_key(key(), list(digests))
    others = [round_key(key(), digests[:1]), round_key(key(), digests[::-1]), round_key(TASK, digests)]
    assert len({round_key(key(), digests), *others}) == 4


def test_what_a_part_gave_is_known_to_the_next_run(store: ConversationStore) -> None:
    question = begin(means(store), REQUEST, Target(), TASK, 2).question
    kept = Kept(store, question.conversation_id)
    assert kept.known(TASK) == {}
    assert kept.keep(TASK, 1, "second") is None
    again = Kept(store, "another conversation")
    assert again.known(TASK) == {1: "second"}
    assert Kept(store, "", reads_anew=True).known(TASK) == {}


def test_a_store_that_fails_is_told_of_once(store: ConversationStore, tmp_path: Path) -> None:
    cid = begin(means(store), REQUEST, Target(), TASK, 2).question.conversation_id
    kept = Kept(store, cid)
    with sqlite3.connect(tmp_path / "chatterm.db") as other:
        other.execute(
            "CREATE TRIGGER no BEFORE INSERT ON partial_result BEGIN SELECT RAISE(FAIL, 'no room'); END"
        )
    told = [kept.keep(TASK, position, "x") for position in range(3)]
    assert told[0] is not None
    assert "no room" in str(told[0].error)
    assert told[1:] == [None, None]
    with sqlite3.connect(tmp_path / "chatterm.db") as other:
        other.execute("DROP TRIGGER no")
    assert kept.keep(TASK, 3, "room again") is None
    assert kept.known(TASK) == {3: "room again"}
    assert Kept(store, "").keep(TASK, 0, "nowhere") is None
    store.close()
    assert kept.known(TASK) == {}


def answer(store: ConversationStore, question: MessageNode) -> MessageNode:
    """Let an engine answer, as the last step of a task does."""
    list(means(store).session.reply_to(REQUEST, CancelToken(), question_id=question.id))
    return store.children(question.id)[-1]


def test_a_question_without_an_answer_is_taken_up_again(store: ConversationStore) -> None:
    first = begin(means(store), REQUEST, Target(), TASK, 2)
    again = begin(means(store), REQUEST, Target(), TASK, 2)
    assert again.question == first.question
    assert store.task_details(first.question.id) == {
        "prompt": "general/summarize", "values": {"length": "short"}, "parts": 2,
    }  # fmt: skip
    assert len(store.conversations()) == 1
    assert begin(means(store), REQUEST, Target(), "cd" * 32, 2).question.id != first.question.id


def test_an_answered_question_is_asked_in_a_conversation_of_its_own(store: ConversationStore) -> None:
    first = begin(means(store), REQUEST, Target(), TASK, 2)
    answer(store, first.question)
    again = begin(means(store), REQUEST, Target(), TASK, 2)
    assert again.question.conversation_id != first.question.conversation_id
    assert unanswered(store, TASK, Target()) == again.question


@pytest.mark.parametrize(
    ("status", "is_resumed"),
    [("stopped", True), ("failed", True), ("interrupted", True), ("complete", False), ("streaming", False)],
)
def test_a_reply_that_was_not_finished_is_no_answer(
    store: ConversationStore, tmp_path: Path, status: str, *, is_resumed: bool
) -> None:
    question = begin(means(store), REQUEST, Target(), TASK, 2).question
    reply = answer(store, question)
    with sqlite3.connect(tmp_path / "chatterm.db") as other:
        other.create_function("searchable", 1, lambda text: text)
        other.execute("UPDATE message SET status = ? WHERE id = ?", (status, reply.id))
    if status == "streaming":  # by this process, which is alive
        assert store.node(reply.id).status == "streaming"
    assert (unanswered(store, TASK, Target()) is not None) == is_resumed


def test_a_conversation_that_went_on_is_left_alone(store: ConversationStore) -> None:
    question = begin(means(store), REQUEST, Target(), TASK, 2).question
    store.append(question.conversation_id, question.id, Message("user", "something else"))
    assert unanswered(store, TASK, Target()) is None


def test_a_later_question_is_taken_up_where_it_stands(store: ConversationStore) -> None:
    reply = answer(store, begin(means(store), REQUEST, Target(), "cd" * 32, 2).question)
    place = Target(conversation_id=reply.conversation_id, parent_id=reply.id)
    question = begin(means(store), REQUEST, place, TASK, 2).question
    assert unanswered(store, TASK, place) == question
    last = Target(conversation_id=reply.conversation_id, parent_id=question.id)
    assert unanswered(store, TASK, last) == question  # `-c` goes on below the last message, which is itself
    elsewhere = answer(store, begin(means(store), REQUEST, Target(), "ef" * 32, 2).question)
    other = Target(conversation_id=elsewhere.conversation_id, parent_id=elsewhere.id)
    assert unanswered(store, TASK, other) is None
    assert unanswered(store, TASK, Target()) is None


def test_editing_and_answering_again_take_up_their_own_questions(store: ConversationStore) -> None:
    old = begin(means(store), REQUEST, Target(), "cd" * 32, 2).question
    answer(store, old)
    edit = Target(kind="edit", conversation_id=old.conversation_id, message_id=old.id)
    edited = begin(means(store), REQUEST, edit, TASK, 2)
    assert store.alternatives(old.id) == (old.id, edited.question.id)
    assert begin(means(store), REQUEST, edit, TASK, 2).question == edited.question
    again = Target(kind="regenerate", conversation_id=old.conversation_id, message_id=old.id)
    assert begin(means(store), REQUEST, again, TASK, 2).question == old
    with pytest.raises(UnknownName):
        begin(means(store), REQUEST, replace(again, message_id="nobody"), TASK, 2)


def test_a_store_that_cannot_be_written_leaves_the_question_for_later(
    store: ConversationStore, tmp_path: Path
) -> None:
    place = begin(means(store), REQUEST, Target(), "cd" * 32, 2).question
    with sqlite3.connect(tmp_path / "chatterm.db") as other:
        other.execute("CREATE TRIGGER no BEFORE INSERT ON message BEGIN SELECT RAISE(FAIL, 'no room'); END")
    below = Target(conversation_id=place.conversation_id, parent_id=place.id)
    begun = begin(means(store), REQUEST, below, TASK, 2)
    assert begun.not_saved is not None
    assert begun.question.id == ""
    assert begun.question.message == REQUEST.question
    assert (begun.question.conversation_id, begun.question.parent_id) == (place.conversation_id, place.id)
    assert Kept(store, begun.question.id).keep(TASK, 0, "x") is None
