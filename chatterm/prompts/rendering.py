"""A prompt template and values become messages. Pure: what depends on the model is read from its card."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chatterm.conversation import Message, ModelCard
from chatterm.errors import PromptError, UnknownName
from chatterm.prompts.header import TIERS, SamplingValue
from chatterm.prompts.inputs import InputSpec, Value, read_value
from chatterm.prompts.language import script_language
from chatterm.prompts.problems import MissingInput
from chatterm.prompts.prompt_text import fill
from chatterm.prompts.sections import SectionKind
from chatterm.prompts.sizes import BILLIONS
from chatterm.prompts.template import PromptTemplate

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReference:
    """Which prompt a reply came from, to be stored with it."""

    id: str
    version: int
    sha256: str
    """Of the prompt's file."""
    lang: str
    values: Mapping[str, str]
    """As given, without documents; inputs left at their default are not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPrompt:
    """What goes to the session: messages in order, the last one the user's."""

    messages: tuple[Message, ...]
    prefill: str
    sampling: Mapping[str, SamplingValue]
    """Only what the prompt sets, by the names of SamplingParams."""
    reference: PromptReference
    notices: tuple[str, ...]
    labels: tuple[str, ...] = ()
    """Of a closed answer; empty for others."""
    allows_several: bool = False
    """More than one of the labels may apply."""


def render(
    template: PromptTemplate,
    *,
    values: Mapping[str, str],
    documents: str,
    question: str,
    lang: str | None,
    card: ModelCard,
) -> RenderedPrompt:
    """Fill a prompt in.

    `documents` is the text of the documents as they stand in a message (fenced by the caller), empty
    for none; `question` the user's free words, which go to the input `question`, else to the first
    text input without a value. `lang` is what the user asked for; None: the script of the documents,
    else of the words given, else the first language of the prompt.

    Raises MissingInput, UnknownName (an input or a language the prompt does not have), PromptError (a
    value of the wrong kind, or given twice, or more than the prompt takes), InputRefused (too long).
    """
    given = _assigned(template, {key: _sound(value) for key, value in values.items()}, documents, question)
    filled = {spec.name: _value(template, spec, given.get(spec.name)) for spec in template.header.inputs}
    lang = _language(template, lang, given)
    texts = {kind: _text(template, kind, lang, filled) for kind in ("system", "user", "prefill")}
    document, labels = template.header.document_input, template.header.output.labels
    kept = {key: value for key, value in given.items() if document is None or key != document.name}
    return RenderedPrompt(
        messages=_messages(template, texts["system"][0], texts["user"][0], lang, card),
        prefill=texts["prefill"][0],
        sampling=template.header.sampling,
        reference=PromptReference(
            id=template.id,
            version=template.header.version,
            sha256=template.sha256,
            lang=lang,
            values=kept,
        ),
        labels=labels.of(lang, filled) if labels else (),
        allows_several=bool(labels and labels.several and filled[labels.several]),
        notices=(*(n for _, found in texts.values() for n in found), *model_notices(template, lang, card)),
    )


def _sound(text: str) -> str:
    """Replace lone surrogates (bytes of an argument that were no Unicode): no encoder takes them."""
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def _assigned(
    template: PromptTemplate, values: Mapping[str, str], documents: str, question: str
) -> dict[str, str]:
    """Return the text of every input that was given one."""
    inputs = template.header.inputs
    for name in values:
        if all(spec.name != name for spec in inputs):
            raise UnknownName(f"input of {template.id}", name, [spec.name for spec in inputs])
    given = dict(values)
    if documents:
        target = template.header.document_input
        if target is None:
            raise PromptError(f"the prompt {template.id} takes no document; leave out -f and what is piped")
        _give(template, given, target.name, _sound(documents), "as a document and by -v")
    if question.strip():
        name = _question_input(template, given)
        _give(template, given, name, _sound(question), "by the words of the question and by -v")
    return given


def _give(template: PromptTemplate, given: dict[str, str], name: str, text: str, ways: str) -> None:
    if name in given:
        raise PromptError(f"{name!r} of the prompt {template.id} is given twice, {ways}; leave one out")
    given[name] = text


def _question_input(template: PromptTemplate, given: Mapping[str, str]) -> str:
    names = [spec.name for spec in template.header.inputs if spec.type == "text"]
    if "question" in names:
        return "question"
    free = [name for name in names if name not in given]
    if not free:
        known = ", ".join(spec.name for spec in template.header.inputs) or "none"
        raise PromptError(f"the prompt {template.id} takes no question; its inputs are: {known} (use -v)")
    return free[0]


def _value(template: PromptTemplate, spec: InputSpec, text: str | None) -> Value:
    if text is None or (spec.is_required and not text.strip()):
        text = spec.default
    if text is not None:
        if spec.type == "document" and template.header.long.strategy != "fits":
            spec = replace(spec, max_chars=None)  # what is longer than the context is read in parts
        return read_value(template.id, spec, text)
    if spec.is_required:
        raise MissingInput(template.id, spec)
    return None


def _language(template: PromptTemplate, lang: str | None, given: Mapping[str, str]) -> str:
    languages = template.header.languages
    if lang is not None:
        if lang not in languages:
            advice = f"(it has: {', '.join(languages)})"
            raise UnknownName(f"language of {template.id}", lang, languages, advice)
        return lang
    document = template.header.document_input
    texts = [given.get(document.name, "") if document else "", *given.values()]
    found = next((script for script in map(script_language, texts) if script), None)
    return found if found in languages else languages[0]


def _text(
    template: PromptTemplate, kind: SectionKind, lang: str, filled: Mapping[str, Value]
) -> tuple[str, tuple[str, ...]]:
    block = template.block(kind, lang)
    if block is None:
        return "", ()
    text, notices = fill(block, filled)
    # a branch not taken leaves empty lines; the spaces of a prefill are part of it
    return text.strip("\n"), notices


def _messages(
    template: PromptTemplate, system: str, user: str, lang: str, card: ModelCard
) -> tuple[Message, ...]:
    messages = [Message("system", system)] if system else []
    for example in template.examples_for(lang, card.tier):
        messages += [Message("user", example.question), Message("assistant", example.answer)]
    return (*messages, Message("user", user))


def model_notices(template: PromptTemplate, lang: str, card: ModelCard) -> tuple[str, ...]:
    """Return what people should know before this model runs this prompt."""
    notices = []
    needed = template.header.min_tier
    if TIERS.index(card.tier) < TIERS.index(needed):
        notices.append(
            f"the prompt {template.id} is made for models of {BILLIONS[needed]} billion parameters or more; "
            f"expect errors of {card.name}"
        )
    if card.languages and lang not in card.languages:
        notices.append(f"{card.name} is not made for the language {lang!r}; expect errors")
    return tuple(notices)
