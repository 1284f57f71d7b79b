"""Makes one reply in JSON of those that the parts gave, in rounds where they do not fit together."""

import time
from collections.abc import Generator, Sequence
from dataclasses import replace

from chatterm.conversation import Usage
from chatterm.documents.chunks import Chunk
from chatterm.prompts.schema import Schema
from chatterm.session import NotSaved, SessionEvent
from chatterm.tasks.reading.budget import token_counter
from chatterm.tasks.reading.events import Partial, ReadingEvent, ReadingNotice
from chatterm.tasks.reading.job import Job, added, in_time
from chatterm.tasks.reading.merging import digest_json, merge_json
from chatterm.tasks.reading.parts import PartsGiven, stopped
from chatterm.tasks.reading.rounds import LEAST_SHRINKAGE, ask_round, digest_limit


def combined_json(job: Job, given: PartsGiven) -> Generator[SessionEvent | ReadingEvent]:
    """Let the model make one reply of the parts' replies; where rounds make them hardly less, code does."""
    schema = job.first.output.schema
    assert schema is not None, "the caller looks at it"
    start, usages = time.perf_counter(), list[Usage]()
    partials: Sequence[Partial] = [one for one in given.partials if not one.is_failed]
    limit = digest_limit(job)
    size = _size(job, partials, schema)
    while len(partials) > 1 and size > limit and not job.cancel.is_cancelled:
        fewer = yield from _round(job, partials, schema, limit, usages)
        left = _size(job, fewer, schema)
        if left > size * (1 - LEAST_SHRINKAGE):
            break
        partials, size = fewer, left
    if job.cancel.is_cancelled:
        yield stopped(job, given)
        return
    usage = added(given.usage, in_time(usages, time.perf_counter() - start))
    if len(partials) > 1 and size <= limit:
        last = job.steps.combined((digest_json(partials, schema, job.lang),))
        yield from job.replied(last, spent=usage)
        return
    merged = merge_json(partials, schema, lang=job.lang)
    for notice in merged.notices:
        yield ReadingNotice(notice)
    yield from job.said(merged.text, usage)


def _size(job: Job, partials: Sequence[Partial], schema: Schema) -> int:
    return token_counter(job.means.engine)(digest_json(partials, schema, job.lang).text)


def _round(
    job: Job, partials: Sequence[Partial], schema: Schema, limit: int, usages: list[Usage]
) -> Generator[ReadingEvent | NotSaved, None, Sequence[Partial]]:
    """Return a reply for each run of neighbours that fits; a run without a usable one is merged by code."""
    groups = _groups(job, partials, schema, limit)
    replies = yield from ask_round(job, [digest_json(group, schema, job.lang) for group in groups], usages)
    return [
        Partial(
            chunk=_joint([one.chunk for one in group]),
            text=replies.get(place) or merge_json(group, schema, lang=job.lang).text,
        )
        for place, group in enumerate(groups)
    ]


def _joint(chunks: Sequence[Chunk]) -> Chunk:
    """Return what neighbours are together; of several documents it is named after the first."""
    last_line = max(chunks[0].last_line, chunks[-1].last_line)
    return replace(chunks[0], text="\n".join(one.content for one in chunks), last_line=last_line)


def _groups(job: Job, partials: Sequence[Partial], schema: Schema, limit: int) -> list[list[Partial]]:
    """Split into runs of neighbours that fit; one that does not fit by itself is a run of its own."""
    groups: list[list[Partial]] = [[]]
    size = 0
    for partial in partials:
        own = _size(job, [partial], schema)
        if groups[-1] and size + own > limit:
            groups.append([])
            size = 0
        groups[-1].append(partial)
        size += own
    return groups
