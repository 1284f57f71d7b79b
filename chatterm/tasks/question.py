"""One question becomes a turn's request: a prompt of the library, filled in for the model at hand."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial

from chatterm.checks import Pack, notices_before
from chatterm.conversation import Document, Message, ModelCard
from chatterm.documents.fence import fence
from chatterm.engine.base import SamplingParams
from chatterm.errors import UsageError
from chatterm.prompts import PromptLibrary, PromptTemplate, RenderedPrompt, render
from chatterm.prompts.output import OutputSpec
from chatterm.session import TurnRequest
from chatterm.store import AttachedFile, PromptUse, TypedQuestion
from chatterm.store.titles import shortened, title_of
from chatterm.tasks.answer_shape import Wish, shape_answer
from chatterm.tasks.check_plan import CheckPlan, Given, make_plan

CHAT = "assistant/chat"
"""Shapes every question for which no prompt was chosen."""

SUMMARY = "general/summarize"
"""Shapes a document that came without a question."""

MAX_SAMPLES = 100


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
    wish: Wish = field(default_factory=Wish)
    """What the user asks of the answer's form."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A request that is ready for the session."""

    request: TurnRequest
    question: Question
    """What it was made of, and what is asked of each part of documents that do not fit."""
    notices: tuple[str, ...] = ()
    """What the user should know before the answer."""
    checks: CheckPlan = field(default_factory=CheckPlan)
    """What the answer will be held against."""
    output: OutputSpec = field(default_factory=OutputSpec)
    """How the answer is read and shown (`tasks.views`)."""


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
    and where nothing is left to answer, UsageError or Unsupported for a form that the answer cannot have.
    """
    own_words, title = _own_words(question), _title(question)
    question = _with_document(question)
    fenced = fence(question.documents) if question.documents else ""
    rendered = _rendered(question, fenced, card)
    if not rendered.messages[-1].content.strip():
        raise UsageError(f"there is nothing for the prompt {question.prompt.id} to answer; add a question")
    blanks = partial(_blank, question, rendered.reference.lang, card)
    shape = shape_answer(question.prompt, rendered, question.wish, card, blanks)
    reference = rendered.reference
    request = TurnRequest(
        messages=_with_system(question, shape.messages),
        sampling=sampling_params(defaults, rendered.sampling, question.settings),
        prefill=shape.prefill,
        constraint=shape.constraint,
        scoring=shape.scoring,
        num_samples=question.wish.num_samples,
        num_alternatives=num_alternatives,
        prompt=PromptUse(
            id=reference.id, version=reference.version, sha256=reference.sha256, values=dict(reference.values)
        ),
        title=title,
        asked=_typed(question),
    )
    given = Given(
        own_words=question.text,
        documents=question.documents,
        fenced=fenced,
        values=question.values,
        is_lang_chosen=question.lang is not None,
    )
    checks = replace(
        make_plan(question.prompt, rendered, given, card),
        schema=shape.output.schema,
        computed=shape.output.computed,
        is_closed=shape.output.format == "label",
    )
    notices = (*_notices(question, rendered, own_words), *shape.notices)
    return Composed(_checked(request, question), question, notices, checks, shape.output)


def _rendered(question: Question, documents: str, card: ModelCard) -> RenderedPrompt:
    return render(
        question.prompt,
        values=question.values,
        documents=documents,
        question=question.text,
        lang=question.lang,
        card=card,
    )


def _with_document(question: Question) -> Question:
    """Take the user's words for the document that the prompt needs, where it asks for no words."""
    inputs = question.prompt.header.inputs
    document = question.prompt.header.document_input
    is_missing = document and document.is_required and document.name not in question.values
    has_place = any(spec.name == "question" or (spec.is_required and spec.type == "text") for spec in inputs)
    if not is_missing or has_place or question.documents or not question.text.strip():
        return question
    words = Document.of_text("text", question.text)
    return replace(question, text="", documents=(words,))


def _blank(question: Question, lang: str, card: ModelCard, text: str) -> RenderedPrompt:
    """Render the prompt about a text that says nothing: in place of the document, else of the words."""
    question = replace(question, lang=lang)
    document = question.prompt.header.document_input
    if document is None or not (question.documents or document.name in question.values):
        return _rendered(replace(question, text=text), "", card)
    name = question.documents[0].name if len(question.documents) == 1 else "text"
    values = {key: value for key, value in question.values.items() if key != document.name}
    return _rendered(replace(question, values=values), fence([Document.of_text(name, text)]), card)


def _checked(request: TurnRequest, question: Question) -> TurnRequest:
    """Raise UsageError where samples would all be the same."""
    num_samples = question.wish.num_samples
    if not 1 <= num_samples <= MAX_SAMPLES:
        raise UsageError(f"-n takes 1 to {MAX_SAMPLES} samples, found {num_samples:,}")
    if num_samples > 1 and request.sampling.temperature == 0:
        raise UsageError(
            f"{num_samples} samples at temperature 0 would all be the same; add --temperature 0.8"
        )
    return request


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


def _with_system(question: Question, messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the messages with the system message that this turn is to have; none leaves the one in force."""
    shipped = [message.content for message in messages if message.role == "system"]
    rest = [message for message in messages if message.role != "system"]
    own = [question.system] if question.system.strip() else []
    replaced = own or ([] if question.continues else shipped)
    texts = shipped + own if question.is_prompt_chosen else replaced
    system = [Message("system", "\n\n".join(texts))] if texts else []
    return (*system, *rest)


def _own_words(question: Question) -> str:
    """Return what the user typed, which a document is not, even where it becomes one."""
    typed = [spec.name for spec in question.prompt.header.inputs if spec.type != "document"]
    return "\n".join((question.text, *(question.values.get(name, "") for name in typed)))


def _notices(question: Question, rendered: RenderedPrompt, own_words: str) -> tuple[str, ...]:
    """The gravest first: what the user's own words call for, then what reading and rendering changed."""
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
    """What the question says, or the documents' names."""
    return title_of(question.text, "") or shortened(", ".join(one.name for one in question.documents))
