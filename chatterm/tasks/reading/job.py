"""Job: one question over documents read in parts, with all that its steps need."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from chatterm.conversation import Document, MessageNode, Usage
from chatterm.documents.chunks import Chunk
from chatterm.engine.base import CancelToken, Finished, GenerationRequest, StreamEvent, TextDelta
from chatterm.session import SessionEvent, TurnRequest
from chatterm.tasks.means import Means, Target
from chatterm.tasks.question import Composed
from chatterm.tasks.reading.keeping import Kept
from chatterm.tasks.reading.plan import Reading
from chatterm.tasks.reading.steps import Places, Steps, generation

NO_USAGE = Usage(0, 0, 0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every step of one reading needs."""

    composed: Composed
    """The question as it was asked, of the whole documents."""
    reading: Reading
    means: Means
    question: MessageNode
    """As it is stored; its id is empty where the store refused it."""
    target: Target
    kept: Kept
    task: str
    """Under which what the parts give is kept."""
    cancel: CancelToken
    chunks: tuple[Chunk, ...]
    places: Places

    steps: Steps
    first: Composed
    """What the first part is asked."""

    @property
    def documents(self) -> tuple[Document, ...]:
        return self.reading.question.documents

    @property
    def asked(self) -> str:
        """The user's words, with those that are inputs of the prompt."""
        question = self.reading.question
        return " ".join((question.text, *question.values.values()))

    @property
    def lang(self) -> str:
        return self.places.lang

    @property
    def prefill(self) -> str:
        """With which every part's reply begins."""
        return self.first.request.prefill

    @property
    def nothing_found(self) -> str:
        """The answer where the parts gave nothing and none failed: a table, say, has no sentence to quote."""
        if self.lang == "zh":
            return "文中没有可以摘出的句子；若是表格，请就其中的内容提问，或用 --each row 逐行处理。"
        return (
            "There is no sentence in it that a summary could be made of; of a table, ask about what is in "
            "it, or take it row by row with --each row."
        )

    def replied(self, last: Composed, *, note: str = "", spent: Usage = NO_USAGE) -> Generator[SessionEvent]:
        """Let the model write the reply from `last`, and add `note` to it."""
        request = self._request(last)
        written = self._last_step(generation(replace(last, request=request), is_once=False), note, spent)
        yield from self._reply(request, written)

    def said(self, text: str, spent: Usage) -> Generator[SessionEvent]:
        """Reply with a text that code made."""

        def events() -> Generator[StreamEvent]:
            yield TextDelta(0, 0, text)
            yield Finished(0, 0, "end", spent)

        return self.written(events())

    def written(self, events: Generator[StreamEvent]) -> Generator[SessionEvent]:
        """Reply with what comes, one sample."""
        request = replace(self._request(self.first), num_samples=1, scoring=None, constraint=None)
        return self._reply(request, events)

    def with_history(self, last: Composed) -> Generator[SessionEvent]:
        """Let the model write the reply from `last` and what fits of the conversation before it."""
        yield from self._reply(self._request(last), None)

    def _reply(self, request: TurnRequest, written: Generator[StreamEvent] | None) -> Generator[SessionEvent]:
        return self.means.session.reply_to(
            request,
            self.cancel,
            question_id=self.question.id,
            written=written,
            conversation_id=self.target.conversation_id,
            parent_id=self.target.parent_id,
        )

    def _request(self, last: Composed) -> TurnRequest:
        """Return the last step's request, kept as the answer to the question that was asked."""
        asked = self.composed.request
        return replace(
            last.request,
            kept=asked.kept,
            asked=asked.asked,
            stand_ins=self.reading.stand_ins,
            title=asked.title,
            num_samples=asked.num_samples,
            num_alternatives=asked.num_alternatives,
        )

    def _last_step(self, request: GenerationRequest, note: str, spent: Usage) -> Generator[StreamEvent]:
        with closing(self.means.engine.stream([request], self.cancel)) as events:
            for event in events:
                if isinstance(event, Finished):
                    if note:
                        yield TextDelta(0, event.sample, f"\n\n{note}")
                    usage = added(event.usage, spent) if event.sample == 0 else event.usage
                    yield replace(event, usage=usage)
                else:
                    yield event


def added(one: Usage, other: Usage) -> Usage:
    """Return what both cost."""
    return Usage(
        one.input_tokens + other.input_tokens,
        one.cached_tokens + other.cached_tokens,
        one.output_tokens + other.output_tokens,
        one.prefill_s + other.prefill_s,
        one.decode_s + other.decode_s,
    )


def in_time(usages: Sequence[Usage], seconds: float) -> Usage:
    """Return what steps cost that ran beside one another, in `seconds` of the clock."""
    total = NO_USAGE
    for usage in usages:
        total = added(total, usage)
    prefill_s = min(total.prefill_s, seconds)
    return replace(total, prefill_s=prefill_s, decode_s=max(seconds - prefill_s, 0.0))
