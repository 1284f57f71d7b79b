"""The prompts in the checkout's own prompts/ folder keep the rules that every shipped prompt is under."""

import pytest

from chatterm.conversation import ModelCard
from chatterm.engine.base import JsonSchema
from chatterm.errors import UnknownName
from chatterm.prompts import PromptFolder, PromptLibrary, PromptTemplate, RenderedPrompt, render
from chatterm.prompts.aliases import ALIASES
from chatterm.prompts.check import check
from chatterm.prompts.expectations import PromptTest
from chatterm.prompts.header import GUARDS, TIERS
from chatterm.prompts.language import script_language
from chatterm.prompts.schema import constraint_text
from chatterm.resources import shipped_prompts
from tests.prompts.files import card

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
IDS = LIBRARY.names()
LANGUAGES = ("en", "zh")

CARDS = {
    "tiny": card(),
    "no system role": card(has_system_role=False),
    "base model": card(has_system_role=False, has_chat_template=False),
    "small": card(1_000_000_000),
    "medium": card(3_000_000_000),
    "large": card(8_000_000_000),
    "unknown size": card(None),
}
TEMPLATES = {prompt_id: LIBRARY.get(prompt_id) for prompt_id in IDS}


def test_the_library_is_whole() -> None:
    assert len(IDS) == 48
    assert {prompt_id.partition("/")[0] for prompt_id in IDS} == {
        *GUARDS,
        *("general", "code", "assistant", "writing"),
    }


@pytest.mark.parametrize("prompt_id", IDS)
def test_a_shipped_prompt_checks_clean(prompt_id: str) -> None:
    assert [str(one) for one in check(TEMPLATES[prompt_id])] == []


@pytest.mark.parametrize("prompt_id", IDS)
def test_a_shipped_prompt_speaks_both_languages_and_says_what_it_cannot_do(prompt_id: str) -> None:
    template = TEMPLATES[prompt_id]
    header = template.header
    assert header.languages == LANGUAGES
    for lang in LANGUAGES:
        assert header.title[lang] != ""
        assert header.purpose[lang] != ""
        assert len(template.note(lang)) > 50
        assert sum(one.lang == lang for one in header.tests) >= 3
        assert script_language(template.note(lang)) == lang


def rendered_test(template: PromptTemplate, case: PromptTest, model: ModelCard) -> RenderedPrompt:
    """A test's inputs as the prompt's messages; the document bare, without its fence."""
    values = dict(case.inputs)
    document = template.header.document_input
    text = values.pop(document.name, "") if document else ""
    return render(template, values=values, documents=text, question="", lang=case.lang, card=model)


@pytest.mark.parametrize("shape", CARDS)
@pytest.mark.parametrize("prompt_id", IDS)
def test_every_test_of_a_shipped_prompt_renders_for_every_kind_of_model(prompt_id: str, shape: str) -> None:
    template, model = TEMPLATES[prompt_id], CARDS[shape]
    labels = template.header.output.labels
    scored = {labels.source} if labels else set()  # a label may be tried without having been named
    written_out = {spec.name for spec in template.header.inputs if spec.type not in ("enum", "bool")}
    for case in template.header.tests:
        rendered = rendered_test(template, case, model)
        assert [message.role for message in rendered.messages[:2]] == ["system", "user"]
        text = "\n".join(message.content for message in rendered.messages)
        assert all(value in text for name, value in case.inputs.items() if name in written_out - scored)
        assert script_language(rendered.messages[0].content) == case.lang
        assert rendered.reference.id == prompt_id
        assert "{{" not in text.replace(case.inputs.get("skeleton", "{{"), "")
        num_examples = len(template.examples_for(case.lang, model.tier))
        assert len(rendered.messages) == 2 + 2 * num_examples
        is_below = TIERS.index(model.tier) < TIERS.index(template.header.min_tier)
        assert any("expect errors" in notice for notice in rendered.notices) == is_below


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


def test_aliases_in_both_languages_lead_to_prompts() -> None:
    assert set(ALIASES.values()) <= set(IDS)
    for alias, prompt_id in ALIASES.items():
        assert LIBRARY.versions(alias)[0].id == prompt_id
    aliased_in_chinese = {prompt_id for alias, prompt_id in ALIASES.items() if not alias.isascii()}
    assert aliased_in_chinese == set(IDS)


def test_a_bare_name_that_two_prompts_have_asks_for_the_whole_one() -> None:
    with pytest.raises(UnknownName, match="legal/case-brief, medical/case-brief"):
        LIBRARY.get("case-brief")


@pytest.mark.parametrize("prompt_id", IDS)
def test_a_shipped_prompt_that_is_held_to_a_form_shows_and_begins_it(prompt_id: str) -> None:
    template = TEMPLATES[prompt_id]
    output = template.header.output
    if output.schema is None:
        return
    JsonSchema(constraint_text(output.schema))
    for lang in LANGUAGES:
        case = next(one for one in template.header.tests if one.lang == lang)
        rendered = rendered_test(template, case, CARDS["small"])
        answers = [message.content for message in rendered.messages if message.role == "assistant"]
        assert answers, "small models need to see the form"
        assert all(answer.startswith(rendered.prefill) for answer in answers)


def test_sentiment_has_labels_for_every_number_of_levels() -> None:
    labels = LIBRARY.get("sentiment").header.output.labels
    assert labels is not None
    for lang in LANGUAGES:
        assert [len(labels.of(lang, {"labels": number})) for number in ("2", "3", "5")] == [2, 3, 5]
