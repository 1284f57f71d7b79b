"""One round of combining: the model is asked of each digest, and what it gives is kept as the parts' is."""

from collections.abc import Generator, Sequence
from contextlib import closing

from chatterm.conversation import Document, Usage
from chatterm.session import NotSaved
from chatterm.tasks.reading.budget import LEAST_TOKENS
from chatterm.tasks.reading.events import ReadingEvent
from chatterm.tasks.reading.job import Job
from chatterm.tasks.reading.keeping import round_key
from chatterm.tasks.reading.mapping import PartRequest, Worked, run_parts
from chatterm.tasks.reading.pace import Pace
from chatterm.tasks.reading.parts import group_size, judge_of
from chatterm.tasks.reading.steps import generation

_SHARE_OF_WINDOW = 0.55
"""Of the context a digest may fill at most so much."""
LEAST_SHRINKAGE = 0.2
"""A round that makes what the parts gave less by a smaller share would go on for long, and lose more."""


def digest_limit(job: Job) -> int:
    """Return how many tokens a digest may have."""
    window = job.means.engine.describe().context_length
    return max(min(job.steps.room("reduce"), int(window * _SHARE_OF_WINDOW)), LEAST_TOKENS)


def ask_round(
    job: Job, digests: Sequence[Document], usages: list[Usage]
) -> Generator[ReadingEvent | NotSaved, None, dict[int, str]]:
    """Return the replies by the place of their digest; one without a usable reply, or not done, has none.

    JSON that was cut is of no use: it lacks what stood last in the digest.
    """
    is_json = job.first.output.schema is not None
    task = round_key(job.task, digests)
    replies = {place: text for place, text in job.kept.known(task).items() if place < len(digests)}
    pace = Pace("reduce", len(digests) + 1, num_kept=len(replies))
    yield pace.progress()
    known = frozenset(replies)
    requests = (
        PartRequest(position, generation(job.steps.combined((one,))))
        for position, one in enumerate(digests)
        if position not in known
    )
    events = run_parts(
        job.means.engine, requests, job.cancel, group_size=group_size(job), judge=judge_of(job)
    )
    with closing(events):
        for event in events:
            if isinstance(event, Worked):
                if progress := pace.worked(event.num_tokens):
                    yield progress
                continue
            if not (event.failure or (event.is_cut and is_json)):
                replies[event.position] = event.text
                if not_saved := job.kept.keep(task, event.position, event.text):
                    yield not_saved
            usages += [event.usage] if event.usage else []
            yield pace.done()
    return replies
