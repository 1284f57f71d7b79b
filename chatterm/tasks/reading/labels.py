"""Scores the parts of a document one by one: a closed answer for each line, row or review.

The bias of the labels is measured once for all parts, by the blanks of the first. Knows no documents.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass

from chatterm.conversation import Message, Usage
from chatterm.engine.base import CancelToken, Engine
from chatterm.errors import DoesNotFit, GenerationFailed
from chatterm.session import CalibrationCache, Scoring
from chatterm.session.scoring import judge, label_scores, prior_of
from chatterm.tasks.reading.label_rows import scored_part
from chatterm.tasks.reading.mapping import PartDone, Worked


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """What is to be scored of the part at `position`, from 0."""

    position: int
    messages: tuple[Message, ...]
    scoring: Scoring


def score_parts(
    engine: Engine, parts: Iterable[ScoredPart], cancel: CancelToken
) -> Generator[Worked | PartDone]:
    """Score all parts, in order; those not done when it is cancelled are left out.

    The text of each is what `scored_part` writes. A part that does not fit, or on which the model fails, is
    done with its failure; the others go on. Raises what else `Engine.score` raises.
    """
    prior: list[float] | None = None
    for number, part in enumerate(parts):
        if number == 0:
            prior = prior_of(engine, part.messages, part.scoring, cancel, CalibrationCache())
        if cancel.is_cancelled:
            return
        num_tokens = engine.count(part.messages).tokens
        try:
            scored = judge(part.scoring, label_scores(engine, part.messages, part.scoring), prior)
        except (DoesNotFit, GenerationFailed) as error:
            yield PartDone(position=part.position, text="", failure=str(error))
            continue
        yield Worked(num_tokens)
        text = scored_part(scored, is_multi=part.scoring.is_multi)
        usage = Usage(num_tokens, 0, 0, 0.0, 0.0)
        yield PartDone(position=part.position, text=text, usage=usage)
