"""Reading: how documents that do not fit the context are read, decided before anything is kept or sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chatterm.conversation import Message
from chatterm.documents.units import Unit
from chatterm.errors import DoesNotFit, UsageError
from chatterm.session import prompt_limit
from chatterm.tasks.means import Means, Target
from chatterm.tasks.question import CHAT, SUMMARY, Composed, Question
from chatterm.tasks.reading.budget import MOST_TOKENS, only_points, passage_limit, surely_over
from chatterm.tasks.reading.following import Following, following_of, meant
from chatterm.tasks.reading.steps import Steps, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingWish:
    """What the user asks of how documents are read."""

    in_parts: bool = False
    """Read in parts even what fits."""
    each: Unit | None = None
    """The prompt is to be answered for each of these, whatever it says of long documents."""
    keeps_partials: bool = True
    """False: a part that was read before is read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How documents are read in parts."""

    strategy: Strategy
    question: Question
    """As the parts are asked it: by another prompt than was chosen, where that is made for one part."""
    unit: Unit | None = None
    """What a part is; None: as much as fits."""
    limit: int
    """Tokens that are read together: of a part, of `retrieve` all the parts that are read."""
    keeps_partials: bool = True
    stand_ins: Mapping[str, Message] = field(default_factory=dict)
    """For questions of the history, as `TurnRequest` has them: their documents are read here."""

    @property
    def part_limit(self) -> int:
        """Tokens that one part may have."""
        return passage_limit(self.limit) if self.strategy == "retrieve" else self.limit


def choose_reading(
    composed: Composed, means: Means, target: Target, wish: ReadingWish | None = None
) -> Reading | None:
    """Return how the documents are read in parts; None where everything fits and nobody asked for parts.

    A question without documents goes on with those of the turns before it that the model would not read.

    Raises DoesNotFit, with both numbers, where the prompt reads no parts, where there is no document to read
    in parts, or where a part would have no room for a sentence; UsageError where what is wished for does not
    go with parts.
    """
    wish = wish or ReadingWish()
    target = meant(composed, means, target)
    question = composed.question
    is_blank = question.documents and not any(one.text.strip() for one in question.documents)
    if target.kind == "continue" or is_blank:
        _check_wish(wish)
        return None
    if not question.documents:
        return _going_on(composed, question, means, target, wish)
    if not (wish.in_parts or wish.each):
        if _fits(composed, means, target) and not _is_too_much(composed, means):
            return None
        if question.prompt.header.long.strategy == "fits" and question.prompt.id != CHAT:
            means.session.fit(composed.request, target.parent_id)  # raises
    return _reading(replace(question, lang=composed.checks.lang), means, wish)


def _going_on(
    composed: Composed, question: Question, means: Means, target: Target, wish: ReadingWish
) -> Reading | None:
    """Return how documents of earlier turns are read, where this one would go without; None: as it is."""
    document = question.prompt.header.document_input
    is_about_them = document and document.name not in question.values
    wants_all = wish.in_parts or wish.each is not None
    following = following_of(composed, means, target, all_of_them=wants_all) if is_about_them else Following()
    if not following.documents:
        _check_wish(wish)
        return None
    question = replace(question, documents=following.documents, lang=composed.checks.lang)
    return replace(_reading(question, means, wish), stand_ins=following.stand_ins)


def _reading(question: Question, means: Means, wish: ReadingWish) -> Reading:
    strategy, question, unit = _by_prompt(question, means, wish)
    if strategy == "map" and question.wish.num_samples > 1:
        raise UsageError("each part is answered once; leave out -n, or ask for a summary")
    return Reading(
        strategy=strategy,
        question=question,
        unit=unit,
        limit=Steps.of(question, means).limit(strategy, is_unit=unit is not None),
        keeps_partials=wish.keeps_partials,
    )


def _check_wish(wish: ReadingWish) -> None:
    if wish.each or wish.in_parts:
        option = "--each" if wish.each else "--in-parts"
        raise UsageError(
            f"{option} reads a document in parts, and there is none with text; pipe one in, or use -f"
        )


def _fits(composed: Composed, means: Means, target: Target) -> bool:
    request, engine = composed.request, means.engine
    texts = [document.text for document in composed.question.documents]
    limit = prompt_limit(engine.describe().context_length, request.sampling.max_tokens)
    if surely_over(engine, texts, limit):
        return False
    try:
        means.session.fit(request, target.parent_id)
    except DoesNotFit:
        return False
    return True


def _is_too_much(composed: Composed, means: Means) -> bool:
    """Return whether a model so small that it quotes long texts had better quote this one, too."""
    if composed.question.prompt.header.long.quote is None or not only_points(means.engine.describe()):
        return False
    return means.engine.count(composed.request.messages).tokens > MOST_TOKENS["tiny"]


def _by_prompt(question: Question, means: Means, wish: ReadingWish) -> tuple[Strategy, Question, Unit | None]:
    """Return how the parts are read, what they are asked, and what a part is."""
    plan = question.prompt.header.long
    if wish.each:
        return "map", question, wish.each
    if question.prompt.id == CHAT and plan.strategy == "fits":
        return *_by_words(question, means, wish), None
    strategy: Strategy = "map" if plan.strategy == "fits" else plan.strategy
    if strategy == "retrieve" and wish.in_parts:
        strategy = "map-reduce" if question.prompt.header.output.schema is None else "map"
    return strategy, question, plan.unit if strategy == "map" else None


def _by_words(question: Question, means: Means, wish: ReadingWish) -> tuple[Strategy, Question]:
    """A summary takes all parts, and so does what is to be read in parts; another question takes some."""
    has_form = question.wish.schema or question.wish.choices
    reads_all = wish.in_parts or asks_for_summary(question.text)
    if means.library is None or has_form or not reads_all:
        return "retrieve", question
    focus = "" if asks_for_summary(question.text, alone=True) else question.text
    summary = means.library.get(SUMMARY)
    question = replace(question, prompt=summary, text=focus, is_prompt_chosen=True, continues=False)
    return "map-reduce", question


_SUMMARY_WORDS = re.compile(
    r"\b(?:summar(?:y|ies|i[sz](?:e[ds]?|ing))|tl;?\s?dr|(?:key|main) (?:points?|facts?|takeaways?|ideas?)"
    r"|overview|abstract|gist|recap|outline|in a nutshell|what(?:['’]s| is) (?:this|it|the \w+) about)\b"
    r"|总结|概括|摘要|要点|概要|概述|归纳|大意|梗概|主要内容|讲了什么|说了什么",
    re.IGNORECASE,
)
_FILLERS = re.compile(
    r"\b(?:please|can|could|would|will|you|give|write|make|me|us|a|an|the|this|that|these|it|its|of|for|in|to|all|"
    r"short|brief|briefly|quick|whole|text|document|documents|file|files|article|report|book|chapter|story|paper|"
    r"page|contents?|and|is|are|what|about|most|important|list|with|from)\b"
    r"|请|帮我|帮忙|一下|这个|这篇|这份|该|本|全文|文章|文档|文件|报告|内容|的|给|我|写|做|一个|一份|下|简要|简短|把|将|对|进行|吧|吗",
    re.IGNORECASE,
)


def asks_for_summary(words: str, *, alone: bool = False) -> bool:
    """Return whether the words ask for a summary; `alone`: and for nothing else in it."""
    if not _SUMMARY_WORDS.search(words):
        return False
    rest = _FILLERS.sub(" ", _SUMMARY_WORDS.sub(" ", words))
    return not alone or not re.search(r"\w", rest)
