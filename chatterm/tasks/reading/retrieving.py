"""Answers a question from the parts of the documents that it is about, and says what was not read."""

from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import replace

from chatterm.conversation import Document
from chatterm.documents.chunks import Chunk
from chatterm.documents.ranking import rank
from chatterm.session import SessionEvent
from chatterm.tasks.reading.budget import token_counter
from chatterm.tasks.reading.events import NotRead, ReadingEvent, ReadingNotice
from chatterm.tasks.reading.job import Job
from chatterm.tasks.reading.quoting import best_sentences, quotes_only, quoting_best

_LEAST_SHARE = 0.2
"""Of the best part's score; what has less is about something else."""
_HEADING_TOKENS = 24
"""Of the line above a part, and its fence."""


def retrieved(job: Job) -> Generator[SessionEvent | ReadingEvent]:
    """Reply from the best parts, in the order of the documents."""
    chosen, is_about = _chosen(job)
    if not is_about and not job.composed.question.documents:
        # It goes on with a conversation, and need not be about its documents.
        yield from job.with_history(job.composed)
        return
    if not is_about:
        yield ReadingNotice(
            "各部分都没有问题中的词；读的是开头"
            if job.lang == "zh"
            else "no part of it has a word of the question; its beginning was read"
        )
    if unread := _unread(job, chosen):
        yield unread
    is_quoted = quotes_only(job.reading.question, job.means.engine.describe())
    if is_quoted and (sentences := best_sentences(job, chosen)):
        yield from quoting_best(job, sentences)
        return
    last = job.steps.whole(tuple(_documents(job, chosen)))
    yield from job.with_history(last)


def _chosen(job: Job) -> tuple[list[Chunk], bool]:
    """Return the parts that fit, and whether they have a word of the question."""
    scores = rank([" ".join((*chunk.title_path, chunk.content)) for chunk in job.chunks], job.asked)
    best = max(scores, default=0.0)
    order = sorted(range(len(job.chunks)), key=lambda position: (-scores[position], position))
    if best > 0:
        order = [position for position in order if scores[position] >= best * _LEAST_SHARE]
    count, left = token_counter(job.means.engine), job.reading.limit
    chosen: list[int] = []
    for position in order:
        num_tokens = count(job.chunks[position].content)
        if num_tokens <= left or not chosen:
            chosen.append(position)
            left -= num_tokens + _HEADING_TOKENS
    return [job.chunks[position] for position in sorted(chosen)], best > 0


def _documents(job: Job, chosen: Sequence[Chunk]) -> list[Document]:
    """Return the parts as documents; those that follow one another are one."""
    joined: list[Chunk] = []
    for chunk in chosen:
        last = joined[-1] if joined else None
        if last and last.document == chunk.document and chunk.first_line == last.last_line + 1:
            text = f"{last.text.rstrip()}\n{chunk.text}"
            joined[-1] = replace(last, text=text, last_line=chunk.last_line)
        else:
            joined.append(chunk)
    return [job.places.document(chunk) for chunk in joined]


def _unread(job: Job, chosen: Sequence[Chunk]) -> NotRead | None:
    """Return which lines are not read, or only in part, as it is with long ones."""
    is_chosen = {id(chunk) for chunk in chosen}
    read = _lines_of(chosen)
    left = _lines_of([chunk for chunk in job.chunks if id(chunk) not in is_chosen])
    places, num_lines = [], 0
    in_part = "（部分）" if job.lang == "zh" else " (in part)"
    for number, document in enumerate(job.documents):
        gaps = _gaps(read[number], document)
        num_lines += sum(last - first + 1 for first, last in gaps)
        for first, last in sorted([*gaps, *((line, line) for line in read[number] & left[number])]):
            place = job.places.said(number, first, last)
            places.append(f"{place}{in_part}" if first in read[number] else place)
    total = sum(document.num_lines for document in job.documents)
    return (
        NotRead(places=tuple(places), num_lines=num_lines, total_lines=total, is_failure=False)
        if places
        else None
    )


def _lines_of(chunks: Sequence[Chunk]) -> defaultdict[int, set[int]]:
    """Return the lines by their document."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for chunk in chunks:
        found[chunk.document].update(range(chunk.first_line, chunk.last_line + 1))
    return found


def _gaps(read: set[int], document: Document) -> list[tuple[int, int]]:
    """Return the runs of lines that were not read, those of blank lines alone left out."""
    gaps: list[tuple[int, int]] = []
    first = 0
    lines, num_lines = document.text.split("\n"), document.num_lines
    for number in range(1, num_lines + 2):
        is_unread = number <= num_lines and number not in read
        if is_unread and not first:
            first = number
        if not is_unread and first:
            if any(line.strip() for line in lines[first - 1 : number - 1]):
                gaps.append((first, number - 1))
            first = 0
    return gaps
