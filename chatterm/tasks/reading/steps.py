"""Steps: what the model is asked of each part, and of what the parts gave. Makes requests, sends none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chatterm.conversation import Document
from chatterm.documents.chunks import Chunk
from chatterm.documents.places import Pages, pages_of
from chatterm.engine.base import Engine, GenerationRequest
from chatterm.errors import DoesNotFit
from chatterm.session import prompt_limit
from chatterm.tasks.means import Means
from chatterm.tasks.question import Composed, Question, compose
from chatterm.tasks.reading.budget import (
    LEAST_TOKENS,
    MOST_TOKENS,
    SHARE_OF_WINDOW,
    TOLD_IN_JSON,
    TOLD_IN_TEXT,
    token_counter,
)

_MAX_TITLE_CHARS = 60
_LONGEST_NAME = "document name with several words > 12 a title of some length, page 120, lines 10,000-10,400"
"""Counted for the line above a part; what is longer is cut by the fence."""

Kind = Literal["map", "reduce"]

Strategy = Literal["map", "map-reduce", "refine", "retrieve"]
"""Those of a prompt's `long:` that read in parts."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Makes the requests of one question's parts, each for one reply: samples are of the last step alone."""

    question: Question
    engine: Engine
    defaults: Mapping[str, object]
    seed: int
    """Of every step, so that its reply is the same however the parts are grouped."""

    @classmethod
    def of(cls, question: Question, means: Means, seed: int = 0) -> "Steps":
        return cls(question, means.engine, means.defaults, seed)

    def part(self, document: Document) -> Composed:
        """Return what the model is asked of a part. Raises as `compose` does."""
        return self._composed("map", (document,))

    def combined(self, documents: tuple[Document, ...]) -> Composed:
        """Return what it is asked of what the parts gave."""
        return self._composed("reduce", documents)

    def whole(self, documents: tuple[Document, ...]) -> Composed:
        """Return what it is asked of documents that stand for all."""
        return self._seeded(replace(self.question, documents=documents))

    def room(self, kind: Kind | Literal["whole"], num_documents: int = 1) -> int:
        """Return how many tokens documents may have in a step: what its words and the reply leave."""
        blank = (Document.of_text(_LONGEST_NAME, "a"),) * num_documents
        composed = self.whole(blank) if kind == "whole" else self._composed(kind, blank)
        return self.limit_of(composed) - self.num_tokens(composed)

    def limit_of(self, composed: Composed) -> int:
        return prompt_limit(self.engine.describe().context_length, composed.request.sampling.max_tokens)

    def num_tokens(self, composed: Composed) -> int:
        prefill = token_counter(self.engine)(composed.request.prefill)
        return self.engine.count(composed.request.messages).tokens + prefill

    def limit(self, strategy: Strategy, *, is_unit: bool = False) -> int:
        """Return how many tokens a part may have; of `retrieve`, all that are read together.

        A unit may be as long as the window lets it; other parts are no longer than the model can heed, and
        those whose replies are the answer than one reply can do justice to. Of `refine` the answer so far,
        which stands beside a part, has up to half of the room.
        Raises DoesNotFit where that is not even a sentence.
        """
        window = self.engine.describe().context_length
        room = self._room_for_parts(strategy)
        if room < LEAST_TOKENS:
            advice = (
                f"the prompt leaves {max(room, 0):,} of {window:,} tokens for a part, too few for a "
                "sentence; use --ctx or a model with a longer context"
            )
            raise DoesNotFit(window - room + LEAST_TOKENS, window, advice)
        most = [room, int(window * SHARE_OF_WINDOW)]
        if strategy != "retrieve" and not is_unit:
            most += [MOST_TOKENS.get(self.engine.describe().tier, window), *self._told_of(strategy)]
        return max(min(most), LEAST_TOKENS)

    def _room_for_parts(self, strategy: Strategy) -> int:
        if strategy == "retrieve":
            return self.room("whole")
        room = self.room("map")
        if strategy != "refine":
            return room
        together = self.room("reduce", num_documents=2)
        return min(room, together - min(self._blank_part().request.sampling.max_tokens, together // 2))

    def _told_of(self, strategy: Strategy) -> tuple[int, ...]:
        """Return how many tokens one reply of a map can be about; none for other strategies."""
        if strategy != "map":
            return ()
        step = self._blank_part()
        share = TOLD_IN_TEXT if step.output.schema is None else TOLD_IN_JSON
        return () if step.output.format == "label" else (int(step.request.sampling.max_tokens * share),)

    def _blank_part(self) -> Composed:
        return self._composed("map", (Document.of_text(_LONGEST_NAME, "a"),))

    def _composed(self, kind: Kind, documents: tuple[Document, ...]) -> Composed:
        question = replace(
            self.question,
            documents=documents,
            prompt=self.question.prompt.for_part(kind),
            wish=replace(self.question.wish, num_samples=1),
        )
        return self._seeded(question)

    def _seeded(self, question: Question) -> Composed:
        composed = compose(question, self.engine.describe(), self.defaults)
        sampling = replace(composed.request.sampling, seed=self.seed)
        return replace(composed, request=replace(composed.request, sampling=sampling))


@dataclass(frozen=True, slots=True)
class Places:
    """Says where lines of the documents stand."""

    names: tuple[str, ...]
    pages: tuple[Pages, ...]
    lang: str

    @classmethod
    def of(cls, documents: Sequence[Document], lang: str) -> "Places":
        names = tuple(document.name for document in documents)
        return cls(names, tuple(pages_of(document.text) for document in documents), lang)

    def said(self, document: int, first_line: int, last_line: int) -> str:
        """Return `report.txt, lines 812-840`."""
        place = self.pages[document].place(first_line, last_line, lang=self.lang)
        return f"{self.names[document]}{'，' if self.lang == 'zh' else ', '}{place}"

    def of_chunk(self, chunk: Chunk) -> str:
        return self.said(chunk.document, chunk.first_line, chunk.last_line)

    def document(self, chunk: Chunk) -> Document:
        """Return a part as the document that the model is shown."""
        titles = " > ".join(chunk.title_path)[-_MAX_TITLE_CHARS:]
        place = self.pages[chunk.document].place(chunk.first_line, chunk.last_line, lang=self.lang)
        name = f"{chunk.name} > {titles}, {place}" if titles else f"{chunk.name}, {place}"
        return Document.of_text(name, chunk.content)


def generation(composed: Composed, *, is_once: bool = True) -> GenerationRequest:
    """Return what the engine is asked for one step; but for the last, nothing goes on from it."""
    request = composed.request
    return GenerationRequest(
        messages=request.messages,
        prefill=request.prefill,
        sampling=request.sampling,
        constraint=request.constraint,
        num_samples=request.num_samples,
        num_alternatives=request.num_alternatives,
        is_once=is_once,
    )
