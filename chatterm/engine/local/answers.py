"""What the engine does on the model's thread: answers batches, and scores endings."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatterm.engine.base import CancelToken, StreamEvent
from chatterm.engine.local.batch import Batch
from chatterm.engine.local.replies import Prompt, ReplyTexts

if TYPE_CHECKING:
    from chatterm.engine.local.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers with one model."""

    runtime: "Runtime"
    texts: ReplyTexts
    context_length: int
    """In tokens; the prompts must leave room for one."""

    def to(self, batch: Sequence[Prompt], cancel: CancelToken) -> Generator[StreamEvent]:
        """Yield all events of a batch. Raises GenerationFailed, OutOfMemory."""
        run = Batch(
            self.runtime,
            self.texts,
            batch,
            cancel,
            end_ids=self.texts.tokenizer.end_ids,
            context_length=self.context_length,
        )
        return self.runtime.guarded(run.events())

    def scores(self, prompt_ids: Sequence[int], endings: Sequence[Sequence[int]]) -> Generator[float]:
        """Yield the log-probability of each ending after the prompt. Raises as `to`."""
        return self.runtime.guarded(self._scores(prompt_ids, endings))

    def _scores(self, prompt_ids: Sequence[int], endings: Sequence[Sequence[int]]) -> Generator[float]:
        reading = self.runtime.open_prompt(prompt_ids, len(prompt_ids) + max(map(len, endings), default=0))
        try:
            for _ in reading.read(CancelToken()):
                pass
            yield from self.runtime.score(reading, endings)
        finally:
            self.runtime.give_back(reading.slab, is_once=True)
