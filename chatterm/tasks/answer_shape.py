"""What form an answer has (free text, a label, JSON), and what the engine at hand makes of that."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from chatterm.conversation import Message, ModelCard
from chatterm.engine.base import Choices, Constraint, JsonSchema
from chatterm.errors import Unsupported, UsageError
from chatterm.prompts import PromptTemplate, RenderedPrompt
from chatterm.prompts.output import OutputSpec
from chatterm.prompts.schema import constraint_text
from chatterm.session import Scoring
from chatterm.tasks.schemas import AnswerSchema

BLANKS = {"en": ("...", "Text.", "none"), "zh": ("……", "文字。", "无")}
"""Texts that say nothing, in place of the document: what labels have there is the model's bias. Three, for
one may happen to lean to a label (Zhao et al. 2021, section 5; its "N/A" and "[MASK]" lean to bad ones on the
default model, and cost 0.04 to 0.2 of accuracy on reviews of a sentence).
"""

Blanks = Callable[[str], RenderedPrompt]
"""Renders the prompt about such a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asks of the answer's form, beside the prompt."""

    choices: tuple[str, ...] = ()
    schema: AnswerSchema | None = None
    num_samples: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerShape:
    """The parts of a request that the form of the answer decides."""

    messages: tuple[Message, ...]
    prefill: str = ""
    constraint: Constraint | None = None
    scoring: Scoring | None = None
    output: OutputSpec
    notices: tuple[str, ...] = ()


def shape_answer(
    template: PromptTemplate, rendered: RenderedPrompt, wish: Wish, card: ModelCard, blanks: Blanks
) -> AnswerShape:
    """Decide the form. Raises UsageError for wishes that do not go together, or that the prompt cannot have,
    and Unsupported where the engine cannot do what the user asked for by name.
    """
    if wish.choices and wish.schema:
        raise UsageError("an answer is one of --choices, or JSON of a --schema; leave one out")
    lang = rendered.reference.lang
    if wish.schema:
        if not card.can_constrain:
            raise Unsupported(f"{card.name} cannot keep to a schema; use a local model for --schema")
        # The prompt's own examples and first words are of another form.
        systems = [message for message in rendered.messages if message.role == "system"]
        asked = _with_words(rendered.messages[-1], wish.schema.instruction(lang))
        return AnswerShape(
            messages=(*systems, asked), constraint=wish.schema.constraint, output=wish.schema.output
        )
    if wish.choices or rendered.labels:
        return _closed(template, rendered, wish, card, blanks)
    output = template.header.output
    shape = AnswerShape(messages=rendered.messages, prefill=rendered.prefill, output=output)
    if output.schema is None:
        return shape
    if not card.can_constrain:
        notice = f"{card.name} cannot be held to the prompt's schema; its answer may be anything"
        return replace(shape, notices=(notice,))
    return replace(shape, constraint=JsonSchema(constraint_text(output.schema)))


def _closed(
    template: PromptTemplate, rendered: RenderedPrompt, wish: Wish, card: ModelCard, blanks: Blanks
) -> AnswerShape:
    """Score the labels; else let the model choose among them; else say that it is free."""
    if wish.choices and rendered.labels:
        own = ", ".join(rendered.labels[:5])
        raise UsageError(f"the prompt {template.id} has labels of its own: {own}; leave out --choices")
    if wish.num_samples > 1:
        raise UsageError("labels are scored, not sampled; leave out -n")
    lang = rendered.reference.lang
    output = replace(template.header.output, format="label", schema=None)

    def asked(one: RenderedPrompt) -> tuple[Message, ...]:
        words = choice_words(wish.choices, lang)
        return (*one.messages[:-1], _with_words(one.messages[-1], words) if words else one.messages[-1])

    prefill = before_label(rendered.prefill)
    scoring = Scoring(
        labels=wish.choices or rendered.labels,
        prefill=prefill,
        blanks=tuple(asked(blanks(text))[-1].content for text in BLANKS.get(lang, BLANKS["en"])),
        is_multi=rendered.allows_several,
    )
    shape = AnswerShape(messages=asked(rendered), output=output)
    if card.can_score:
        return replace(shape, scoring=scoring)
    if rendered.labels:  # which a prompt that is scored does not name
        told = _with_words(rendered.messages[-1], choice_words(rendered.labels, lang))
        shape = replace(shape, messages=(*rendered.messages[:-1], told))
    if card.can_constrain:
        notice = f"{card.name} tells no probabilities: its choice among the labels is not calibrated"
        choices = Choices(tuple(f"{prefill}{label}" for label in scoring.labels))
        return replace(shape, prefill=prefill, constraint=choices, notices=(notice,))
    if wish.choices:
        raise Unsupported(f"{card.name} cannot choose among labels; use a local model for --choices")
    notice = f"{card.name} cannot choose among labels; its answer is free text"
    return replace(shape, prefill=rendered.prefill, notices=(notice,))


def before_label(prefill: str) -> str:
    """Part a label from the words before it; a space at the end of a line would be lost in files."""
    return f"{prefill} " if re.search(r"[A-Za-z0-9,.:;!?]\Z", prefill) else prefill


def choice_words(choices: tuple[str, ...], lang: str) -> str:
    """Return what the model is told of the user's choices; nothing without any."""
    if not choices:
        return ""
    if lang == "zh":
        return f"只回答下列之一：{'、'.join(choices)}。"
    return f"Answer with one of: {', '.join(choices)}."


def _with_words(message: Message, words: str) -> Message:
    return replace(message, content=f"{message.content}\n\n{words}")
