"""Reads all parts of the documents, those that are kept from an earlier run excepted."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from chatterm.checks.folding import fold
from chatterm.checks.tokens import tokenize
from chatterm.conversation import FinishReason, Usage
from chatterm.session import NotSaved
from chatterm.tasks.reading.events import (
    NotRead,
    Partial,
    PartRead,
    ReadingEvent,
    ReadingNotice,
    ReadingStopped,
)
from chatterm.tasks.reading.job import Job, in_time
from chatterm.tasks.reading.labels import ScoredPart, score_parts
from chatterm.tasks.reading.mapping import Judge, PartDone, PartRequest, Worked, run_parts
from chatterm.tasks.reading.pace import Pace
from chatterm.tasks.reading.steps import generation
from chatterm.tasks.structured import read_answer

_ON_CPU, _ELSEWHERE = 4, 16
"""Parts in one call of the engine. On two cores four are 1.07x as fast as one by one, reading included; eight
take twice the memory for 5% more (SmolLM2-135M; benchmarks/reading.py)."""
_TOKENS_AT_ONCE = 2400
"""Of the longest parts in a call on a CPU, replies not counted: their keys and values are in memory together.
Of parts of 1,000 tokens two took 60 MB less than four, and as long (23 kB a token; SmolLM2-135M)."""

_FEWEST_OWN_WORDS = 4
"""A loop with fewer different words, or Chinese characters, says nothing."""


@dataclass(frozen=True, slots=True)
class PartsGiven:
    """What the parts gave."""

    partials: tuple[Partial, ...]
    """In order; where reading was stopped only those that are done."""
    usage: Usage
    is_stopped: bool


def read_parts(job: Job) -> Generator[ReadingEvent | NotSaved, None, PartsGiven]:
    """Read every part, and tell of each as it is done."""
    found: dict[int, Partial] = {}
    known, cut = job.kept.known(job.task), {*job.kept.known(_cut_task(job))}
    for position in sorted(known.keys() & range(len(job.chunks))):
        found[position] = Partial(chunk=job.chunks[position], text=known[position])
        yield PartRead(found[position], position + 1)
    pace = Pace("map", len(job.chunks), num_kept=len(found))
    yield pace.progress()
    start, usages = time.perf_counter(), list[Usage]()
    events = _events(job, [one for one in range(len(job.chunks)) if one not in found])
    with closing(events):
        for event in events:
            if isinstance(event, Worked):
                if progress := pace.worked(event.num_tokens):
                    yield progress
                continue
            partial = Partial(chunk=job.chunks[event.position], text=event.text, failure=event.failure)
            found[event.position] = partial
            if not event.failure:
                yield from _keep(job, event)
            if event.is_cut:
                cut.add(event.position)
            usages += [event.usage] if event.usage else []
            yield PartRead(partial, event.position + 1)
            yield pace.done()
    partials = tuple(found[position] for position in sorted(found))
    yield from _notices(job, partials, len(cut))
    usage = in_time(usages, time.perf_counter() - start)
    return PartsGiven(partials, usage, is_stopped=len(found) < len(job.chunks))


def _keep(job: Job, done: PartDone) -> Iterator[NotSaved]:
    """Keep what a part gave, and that it was cut."""
    told = [job.kept.keep(job.task, done.position, done.text)]
    if done.is_cut:
        told.append(job.kept.keep(_cut_task(job), done.position, ""))
    yield from filter(None, told)


def _cut_task(job: Job) -> str:
    """Return under which key it is kept which of the parts' replies were cut."""
    return f"{job.task} cut"


def stopped(job: Job, given: PartsGiven) -> ReadingStopped:
    """Tell how much the same question finds again."""
    num_kept = sum(not partial.is_failed for partial in given.partials) if job.question.id else 0
    return ReadingStopped(num_kept, len(job.chunks))


def _notices(job: Job, partials: tuple[Partial, ...], num_cut: int) -> Iterator[ReadingEvent]:
    if num_cut and (job.reading.strategy == "map" or job.first.output.schema is not None):
        yield ReadingNotice(
            f"{len(job.chunks)}个部分中有{num_cut}个的回复被截断；--max-tokens 可放宽"
            if job.lang == "zh"
            else f"the replies to {num_cut:,} of {len(job.chunks):,} parts were cut; --max-tokens allows more"
        )
    yield from failures(job, partials)


def failures(job: Job, partials: Sequence[Partial]) -> Iterator[NotRead]:
    """Tell which parts failed, where any did."""
    failed = [partial for partial in partials if partial.is_failed]
    if failed:
        yield NotRead(
            places=_failed_places(job, failed),
            num_lines=sum(one.chunk.last_line - one.chunk.first_line + 1 for one in failed),
            total_lines=sum(document.num_lines for document in job.documents),
            is_failure=True,
        )


def _events(job: Job, positions: list[int]) -> Generator[Worked | PartDone]:
    if job.first.request.scoring is None:
        requests = _requests(job, positions)
        return run_parts(
            job.means.engine, requests, job.cancel, group_size=group_size(job), judge=judge_of(job)
        )
    return score_parts(job.means.engine, _scored(job, positions), job.cancel)


def group_size(job: Job) -> int:
    """Return how many parts the engine is given at once."""
    if job.means.engine.describe().device != "cpu":
        return _ELSEWHERE
    if job.reading.unit is not None:
        return _ON_CPU  # lines, rows and paragraphs are short
    return max(2, min(_ON_CPU, _TOKENS_AT_ONCE // job.reading.limit))


def _scored(job: Job, positions: list[int]) -> Iterator[ScoredPart]:
    for position in positions:
        request = job.steps.part(job.places.document(job.chunks[position])).request
        if request.scoring is not None:
            yield ScoredPart(position, request.messages, request.scoring)


def _requests(job: Job, positions: list[int]) -> Iterator[PartRequest]:
    """Compose the parts' requests one after another: thousands of them would be megabytes of messages."""
    for position in positions:
        composed = job.steps.part(job.places.document(job.chunks[position]))
        yield PartRequest(position, generation(composed))


def judge_of(job: Job) -> Judge:
    """Return what tells whether a part's reply is of use."""
    output, is_chinese = job.first.output, job.lang == "zh"
    prefill = job.prefill

    def judge(text: str, reason: FinishReason) -> str:
        own = text.removeprefix(prefill).strip()
        if not own:
            return "回复为空" if is_chinese else "the reply was empty"
        if output.schema is not None:
            is_read = read_answer(text, output) is not None
            return "" if is_read else "回复不是 JSON" if is_chinese else "the reply was no JSON"
        if reason == "loop" and len(set(tokenize(fold(own)).words)) < _FEWEST_OWN_WORDS:
            return "回复只是重复" if is_chinese else "the reply only repeated itself"
        return ""

    return judge


def failure_note(job: Job, partials: Sequence[Partial]) -> str:
    """Name what could not be read, as a line of the answer; nothing where all of it could."""
    failed = [partial for partial in partials if partial.is_failed]
    if not failed:
        return ""
    named = _failed_places(job, failed)
    return f"未能读取：{'；'.join(named)}" if job.lang == "zh" else f"Not read: {'; '.join(named)}"


def _failed_places(job: Job, failed: Sequence[Partial]) -> tuple[str, ...]:
    """Return `report.txt, lines 812-840 (the reply was empty)` for each."""
    form = "{}（{}）" if job.lang == "zh" else "{} ({})"
    return tuple(form.format(job.places.of_chunk(one.chunk), one.failure) for one in failed)
