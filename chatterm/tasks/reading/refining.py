"""Reads documents part by part, each with what was made of those before it: for narratives."""

import time
from collections.abc import Generator
from contextlib import closing
from itertools import takewhile

from chatterm.conversation import Document, Usage
from chatterm.session import SessionEvent
from chatterm.tasks.question import Composed
from chatterm.tasks.reading.events import Partial, PartRead, ReadingEvent, ReadingStopped
from chatterm.tasks.reading.job import Job, in_time
from chatterm.tasks.reading.mapping import PartDone, PartRequest, run_parts
from chatterm.tasks.reading.pace import Pace
from chatterm.tasks.reading.parts import failure_note, failures, judge_of
from chatterm.tasks.reading.steps import generation

_SO_FAR = {"en": "answer so far", "zh": "目前的回答"}


def refined(job: Job) -> Generator[SessionEvent | ReadingEvent]:
    """Reply with what the last part made of all before it. A part that fails leaves it as it was."""
    known = _known_so_far(job)
    pace = Pace("refine", len(job.chunks), num_kept=len(known))
    yield pace.progress()
    start, usages, partials, text = time.perf_counter(), list[Usage](), list[Partial](), ""
    for position, chunk in enumerate(job.chunks[:-1]):
        if position < len(known):
            partial = Partial(chunk=chunk, text=known[position])
        else:
            done = yield from _step(job, position, text, pace)
            if done is None:
                yield ReadingStopped(num_kept=position, total=len(job.chunks))
                return
            usages += [done.usage] if done.usage else []
            partial = Partial(chunk=chunk, text=done.text, failure=done.failure)
            if not done.failure and (not_saved := job.kept.keep(job.task, position, done.text)):
                yield not_saved
        partials.append(partial)
        text = partial.text or text
        yield PartRead(partial, position + 1)
    yield from failures(job, partials)
    last = _asked(job, len(job.chunks) - 1, text)
    spent = in_time(usages, time.perf_counter() - start)
    yield from job.replied(last, note=failure_note(job, partials), spent=spent)


def _known_so_far(job: Job) -> list[str]:
    """Return the answers of an earlier run up to the first part that it lacks: those behind go without it."""
    known = job.kept.known(job.task)
    return [known[position] for position in takewhile(known.__contains__, range(len(job.chunks) - 1))]


def _step(job: Job, position: int, text: str, pace: Pace) -> Generator[ReadingEvent, None, PartDone | None]:
    part = PartRequest(position, generation(_asked(job, position, text)))
    parts = run_parts(job.means.engine, [part], job.cancel, group_size=1, judge=judge_of(job))
    with closing(parts) as events:
        for event in events:
            if isinstance(event, PartDone):
                yield pace.done()
                return event
            if progress := pace.worked(event.num_tokens):
                yield progress
    return None


def _asked(job: Job, position: int, text: str) -> Composed:
    """Return what is asked of a part: with the answer so far, which is a document beside it."""
    part = job.places.document(job.chunks[position])
    if not text:
        return job.steps.part(part)
    so_far = Document.of_text(_SO_FAR.get(job.lang, _SO_FAR["en"]), text)
    return job.steps.combined((so_far, part))
