"""A question shaped by a prompt: who wins among settings, which system message, what is told."""

from dataclasses import replace

import pytest

from chatterm.conversation import Document, Message, ModelCard
from chatterm.errors import UsageError
from chatterm.prompts import MissingInput, PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.tasks import Question, choose_prompt, compose, sampling_params

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
CARD = ModelCard(name="m", identity="m", context_length=2048, num_parameters=8 * 10**9)
LETTER = Document("letter.txt", "Take 5 mg daily. Chest pain on 3 May.\n", 40, ("letter.txt: guessed",))


def asked(text: str = "", *, prompt: str | None = None, continues: bool = False) -> Question:
    return Question(
        text=text,
        prompt=choose_prompt(LIBRARY, prompt, has_text=bool(text)),
        is_prompt_chosen=prompt is not None,
        emergency_number="112",
        continues=continues,
    )


def roles(question: Question) -> list[str]:
    return [message.role for message in compose(question, CARD, {}).request.messages]


def test_a_plain_question_is_shaped_by_the_default_conversation() -> None:
    composed = compose(asked("why?"), CARD, {})
    assert composed.request.messages[-1] == Message("user", "why?")
    assert composed.request.prompt is not None
    assert composed.request.prompt.id == "assistant/chat"
    assert composed.request.title == "why?"


def test_a_document_alone_is_summarised() -> None:
    composed = compose(replace(asked(), documents=(LETTER,)), CARD, {})
    assert composed.request.prompt is not None
    assert composed.request.prompt.id == "general/summarize"
    assert LETTER.text.strip() in composed.request.question.content
    assert composed.request.title == "letter.txt"
    assert "letter.txt: guessed" in composed.notices


@pytest.mark.parametrize(
    ("question", "system"),
    [
        (asked("x"), True),
        (asked("x", continues=True), False),
        (replace(asked("x", continues=True), system="own"), True),
        (asked("x", prompt="assistant/chat", continues=True), True),
    ],
)
def test_a_system_message_is_given_where_a_new_one_is_due(question: Question, system: bool) -> None:
    assert ("system" in roles(question)) == system


def test_the_users_system_message_replaces_the_defaults_and_follows_a_chosen_prompts() -> None:
    def system(question: Question) -> str:
        message = compose(question, CARD, {}).request.system
        return message.content if message else ""

    assert system(replace(asked("x"), system="own")) == "own"
    chosen = system(replace(asked("x", prompt="assistant/chat"), system="own"))
    assert chosen.endswith("\n\nown")
    assert len(chosen) > len("\n\nown")


def test_the_users_settings_win_over_the_prompts_and_these_over_the_configuration() -> None:
    question = replace(asked(), documents=(LETTER,))
    configured = {"temperature": 1.0, "top_k": 5, "model": "x"}
    sampling = compose(question, CARD, configured).request.sampling
    assert (sampling.temperature, sampling.top_k) == (0, 5)
    sampling = compose(replace(question, settings={"temperature": 0.5}), CARD, configured).request.sampling
    assert sampling.temperature == 0.5


def test_each_reply_draws_a_seed_unless_one_is_given() -> None:
    assert sampling_params({}).seed != sampling_params({}).seed
    assert sampling_params({"seed": 5}, {}).seed == 5
    assert sampling_params({"stop": ["a"]}).stop == ("a",)
    with pytest.raises(UsageError, match="seed"):
        sampling_params({"seed": -1})


def test_nothing_to_answer_is_an_error() -> None:
    with pytest.raises(UsageError, match="nothing"):
        compose(asked(" \n", prompt="assistant/chat"), CARD, {})
    with pytest.raises(MissingInput):
        compose(asked("", prompt="general/summarize"), CARD, {})


def test_red_flags_are_sought_in_the_users_words_and_never_in_a_document() -> None:
    letter = replace(asked(prompt="medical/plain-summary"), documents=(LETTER,))
    composed = compose(letter, CARD, {})
    assert not any("112" in notice for notice in composed.notices)
    assert composed.checks.packs == ("medical",)
    assert composed.checks.sources == (LETTER.text,)


def test_words_that_become_the_document_are_the_title_too() -> None:
    assert (
        compose(asked("I loved the film", prompt="sentiment"), CARD, {}).request.title == "I loved the film"
    )


def test_a_title_has_room_for_what_is_asked_behind_the_courtesies() -> None:
    words = "Good morning, could you please tell me how the tides of the North Sea come about?"
    assert (
        compose(asked(words), CARD, {}).request.title == "Tell me how the tides of the North Sea come about?"
    )


def test_a_long_title_ends_in_an_ellipsis() -> None:
    title = compose(asked("word " * 50), CARD, {}).request.title
    assert len(title) <= 60
    assert title.endswith("word…")
