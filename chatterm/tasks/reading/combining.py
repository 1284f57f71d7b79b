"""Makes one reply of what the parts gave: their facts, in rounds where they do not fit together."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from chatterm.conversation import Usage
from chatterm.session import NotSaved, SessionEvent
from chatterm.tasks.reading.budget import token_counter
from chatterm.tasks.reading.combining_json import combined_json
from chatterm.tasks.reading.digest import digest
from chatterm.tasks.reading.events import ReadingEvent, ReadingNotice
from chatterm.tasks.reading.extraction import extracted
from chatterm.tasks.reading.facts import Fact, distinct, facts_from_digest, facts_of, supported
from chatterm.tasks.reading.job import Job, added, in_time
from chatterm.tasks.reading.parts import PartsGiven, failure_note, stopped
from chatterm.tasks.reading.quoting import num_quoted, quoting
from chatterm.tasks.reading.rounds import LEAST_SHRINKAGE, ask_round, digest_limit


def combined(job: Job, given: PartsGiven) -> Generator[SessionEvent | ReadingEvent]:
    """Reply from what the parts gave: their sentences, the facts in their replies, or their JSON."""
    if job.first.output.schema is not None:
        yield from combined_json(job, given)
    elif (num := num_quoted(job.reading.question, job.means.engine.describe())) is not None:
        yield from quoting(job, given, num)
    else:
        yield from _combined_facts(job, given)


def _combined_facts(job: Job, given: PartsGiven) -> Generator[SessionEvent | ReadingEvent]:
    """Let the model write from the facts; what rests on nothing is left out of them, and counted."""
    note = failure_note(job, given.partials)
    found = [fact for one in given.partials for fact in facts_of(one)]
    resting = supported(found)
    facts = distinct(resting or found)
    if not facts:
        yield from job.said(note or job.nothing_found, given.usage)
        return
    if num_loose := len(found) - len(resting):
        yield ReadingNotice(_left_out(num_loose, len(found), job.lang, is_used=not resting))
    size = _Size(token_counter(job.means.engine), digest_limit(job))
    facts, usage = yield from _made_to_fit(job, facts, size)
    if job.cancel.is_cancelled:
        yield stopped(job, given)
        return
    last = job.steps.combined((digest(facts, job.lang),))
    yield from job.replied(last, note=note, spent=added(given.usage, usage))


def _left_out(num: int, total: int, lang: str, *, is_used: bool) -> str:
    if lang == "zh":
        why = "因别无其他陈述而仍予采用" if is_used else "已略去"
        return f"各部分的{total}条陈述中有{num}条在其原文行中找不到依据，{why}"
    why = "used all the same, for there are no others" if is_used else "left out"
    return f"{num:,} of {total:,} statements of the parts are not in their lines; {why}"


@dataclass(slots=True)
class _Size:
    """Counts the tokens that facts have in a digest, each text once."""

    count: Callable[[str], int]
    limit: int
    """Of a digest."""
    _known: dict[str, int] = field(default_factory=dict)

    def of(self, facts: Sequence[Fact]) -> int:
        for fact in facts:
            if fact.text not in self._known:
                self._known[fact.text] = self.count(fact.text) + 1
        return sum(self._known[fact.text] for fact in facts)

    def fits(self, facts: Sequence[Fact]) -> bool:
        return self.of(facts) <= self.limit

    def groups(self, facts: Sequence[Fact]) -> list[list[Fact]]:
        """Split into runs that fit, as even as they come."""
        target = self.of(facts) / -(-self.of(facts) // self.limit)
        groups: list[list[Fact]] = [[]]
        size = 0
        for fact in facts:
            own = self.of([fact])
            if groups[-1] and (size + own > self.limit or size >= target):
                groups.append([])
                size = 0
            groups[-1].append(fact)
            size += own
        return groups


def _made_to_fit(
    job: Job, facts: tuple[Fact, ...], size: _Size
) -> Generator[ReadingEvent | NotSaved, None, tuple[tuple[Fact, ...], Usage]]:
    """Let the model choose among the facts, group by group, until they fit; else choose by code."""
    start, usages = time.perf_counter(), list[Usage]()
    while not job.cancel.is_cancelled and not size.fits(facts):
        before = size.of(facts)
        chosen = yield from _round(job, size.groups(facts), usages)
        if size.of(chosen) > before * (1 - LEAST_SHRINKAGE) or not chosen:
            facts = extracted(facts, size.fits) or facts[:1]
            break
        facts = chosen
    return facts, in_time(usages, time.perf_counter() - start)


def _round(
    job: Job, groups: list[list[Fact]], usages: list[Usage]
) -> Generator[ReadingEvent | NotSaved, None, tuple[Fact, ...]]:
    """Return the facts that are left of each group; of one without a usable reply, all."""
    chosen: dict[int, Sequence[Fact]] = dict(enumerate(groups))
    replies = yield from ask_round(job, [digest(group, job.lang) for group in groups], usages)
    for position, text in replies.items():
        chosen[position] = supported(facts_from_digest(text, groups[position]))
    return distinct([fact for position in sorted(chosen) for fact in chosen[position]])
