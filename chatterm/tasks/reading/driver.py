"""Answers a question over documents that are read in parts: keeps it, reads the parts, replies."""

from collections.abc import Generator

from chatterm.documents.chunks import Chunk, cut
from chatterm.engine.base import CancelToken
from chatterm.session import SessionEvent
from chatterm.tasks.means import Means, Target
from chatterm.tasks.question import Composed
from chatterm.tasks.reading.budget import token_counter
from chatterm.tasks.reading.combining import combined
from chatterm.tasks.reading.events import QuestionKept, ReadingEvent
from chatterm.tasks.reading.job import Job
from chatterm.tasks.reading.joining import joined
from chatterm.tasks.reading.keeping import Kept, begin, task_key
from chatterm.tasks.reading.parts import read_parts, stopped
from chatterm.tasks.reading.plan import Reading
from chatterm.tasks.reading.refining import refined
from chatterm.tasks.reading.retrieving import retrieved
from chatterm.tasks.reading.steps import Places, Steps


def read_in_parts(
    composed: Composed, reading: Reading, means: Means, target: Target, cancel: CancelToken
) -> Generator[SessionEvent | ReadingEvent]:
    """Yield the events of a turn whose documents are read in parts.

    The question is kept before the first part is read, and what each part gives as it comes. Where it is
    cancelled before the reply begins, ReadingStopped is the last. Raises what the engine raises.
    """
    job = yield from _begun(composed, reading, means, target, cancel)
    match reading.strategy:
        case "retrieve":
            yield from retrieved(job)
        case "refine":
            yield from refined(job)
        case "map":
            yield from joined(job)
        case "map-reduce":
            given = yield from read_parts(job)
            if given.is_stopped:
                yield stopped(job, given)
            else:
                yield from combined(job, given)


def cut_parts(reading: Reading, means: Means) -> tuple[Chunk, ...]:
    """Return the parts. Raises DoesNotFit where a word is longer than a part may be."""
    return cut(
        reading.question.documents,
        token_counter(means.engine),
        reading.part_limit,
        reading.unit,
        has_overlap=reading.strategy == "map-reduce",
    )


def _begun(
    composed: Composed, reading: Reading, means: Means, target: Target, cancel: CancelToken
) -> Generator[SessionEvent | ReadingEvent, None, Job]:
    chunks = cut_parts(reading, means)
    steps = Steps.of(reading.question, means, composed.request.sampling.seed)
    places = Places.of(reading.question.documents, composed.checks.lang)
    first = steps.part(places.document(chunks[0]))
    card = means.engine.describe()
    given = {**means.defaults, **reading.question.settings}
    task = task_key(
        reading.question,
        chunks,
        sampling=first.request.sampling,
        card=card,
        has_seed=given.get("seed") is not None,
    )
    begun = begin(means, composed.request, target, task, len(chunks))
    if begun.not_saved:
        yield begun.not_saved
    if begun.question.id:
        yield QuestionKept(begun.question)
    return Job(
        composed=composed,
        reading=reading,
        means=means,
        question=begun.question,
        target=target,
        kept=Kept(means.store, begun.question.conversation_id, reads_anew=not reading.keeps_partials),
        task=task,
        cancel=cancel,
        chunks=chunks,
        places=places,
        steps=steps,
        first=first,
    )
