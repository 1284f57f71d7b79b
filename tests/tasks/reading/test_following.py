"""Going on after a document: what the model would not read of it is looked up, what fits stays as it is."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

import pytest

from chatterm.conversation import Document
from chatterm.engine.base import CancelToken, GenerationRequest, StreamEvent
from chatterm.engine.echo import EchoEngine
from chatterm.errors import UsageError
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession, TurnFinished, TurnStarted
from chatterm.store import ConversationStore
from chatterm.tasks import Question, choose_prompt, compose
from chatterm.tasks.answering import answer
from chatterm.tasks.means import Means, Target
from chatterm.tasks.question import Composed
from chatterm.tasks.reading.following import following_of, kept_words
from chatterm.tasks.reading.plan import ReadingWish, choose_reading

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
SHORT = Document("note.txt", "The ferry leaves at nine.\n", 26)
LONG = Document(
    "report.txt",
    "\n\n".join(f"Topic{number} costs {number} euros. " + "It is long. " * 12 for number in range(60)),
    9000,
)


class Reader(EchoEngine):
    """Keeps what it was asked last."""

    def __init__(self, context_length: int) -> None:
        super().__init__(["An answer."], context_length=context_length)
        self.last: tuple[str, ...] = ()

    def stream(self, requests: Sequence[GenerationRequest], cancel: CancelToken) -> Generator[StreamEvent]:
        self.last = tuple(message.content for message in requests[-1].messages)
        yield from super().stream(requests, cancel)


class Talk:
    """A conversation that goes on below its last message."""

    def __init__(self, store: ConversationStore, context_length: int = 600) -> None:
        self.engine = Reader(context_length)
        self.means = Means(self.engine, store, ChatSession(self.engine, store), {}, LIBRARY)
        self.target = Target()

    def composed(self, text: str, *documents: Document) -> Composed:
        question = Question(
            text=text,
            documents=documents,
            prompt=choose_prompt(LIBRARY, None, has_text=bool(text)),
            emergency_number="112",
            continues=self.target.parent_id is not None,
        )
        return compose(question, self.engine.describe(), {"max_tokens": 50})

    def ask(self, text: str, *documents: Document, wish: ReadingWish | None = None) -> TurnStarted:
        composed = self.composed(text, *documents)
        reading = choose_reading(composed, self.means, self.target, wish)
        events = list(answer(composed, reading, self.means, self.target, CancelToken()))
        (finished,) = [event for event in events if isinstance(event, TurnFinished)]
        reply = finished.turn.reply
        self.target = Target(conversation_id=reply.conversation_id, parent_id=reply.id)
        return next(event for event in events if isinstance(event, TurnStarted))


def test_a_document_that_fits_stays_in_the_history(store: ConversationStore) -> None:
    talk = Talk(store)
    talk.ask("When?", SHORT)
    assert choose_reading(talk.composed("Sure?"), talk.means, talk.target) is None
    talk.ask("Sure?")
    assert "The ferry leaves at nine." in talk.engine.last[1]
    assert talk.engine.last[-1] == "Sure?"


def test_of_a_document_that_was_read_in_parts_passages_are_looked_up(store: ConversationStore) -> None:
    talk = Talk(store)
    talk.ask("What does topic7 cost?", LONG)
    started = talk.ask("And topic41?")
    assert "Topic41 costs 41 euros" in talk.engine.last[-1]
    assert "Topic12 costs" not in talk.engine.last[-1]
    assert "What does topic7 cost?" in "".join(talk.engine.last[:-1])
    assert store.node(started.question.id).message.content == "And topic41?"
    assert store.attachments(started.question.id) == ()
    talk.ask("And topic23?")
    assert "Topic23 costs 23 euros" in talk.engine.last[-1]


def test_what_has_nothing_to_do_with_it_is_answered_without_it(store: ConversationStore) -> None:
    talk = Talk(store)
    talk.ask("What does topic7 cost?", LONG)
    talk.ask("Grazie mille!")
    assert talk.engine.last[-1] == "Grazie mille!"


def test_a_document_that_no_longer_fits_is_looked_up_and_its_turn_stays(store: ConversationStore) -> None:
    talk = Talk(store, context_length=4000)
    talk.ask("What does topic7 cost?", LONG)
    assert "Topic59" in talk.engine.last[-1]
    smaller = Talk(store)
    smaller.target = talk.target
    started = smaller.ask("And topic41?")
    assert started.num_dropped_turns == 0
    history = smaller.engine.last[1]
    assert history == "[report.txt: 119 lines]\n\nWhat does topic7 cost?"
    assert "Topic41 costs 41 euros" in smaller.engine.last[-1]


def test_a_document_whose_question_got_no_answer_is_looked_up(store: ConversationStore) -> None:
    talk = Talk(store)
    composed = talk.composed("When?", SHORT)
    question = talk.means.session.keep_question(composed.request)
    below = Target(conversation_id=question.conversation_id, parent_id=question.id)
    following = following_of(talk.composed("And?"), talk.means, below)
    assert [document.text for document in following.documents] == [SHORT.text]


def test_each_document_is_looked_up_once_and_those_that_fit_not_at_all(store: ConversationStore) -> None:
    talk = Talk(store, context_length=1200)
    talk.ask("What does topic7 cost?", LONG)
    talk.ask("And topic8?", LONG)
    talk.ask("When does the ferry leave?", SHORT)
    following = following_of(talk.composed("And?"), talk.means, talk.target)
    assert [document.name for document in following.documents] == ["report.txt"]
    everything = following_of(talk.composed("And?"), talk.means, talk.target, all_of_them=True)
    assert [document.name for document in everything.documents] == ["report.txt", "note.txt"]


def test_all_of_it_is_read_again_for_a_summary_and_what_fits_where_that_is_wished_for(
    store: ConversationStore,
) -> None:
    talk = Talk(store, context_length=4000)
    talk.ask("What does topic7 cost?", LONG)
    composed = talk.composed("And topic41?")
    assert choose_reading(composed, talk.means, talk.target) is None
    reading = choose_reading(composed, talk.means, talk.target, ReadingWish(in_parts=True))
    assert reading
    assert reading.question.documents == (replace(LONG, num_bytes=len(LONG.text)),)
    talk.engine = Reader(600)
    talk.means = Means(talk.engine, store, ChatSession(talk.engine, store), {}, LIBRARY)
    reading = choose_reading(talk.composed("Give me a summary."), talk.means, talk.target)
    assert reading
    assert reading.strategy == "map-reduce"
    with pytest.raises(UsageError, match="there is none"):
        choose_reading(composed, talk.means, Target(), ReadingWish(in_parts=True))


def test_a_blank_document_is_nothing_to_go_on_with(store: ConversationStore) -> None:
    talk = Talk(store)
    talk.ask("When?", Document("blank.txt", "\n", 1))
    with pytest.raises(UsageError, match="there is none"):
        choose_reading(talk.composed("And?"), talk.means, talk.target, ReadingWish(in_parts=True))


def test_documents_come_along_into_another_database(store: ConversationStore) -> None:
    talk = Talk(store)
    talk.ask("What does topic7 cost?", LONG)
    with closing(ConversationStore.in_memory()) as elsewhere:
        elsewhere.add_whole([store.whole(str(talk.target.conversation_id))])
        there = Talk(elsewhere)
        there.target = talk.target
        there.ask("And topic41?")
        assert "Topic41 costs 41 euros" in there.engine.last[-1]


def test_editing_and_answering_again_look_above_their_question(store: ConversationStore) -> None:
    talk = Talk(store)
    first = talk.ask("What does topic7 cost?", LONG)
    second = talk.ask("And topic41?")
    for kind in ("edit", "regenerate"):
        target = replace(talk.target, kind=kind, parent_id=None, message_id=second.question.id)
        assert following_of(talk.composed("And?"), talk.means, target).documents
        target = replace(target, message_id=first.question.id)
        assert not following_of(talk.composed("And?"), talk.means, target).documents


def test_a_question_is_answered_again_from_its_documents_though_they_fit_by_now(
    store: ConversationStore,
) -> None:
    talk = Talk(store)
    started = talk.ask("What does topic7 cost?", LONG)
    wider = Talk(store, context_length=4000)
    wider.target = Target(
        kind="regenerate", conversation_id=started.question.conversation_id, message_id=started.question.id
    )
    wider.ask("What does topic7 cost?", LONG)
    assert LONG.text in wider.engine.last[-1]
    assert len(store.children(started.question.id)) == 2
    assert store.node(started.question.id) == started.question


@pytest.mark.parametrize(("context_length", "strategy"), [(600, "retrieve"), (4000, None)])
def test_a_reply_from_parts_is_not_continued_but_given_again(
    store: ConversationStore, context_length: int, strategy: str | None
) -> None:
    started = Talk(store).ask("What does topic7 cost?", LONG)
    talk = Talk(store, context_length)
    talk.target = Target(
        kind="continue", conversation_id=started.question.conversation_id, message_id=started.reply.id
    )
    reading = choose_reading(talk.composed("What does topic7 cost?", LONG), talk.means, talk.target)
    assert (reading.strategy if reading else None) == strategy
    again = talk.ask("What does topic7 cost?", LONG)
    assert again.reply.message.content == ""
    assert again.question.id == started.question.id
    assert "Topic7 costs 7 euros" in talk.engine.last[-1]


def test_a_reply_about_a_document_in_its_question_is_continued(store: ConversationStore) -> None:
    talk = Talk(store)
    started = talk.ask("When?", SHORT)
    talk.target = Target(
        kind="continue", conversation_id=started.question.conversation_id, message_id=started.reply.id
    )
    assert talk.ask("When?", SHORT).reply.message.content == "An answer."


def test_a_question_is_kept_with_the_names_of_its_documents() -> None:
    kept = kept_words((SHORT, LONG), " When?\n")
    assert kept.content == "[note.txt: 1 line]\n[report.txt: 119 lines]\n\nWhen?"


def test_a_conversation_without_documents_goes_on_as_it_is(store: ConversationStore) -> None:
    talk = Talk(store)
    talk.ask("Hello.")
    assert following_of(talk.composed("And?"), talk.means, talk.target).documents == ()
    assert following_of(talk.composed("And?"), talk.means, Target()).documents == ()
