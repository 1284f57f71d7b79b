"""One question becomes a turn's request: a prompt of the library, filled in for the model at hand."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from chatterm.checks import Pack, notices_before
from chatterm.conversation import Document, Message, ModelCard
from chatterm.documents import fence
from chatterm.engine.base import SamplingParams
from chatterm.errors import UsageError
from chatterm.prompts import PromptLibrary, PromptTemplate, RenderedPrompt, render
from chatterm.session import TurnRequest
from chatterm.store import AttachedFile, PromptUse, TypedQuestion
from chatterm.tasks.check_plan import CheckPlan, Ground, make_plan

CHAT = "assistant/chat"
"""Shapes every question for which no prompt was chosen."""

SUMMARY = "general/summarize"
"""Shapes a document that came without a question."""

_TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked, before it is shaped for a model."""

    text: str = ""
    """The user's own words."""
    documents: tuple[Document, ...] = ()
    prompt: PromptTemplate
    is_prompt_chosen: bool = False
    """False where `choose_prompt` had to decide."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Inputs of the prompt by name."""
    lang: str | None = None
    system: str = ""
    """The user's own system message: in place of the default prompt's, after a chosen prompt's."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Sampling options the user gave; they win over the prompt's."""
    emergency_number: str
    """Named where the user's words are those of an emergency."""
    continues: bool = False
    """True where a conversation goes on, whose system message stays in force unless a new one is given."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A request that is ready for the session."""

    request: TurnRequest
    notices: tuple[str, ...]
    """What the user should know before the answer."""
    checks: CheckPlan = field(default_factory=CheckPlan)
    """What the answer will be held against."""


def choose_prompt(library: PromptLibrary, name: str | None, *, has_text: bool) -> PromptTemplate:
    """Return the prompt called `name`, or the one that fits. Raises UnknownName or BrokenPrompt."""
    return library.get(name or (CHAT if has_text else SUMMARY))


def compose(
    question: Question,
    card: ModelCard,
    defaults: Mapping[str, object],
    *,
    num_alternatives: int | None = None,
) -> Composed:
    """Shape a question for the model of `card`; `defaults` are the sampling settings of the configuration.

    `num_alternatives` of each token are to be told; None: nothing of how likely tokens were.
    Raises MissingInput, UnknownName or PromptError as `render` does, UsageError for a setting out of range
    and where nothing is left to answer.
    """
    fenced = fence(question.documents) if question.documents else ""
    rendered = render(
        question.prompt,
        values=question.values,
        documents=fenced,
        question=question.text,
        lang=question.lang,
        card=card,
    )
    if not rendered.messages[-1].content.strip():
        raise UsageError(f"there is nothing for the prompt {question.prompt.id} to answer; add a question")
    reference = rendered.reference
    request = TurnRequest(
        messages=_with_system(question, rendered),
        sampling=sampling_params(defaults, rendered.sampling, question.settings),
        prefill=rendered.prefill,
        num_alternatives=num_alternatives,
        prompt=PromptUse(
            id=reference.id, version=reference.version, sha256=reference.sha256, values=dict(reference.values)
        ),
        title=_title(question),
        asked=_typed(question),
    )
    ground = Ground(
        own_words=question.text,
        documents=question.documents,
        fenced=fenced,
        values=question.values,
        is_lang_chosen=question.lang is not None,
    )
    return Composed(request, _notices(question, rendered), make_plan(question.prompt, rendered, ground, card))


def sampling_params(*layers: Mapping[str, object]) -> SamplingParams:
    """Merge settings, the last layer winning; without a seed one is drawn. Raises UsageError.

    Settings that are not of sampling are passed over.
    """
    names = {one.name for one in fields(SamplingParams)}
    merged = {
        name: value
        for layer in layers
        for name, value in layer.items()
        if name in names and value is not None
    }
    merged.setdefault("seed", secrets.randbits(63))
    if "stop" in merged:
        merged["stop"] = tuple(merged["stop"])  # type: ignore[arg-type]  # a list of texts, checked by who read it
    return SamplingParams(**merged)  # type: ignore[arg-type]  # checked by who read them


def _with_system(question: Question, rendered: RenderedPrompt) -> tuple[Message, ...]:
    """Return the messages with the system message that this turn is to have; none leaves the one in force."""
    shipped = [message.content for message in rendered.messages if message.role == "system"]
    rest = [message for message in rendered.messages if message.role != "system"]
    own = [question.system] if question.system.strip() else []
    replaced = own or ([] if question.continues else shipped)
    texts = shipped + own if question.is_prompt_chosen else replaced
    system = [Message("system", "\n\n".join(texts))] if texts else []
    return (*system, *rest)


def _notices(question: Question, rendered: RenderedPrompt) -> tuple[str, ...]:
    """The gravest first: what the user's own words call for, then what reading and rendering changed."""
    typed = [spec.name for spec in question.prompt.header.inputs if spec.type != "document"]
    own_words = "\n".join((question.text, *(question.values.get(name, "") for name in typed)))
    lang, number = rendered.reference.lang, question.emergency_number
    is_chat = question.prompt.id == CHAT
    # who is in danger chooses no prompt: the default conversation heeds what the medical pack does
    packs: tuple[Pack, ...] = (*question.prompt.header.guard, *(("medical",) if is_chat else ()))
    grave = [notice for pack in packs for notice in notices_before(pack, own_words, lang, number)]
    read = [notice for document in question.documents for notice in document.notices]
    return (*dict.fromkeys(grave), *read, *rendered.notices)


def _typed(question: Question) -> TypedQuestion:
    """Return what is kept of how the question was asked, for it to be edited."""
    files = (
        AttachedFile(name=one.name, data=one.text.encode(errors="replace")) for one in question.documents
    )
    return TypedQuestion(text=question.text, files=tuple(files))


def _title(question: Question) -> str:
    """The first words of the question, or the documents' names."""
    words = " ".join(question.text.split()) or ", ".join(document.name for document in question.documents)
    return words if len(words) <= _TITLE_LENGTH else words[: _TITLE_LENGTH - 1].rstrip() + "…"
