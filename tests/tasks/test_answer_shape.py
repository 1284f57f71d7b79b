"""What form an answer gets, by the prompt, by what the user asks for, and by what the engine can do."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.conversation import Document, ModelCard
from chatterm.engine.base import CancelToken, Choices, JsonSchema
from chatterm.engine.echo import EchoEngine
from chatterm.errors import Unsupported, UsageError
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession, TurnFinished
from chatterm.store import ConversationStore
from chatterm.tasks import Composed, Question, compose
from chatterm.tasks.answer_shape import BLANKS, Wish, before_label
from chatterm.tasks.schemas import read_answer_schema

CARD = ModelCard(name="m", identity="m", context_length=8192, num_parameters=10**8)
NO_SCORES = replace(CARD, can_score=False)
NOTHING = replace(NO_SCORES, can_constrain=False)


def asked(
    prompt: str = "assistant/chat",
    text: str = "",
    *,
    document: str = "",
    card: ModelCard = CARD,
    values: dict[str, str] | None = None,
    lang: str | None = None,
    continues: bool = False,
    **wish: object,
) -> Composed:
    library = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
    question = Question(
        text=text,
        documents=(Document("d.txt", document, len(document)),) if document else (),
        prompt=library.get(prompt),
        is_prompt_chosen=prompt != "assistant/chat",
        values=values or {},
        lang=lang,
        emergency_number="112",
        continues=continues,
        wish=Wish(**wish),  # type: ignore[arg-type]  # by field name
    )
    return compose(question, card, {"temperature": 0.5, "seed": 1})


def test_a_prompt_with_labels_is_scored_against_texts_that_say_nothing() -> None:
    request = asked("general/sentiment", document="I loved it.").request
    assert request.scoring is not None
    assert request.scoring.labels == ("negative", "positive")
    assert request.scoring.prefill.endswith("a "), "a word before a label is parted from it"
    assert request.prefill == ""
    assert len(request.scoring.blanks) == len(BLANKS["en"])
    for blank, text in zip(request.scoring.blanks, BLANKS["en"], strict=True):
        assert blank == request.question.content.replace("I loved it.", text)
    chinese = asked("general/sentiment", document="很好看。", values={"labels": "3"}).request.scoring
    assert chinese is not None
    assert chinese.labels == ("负面", "中性", "正面")
    assert not chinese.prefill.endswith(" ")


def test_several_labels_may_apply_where_the_user_says_so() -> None:
    for multi in ("yes", "no"):
        values = {"labels": "a, b, c", "multi": multi}
        scoring = asked("general/classify", document="x", values=values).request.scoring
        assert scoring is not None
        assert scoring.is_multi == (multi == "yes")


def test_choices_are_named_to_the_model_and_scored() -> None:
    request = asked(text="Is it?", choices=("yes", "no")).request
    assert request.question.content.endswith("Answer with one of: yes, no.")
    assert request.scoring is not None
    assert all(blank.endswith("Answer with one of: yes, no.") for blank in request.scoring.blanks)
    assert not any("Is it?" in blank for blank in request.scoring.blanks)
    about = asked(text="Is it?", document="A text.", choices=("yes", "no")).request.scoring
    assert about is not None
    assert all("Is it?" in blank and "A text." not in blank for blank in about.blanks)
    assert asked(text="是吗？", choices=("是", "否")).request.question.content.endswith(
        "只回答下列之一：是、否。"
    )


def test_words_are_the_document_where_the_prompt_has_no_place_for_a_question() -> None:
    request = asked("general/sentiment", "I loved it.").request
    assert "I loved it." in request.question.content
    assert request.scoring is not None
    assert not any("loved" in blank for blank in request.scoring.blanks)


def test_an_engine_without_probabilities_chooses_or_says_that_it_cannot() -> None:
    chosen = asked("general/sentiment", document="x", card=NO_SCORES)
    assert chosen.request.scoring is None
    assert isinstance(chosen.request.constraint, Choices)
    assert all(one.startswith(chosen.request.prefill) for one in chosen.request.constraint.options)
    assert "not calibrated" in chosen.notices[-1]
    free = asked("general/sentiment", document="x", card=NOTHING)
    assert (free.request.scoring, free.request.constraint) == (None, None)
    assert "free text" in free.notices[-1]
    assert "one of: negative, positive" in free.request.question.content
    with pytest.raises(Unsupported, match="--choices"):
        asked(text="x", choices=("a", "b"), card=NOTHING)
    with pytest.raises(Unsupported, match="--schema"):
        asked(text="x", schema=read_answer_schema("a"), card=NOTHING)


def test_a_prompt_with_a_schema_is_held_to_it() -> None:
    held = asked("medical/lab-explain", document="LDL 171 (ref <130)")
    assert isinstance(held.request.constraint, JsonSchema)
    assert '"copy"' not in held.request.constraint.schema
    assert held.output.computed
    free = asked("medical/lab-explain", document="LDL 171 (ref <130)", card=NOTHING)
    assert free.request.constraint is None
    assert any("schema" in notice for notice in free.notices)


def test_a_schema_of_the_users_own_replaces_examples_and_first_words() -> None:
    shaped = asked("medical/lab-explain", document="LDL 171", schema=read_answer_schema("test, value"))
    assert [message.role for message in shaped.request.messages] == ["system", "user"]
    assert shaped.request.prefill == ""
    assert shaped.request.question.content.endswith("Answer in JSON with these fields: test, value.")
    assert not shaped.output.computed


def test_wishes_that_do_not_go_together_are_refused() -> None:
    schema = read_answer_schema("a")
    with pytest.raises(UsageError, match="leave one out"):
        asked(text="x", choices=("a", "b"), schema=schema)
    with pytest.raises(UsageError, match="labels of its own: negative, positive"):
        asked("general/sentiment", document="x", choices=("a", "b"))
    with pytest.raises(UsageError, match="leave out -n"):
        asked(text="x", choices=("a", "b"), num_samples=2)
    with pytest.raises(UsageError, match="1 to 100 samples, found 0"):
        asked(text="x", num_samples=0)
    with pytest.raises(UsageError, match="found 101"):
        asked(text="x", num_samples=101)


def test_samples_at_temperature_0_would_all_be_alike() -> None:
    assert asked(text="x", num_samples=3).request.num_samples == 3
    with pytest.raises(UsageError, match=r"--temperature 0\.8"):
        asked("general/summarize", document="x", num_samples=2)


@pytest.mark.parametrize(
    ("prefill", "expected"),
    [
        ("", ""),
        ("It is a", "It is a "),
        ("Label:", "Label: "),
        ('It is "', 'It is "'),
        ("上文是", "上文是"),
        ("a ", "a "),
    ],
)
def test_a_label_is_parted_from_the_words_before_it(prefill: str, expected: str) -> None:
    assert before_label(prefill) == expected


def test_a_prompt_in_a_conversation_brings_examples_and_first_words_but_not_its_neighbours(
    tmp_path: Path,
) -> None:
    tiny = asked("medical/lab-explain", document="LDL 171", continues=True)
    roles = [message.role for message in tiny.request.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"], "two shots for this tier"
    assert tiny.request.prefill
    assert tiny.request.sampling.temperature == 0
    assert any("made for models of" in notice for notice in tiny.notices)
    with closing(ConversationStore.open(tmp_path / "c.db")) as store:
        session = ChatSession(EchoEngine(), store)
        last = None
        for _ in range(2):
            place = (last.conversation_id, last.id) if last else (None, None)
            events = session.send(
                replace(tiny.request, constraint=None),
                CancelToken(),
                conversation_id=place[0],
                parent_id=place[1],
            )
            last = next(event.turn.reply for event in events if isinstance(event, TurnFinished))
        assert last is not None
        kept = [node.message.role for node in store.path(last.conversation_id)]
    assert kept.count("user") == 2, "examples are sent with each turn, and kept with none"
