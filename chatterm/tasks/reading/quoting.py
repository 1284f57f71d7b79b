"""Answers with sentences of the documents themselves, where a model is too small to write of them.

For a summary the model's notes on the parts point: what they rest on is quoted, and code chooses how many.
For a question code alone chooses. Nothing in the answer is the model's own, so nothing in it is made up.
"""

from collections.abc import Generator, Sequence

from chatterm.conversation import ModelCard
from chatterm.documents.chunks import Chunk
from chatterm.documents.ranking import rank
from chatterm.session import SessionEvent
from chatterm.tasks.question import CHAT, Question
from chatterm.tasks.reading.budget import only_points
from chatterm.tasks.reading.events import Partial, ReadingEvent, ReadingNotice
from chatterm.tasks.reading.extraction import extracted
from chatterm.tasks.reading.facts import Fact, distinct, facts_of, quoted, sentences_of, supported
from chatterm.tasks.reading.job import NO_USAGE, Job
from chatterm.tasks.reading.parts import PartsGiven, failure_note

_SPARE = 2
"""Sentences of a part on which no note rests."""

_ANSWERING = 3
"""Sentences that answer a question. Of six questions about a licence the best three held the answer each
time; of three of them a model of 135M answered one rightly from the same passages."""
_LEAST_SHARE = 0.3
"""Of the best sentence's score; what has less is about something else."""


def quotes_only(question: Question, card: ModelCard) -> bool:
    """Return whether a plain question is answered by sentences: the model cannot be trusted with passages."""
    is_plain = question.prompt.id == CHAT and not (question.wish.schema or question.wish.choices)
    return is_plain and question.wish.num_samples == 1 and only_points(card)


def best_sentences(job: Job, chunks: Sequence[Chunk]) -> tuple[Fact, ...]:
    """Return the sentences that are most about the question, the best first; none where none has a word."""
    found = distinct([one for chunk in chunks for one in sentences_of(chunk)])
    scores = rank([one.text for one in found], job.asked)
    least = max(scores, default=0.0) * _LEAST_SHARE
    order = sorted(range(len(found)), key=lambda place: -scores[place])
    return tuple(found[place] for place in order[:_ANSWERING] if scores[place] > 0 and scores[place] >= least)


def quoting_best(job: Job, facts: Sequence[Fact]) -> Generator[SessionEvent | ReadingEvent]:
    """Reply with sentences that answer a question, the best first."""
    name = job.means.engine.describe().name
    yield ReadingNotice(
        f"{name} 太小，无法可靠地依据长文作答：以下是原文中与问题最相关的句子"
        if job.lang == "zh"
        else f"{name} is too small to answer from so much without inventing: these are the sentences of the "
        "text that are most about the question"
    )
    yield from job.said(_numbered(facts), NO_USAGE)


def num_quoted(question: Question, card: ModelCard) -> int | None:
    """Return how many sentences are the answer; None where the model writes it."""
    header = question.prompt.header
    if header.long.quote is None or not only_points(card):
        return None
    return header.long.quote.of(question.values, header.inputs)


def pointed_at(partials: Sequence[Partial]) -> tuple[tuple[Fact, ...], int]:
    """Return the sentences that the notes rest on, in order, and how many parts have none of these.

    Of such a part code chooses: no part of the documents is passed over.
    """
    found: list[Fact] = []
    num_bare = 0
    for partial in partials:
        if partial.is_failed:
            continue
        sentences = sentences_of(partial.chunk)
        own = quoted(supported(facts_of(partial)), sentences)
        num_bare += not own
        found += own or extracted(sentences, lambda some: len(some) <= _SPARE)
    return distinct(found), num_bare


def about(facts: Sequence[Fact], words: str) -> tuple[Fact, ...]:
    """Return the facts that have a word of `words`; all where none has."""
    scores = rank([fact.text for fact in facts], words)
    return tuple(fact for fact, score in zip(facts, scores, strict=True) if score > 0) or tuple(facts)


def quoting(job: Job, given: PartsGiven, num: int) -> Generator[SessionEvent | ReadingEvent]:
    """Reply with `num` sentences, or as many as there are: a numbered list in the documents' order."""
    facts, num_bare = pointed_at(given.partials)
    chosen = extracted(about(facts, _focus(job)), lambda some: len(some) <= num)
    yield ReadingNotice(_told(job, num_bare, len(given.partials)))
    note = failure_note(job, given.partials)
    yield from job.said(
        "\n\n".join(filter(None, (_numbered(chosen), note))) or job.nothing_found, given.usage
    )


def _numbered(facts: Sequence[Fact]) -> str:
    return "\n".join(f"{place}. {fact.text}" for place, fact in enumerate(facts, 1))


def _focus(job: Job) -> str:
    """Return what the answer is to be about: the words that go to the prompt's first text."""
    question = job.reading.question
    inputs = question.prompt.header.inputs
    name = next((spec.name for spec in inputs if spec.type == "text"), "")
    return f"{question.text} {question.values.get(name, '')}"


def _told(job: Job, num_bare: int, num_parts: int) -> str:
    name = job.means.engine.describe().name
    if job.lang == "zh":
        bare = f"；{num_parts}个部分中有{num_bare}个由程序选句" if num_bare else ""
        return f"{name} 太小，写不出可靠的摘要：以下是原文中它的笔记所依据的句子{bare}"
    bare = f"; for {num_bare:,} of {num_parts:,} parts code chose them" if num_bare else ""
    return (
        f"{name} is too small to write of so much without inventing: the answer is sentences of the text "
        f"itself, those that its notes rest on{bare}"
    )
