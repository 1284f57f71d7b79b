"""The prompts in the checkout's own prompts/ folder keep the rules that every shipped prompt is under."""

import pytest

from chatterm.conversation import ModelCard
from chatterm.engine.base import JsonSchema
from chatterm.errors import UnknownName
from chatterm.prompts import PromptFolder, PromptLibrary, PromptTemplate, render
from chatterm.prompts.aliases import ALIASES
from chatterm.prompts.check import check
from chatterm.prompts.header import GUARDS
from chatterm.prompts.language import script_language
from chatterm.prompts.schema import constraint_text
from chatterm.resources import shipped_prompts
from tests.prompts.files import card

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
IDS = LIBRARY.names()
LANGUAGES = ("en", "zh")

CARDS = [
    card(),
    card(has_system_role=False),
    card(has_system_role=False, has_chat_template=False),
    card(1_000_000_000),
    card(None),
]


def test_every_domain_of_the_first_version_has_a_prompt() -> None:
    assert {prompt_id.partition("/")[0] for prompt_id in IDS} >= {*GUARDS, "general", "assistant"}


@pytest.mark.parametrize("prompt_id", IDS)
def test_a_shipped_prompt_checks_clean(prompt_id: str) -> None:
    findings = check(LIBRARY.get(prompt_id))
    assert [str(one) for one in findings if one.severity != "info"] == []
    kept = {"long", "verify", "@@"}
    assert {one.message.split()[0].partition(".")[0] for one in findings} <= {*kept, "output"}


@pytest.mark.parametrize("prompt_id", IDS)
def test_a_shipped_prompt_speaks_both_languages_and_says_what_it_cannot_do(prompt_id: str) -> None:
    template = LIBRARY.get(prompt_id)
    header = template.header
    assert header.languages == LANGUAGES
    for lang in LANGUAGES:
        assert header.title[lang] != ""
        assert header.purpose[lang] != ""
        assert len(template.note(lang)) > 50
        assert sum(one.lang == lang for one in header.tests) >= 3
        assert script_language(template.note(lang)) == lang


@pytest.mark.parametrize(
    "model", CARDS, ids=["tiny", "no system role", "base model", "small", "unknown size"]
)
@pytest.mark.parametrize("prompt_id", IDS)
def test_every_test_of_a_shipped_prompt_renders_for_every_kind_of_model(
    prompt_id: str, model: ModelCard
) -> None:
    template = LIBRARY.get(prompt_id)
    for case in template.header.tests:
        values = dict(case.inputs)
        choices = [spec.name for spec in template.header.inputs if spec.type == "enum"]
        document = values.pop("document", "")
        rendered = render(
            template, values=values, documents=document, question="", lang=case.lang, card=model
        )
        assert [message.role for message in rendered.messages[:2]] == ["system", "user"]
        assert all(
            value in rendered.messages[-1].content
            for name, value in (("document", document), *values.items())
            if name not in choices
        )
        assert script_language(rendered.messages[0].content) == case.lang
        assert rendered.reference.id == prompt_id
        assert "{{" not in "".join(message.content for message in rendered.messages)


def words(template: PromptTemplate, question: str, documents: str = "") -> list[tuple[str, str]]:
    rendered = render(template, values={}, documents=documents, question=question, lang=None, card=card(None))
    return [(message.role, message.content) for message in rendered.messages]


def test_a_plain_question_costs_one_short_system_text() -> None:
    (system, user) = words(LIBRARY.get("assistant/chat"), "What is photosynthesis?")
    assert user == ("user", "What is photosynthesis?")
    assert system[0] == "system"
    assert len(system[1].split()) <= 16


def test_a_document_stands_before_the_question() -> None:
    for name in ("chat", "statement-explain"):
        *_, (role, text) = words(LIBRARY.get(name), "What is this?", "[x]\n```\na\n```")
        assert role == "user"
        assert text.startswith("[x]\n```\na\n```\n\n")
        assert text.endswith("What is this?")


def test_a_document_alone_is_summarised() -> None:
    *_, (role, text) = words(LIBRARY.get("tldr"), "", "[x]\n```\na\n```")
    assert role == "user"
    assert "three most important facts" in text


def test_aliases_lead_to_prompts_or_to_the_nearest_name() -> None:
    for alias, prompt_id in ALIASES.items():
        if prompt_id in IDS:
            assert LIBRARY.get(alias).id == prompt_id
        else:
            with pytest.raises(UnknownName):
                LIBRARY.get(alias)


@pytest.mark.parametrize("prompt_id", IDS)
def test_a_shipped_prompt_that_is_held_to_a_form_shows_and_begins_it(prompt_id: str) -> None:
    template = LIBRARY.get(prompt_id)
    output = template.header.output
    if output.schema is None:
        return
    JsonSchema(constraint_text(output.schema))
    for lang in LANGUAGES:
        case = next(one for one in template.header.tests if one.lang == lang)
        values = dict(case.inputs)
        document = values.pop("document", "")
        rendered = render(
            template,
            values=values,
            documents=document,
            question="",
            lang=lang,
            card=card(1_000_000_000),
        )
        answers = [message.content for message in rendered.messages if message.role == "assistant"]
        assert answers, "small models need to see the form"
        assert all(answer.startswith(rendered.prefill) for answer in answers)


def test_sentiment_has_labels_for_every_number_of_levels() -> None:
    labels = LIBRARY.get("sentiment").header.output.labels
    assert labels is not None
    for lang in LANGUAGES:
        assert [len(labels.of(lang, {"labels": number})) for number in ("2", "3", "5")] == [2, 3, 5]
