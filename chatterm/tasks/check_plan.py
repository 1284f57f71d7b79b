"""CheckPlan: what a reply will be held against, made before it is written. Runs no check."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from chatterm.checks import Pack
from chatterm.conversation import Document, ModelCard
from chatterm.prompts import PromptTemplate, RenderedPrompt
from chatterm.prompts.output import Computation
from chatterm.prompts.schema import Schema
from chatterm.tasks.reply_language import asked_language

if TYPE_CHECKING:
    from chatterm.tasks.grounds import Grounds

_NAMED_LANGUAGES = {"english": "en", "en": "en", "英语": "en", "英文": "en"} | {
    "chinese": "zh",
    "zh": "zh",
    "中文": "zh",
    "汉语": "zh",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """What a reply may rest on, and how strictly it is held to it. The default checks nothing."""

    sources: tuple[str, ...] = ()
    """The texts of the documents of this turn; those of earlier turns come with `Earlier`."""
    names: tuple[str, ...] = ()
    """Theirs."""
    given: str = ""
    """The user's own words and the prompt's instruction, which a reply may repeat."""
    examples: tuple[str, ...] = ()
    """Those that are sent."""
    schema: Schema | None = None
    """Of a reply in JSON; its fields with `copy: true` stand in the source."""
    computed: Mapping[str, Computation] = field(default_factory=dict)
    """The fields that code computes: they are worth what they are computed from."""
    levels: Mapping[str, str | bool] = field(default_factory=dict)
    """The `verify:` of the prompt by its keys; empty where it has none, which leaves the checks' defaults."""
    is_closed: bool = False
    """Whether the reply is one of the prompt's labels, in which there is nothing to check."""
    packs: tuple[Pack, ...] = ()
    """The guard packs of the prompt."""
    is_draft: bool = False
    """Whether a line says above the reply that it is a draft."""
    prompt_id: str = ""
    lang: str = "en"
    """Of the notices."""
    reply_lang: str | None = None
    """What the reply is to be written in; None: it may be in any language."""
    grounds: "dict[tuple[str, ...], Grounds]" = field(default_factory=dict, compare=False, repr=False)
    """By the texts of documents, which are indexed once for all who look something up (`grounds_of`)."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the turns before this one bring along."""

    sources: tuple[str, ...] = ()
    """The documents that stand in them."""
    names: tuple[str, ...] = ()
    """Theirs."""
    given: str = ""
    """What the user said in them."""
    told: frozenset[str] = frozenset()
    """The ids of the prompts whose footers were told in them, and their domains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user gave, for `make_plan`."""

    own_words: str
    documents: Sequence[Document]
    fenced: str
    """The documents as they stand in the message."""
    values: Mapping[str, str]
    is_lang_chosen: bool


def make_plan(prompt: PromptTemplate, rendered: RenderedPrompt, given: Given, card: ModelCard) -> CheckPlan:
    """Return what the reply to `rendered` is held against."""
    header, lang = prompt.header, rendered.reference.lang
    of_documents = {spec.name for spec in header.inputs if spec.type == "document"}
    pasted = {name: value for name, value in given.values.items() if name in of_documents}
    instruction = [one.content for one in rendered.messages if one.role == "system"]
    return CheckPlan(
        sources=(*(document.text for document in given.documents), *pasted.values()),
        names=(*(document.name for document in given.documents), *pasted),
        given="\n".join(
            [
                *instruction,
                rendered.messages[-1].content.replace(given.fenced, "") if given.fenced else given.own_words,
                *(value for name, value in given.values.items() if name not in of_documents),
            ]
        ),
        examples=tuple(
            text for one in prompt.examples_for(lang, card.tier) for text in (one.question, one.answer)
        ),
        schema=header.output.schema,
        computed=header.output.computed,
        levels=asdict(header.verify) if "verify" in header.given else {},
        is_closed=header.output.labels is not None,
        packs=header.guard,
        is_draft=header.writes_drafts,
        prompt_id=prompt.id,
        lang=lang,
        reply_lang=_reply_language(rendered, given),
    )


def _reply_language(rendered: RenderedPrompt, given: Given) -> str | None:
    """A translation's is named by its input `to`."""
    lang = rendered.reference.lang
    if "to" in rendered.reference.values:
        return _NAMED_LANGUAGES.get(rendered.reference.values["to"].casefold())
    return asked_language(given.own_words, lang, is_chosen=given.is_lang_chosen)
