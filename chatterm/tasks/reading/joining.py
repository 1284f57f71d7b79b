"""Makes one reply of what the parts gave, by code: text in the parts' order, JSON and labels as one list."""

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from chatterm.engine.base import Finished, PrefillProgress, StreamEvent, TextDelta
from chatterm.session import NotSaved, SessionEvent
from chatterm.tasks.reading.events import Partial, PartRead, ReadingEvent, ReadingNotice
from chatterm.tasks.reading.job import Job
from chatterm.tasks.reading.label_rows import label_reply
from chatterm.tasks.reading.merging import merge_json, text_after
from chatterm.tasks.reading.parts import PartsGiven, failure_note, read_parts, stopped


def joined(job: Job) -> Generator[SessionEvent | ReadingEvent]:
    """Read all parts and reply with them, in order."""
    output = job.first.output
    if output.schema is None and output.format != "label":
        yield from _joined_text(job)
        return
    given = yield from read_parts(job)
    if given.is_stopped:
        yield stopped(job, given)
        return
    if output.format == "label":
        text = label_reply(given.partials)
    else:
        assert output.schema is not None, "the branch above is of all others"
        by_unit = job.reading.unit is not None
        merged = merge_json(given.partials, output.schema, lang=job.lang, by_unit=by_unit)
        text = merged.text
        for notice in merged.notices:
            yield ReadingNotice(notice)
    yield from job.said(text, given.usage)


def _joined_text(job: Job) -> Generator[SessionEvent | ReadingEvent]:
    """Reply with each part's text as soon as all before it are there."""
    told: deque[ReadingEvent | NotSaved] = deque()
    with closing(job.written(_texts(job, told))) as events:
        for event in events:
            while told:
                yield told.popleft()
            if not isinstance(event, PrefillProgress):
                yield event


def _texts(job: Job, told: deque[ReadingEvent | NotSaved]) -> Generator[StreamEvent]:
    """Yield the reply, and put into `told` what else is to be told by then."""
    answer = _InOrder(names_documents=len({chunk.document for chunk in job.chunks}) > 1)
    with closing(read_parts(job)) as reading:
        while True:
            try:
                event = next(reading)
            except StopIteration as end:
                given: PartsGiven = end.value
                break
            told.append(event)
            if isinstance(event, PartRead):
                yield from (TextDelta(0, 0, text) for text in answer.with_part(event))
            yield PrefillProgress(0, 0, 0)  # lets what was put into `told` be told
    if given.is_stopped:
        told.append(stopped(job, given))
    elif note := failure_note(job, given.partials):
        yield TextDelta(0, 0, f"\n\n{note}" if answer.last else note)
    yield Finished(0, 0, "cancelled" if given.is_stopped else "end", given.usage)


@dataclass(slots=True)
class _InOrder:
    """Puts parts, which are done in any order, into theirs."""

    names_documents: bool
    last: Partial | None = None
    """The last that is in the answer."""
    _next: int = 1
    _waiting: dict[int, Partial] = field(default_factory=dict)

    def with_part(self, read: PartRead) -> Iterator[str]:
        """Yield what the answer has more of by this part: nothing while one before it is not done."""
        self._waiting[read.number] = read.partial
        while partial := self._waiting.pop(self._next, None):
            self._next += 1
            if not partial.is_failed and partial.text.strip():
                yield text_after(self.last, partial, names_documents=self.names_documents)
                self.last = partial
