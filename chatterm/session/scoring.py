"""Closed answers: how likely each label is as the reply, instead of a reply in free words.

A label's probability is that of the reply being this label and none that goes on from it ("positive" is not
"positive indeed"). Calibration takes away what the model gives each label for a text that says nothing
(contextual calibration: Zhao et al. 2021, "Calibrate Before Use", with averaging over several such texts).
Knows no front end and no prompt file.
"""

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from chatterm.conversation import FinishReason, Message, Usage
from chatterm.engine.base import CancelToken, Engine, Finished, PrefillProgress, StreamEvent, TextDelta
from chatterm.errors import UsageError
from chatterm.session.calibration import CalibrationCache

MAX_LABELS = 1000
LEAST_MARGIN = 0.1
SHARE_OF_LIKELIEST = 0.5
"""Where several labels may apply, those at least this share as likely as the likeliest do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What a reply is chosen from."""

    labels: tuple[str, ...]
    """At least two, none empty, each once."""
    prefill: str = ""
    """The start of the reply before its label, which is not part of the answer."""
    blanks: tuple[str, ...] = ()
    """The question again, about texts that say nothing: what is taken for the labels there is bias. Without
    any, probabilities are not calibrated."""
    least_margin: float = LEAST_MARGIN
    """Between the two likeliest labels; an answer with less is unsure."""
    is_multi: bool = False
    """Several labels may apply."""

    def __post_init__(self) -> None:
        """Raise UsageError where labels cannot be told apart."""
        num_labels = len(self.labels)
        if num_labels < 2:
            raise UsageError(f"at least two labels are needed to choose from, found {num_labels}")
        if num_labels > MAX_LABELS:
            raise UsageError(f"at most {MAX_LABELS:,} labels can be told apart, found {num_labels:,}")
        seen: set[str] = set()
        for label in self.labels:
            if not label.strip():
                raise UsageError("a label must not be empty; give each a word: good,bad")
            if label.strip() in seen:
                raise UsageError(f"the label {label.strip()!r} stands there twice")
            seen.add(label.strip())


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label's share."""

    label: str
    probability: float
    """Among the labels, calibrated where that was possible; all together are 1."""
    log_probability: float
    """Natural, of the label as the whole reply, by the model alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What came of scoring; the reply's text, the label, follows it."""

    scores: tuple[LabelScore, ...]
    """In the order of the labels."""
    chosen: tuple[str, ...]
    """The likeliest label; of several, all that apply, the likeliest first."""
    margin: float
    """Between the probabilities of the two likeliest."""
    is_unsure: bool
    is_calibrated: bool

    @property
    def text(self) -> str:
        """The reply."""
        return ", ".join(self.chosen)


def score_reply(
    engine: Engine,
    messages: Sequence[Message],
    scoring: Scoring,
    cancel: CancelToken,
    calibrations: CalibrationCache,
) -> Generator[StreamEvent | Scored]:
    """Yield the events of a reply that is a label: Scored, its text, Finished.

    `calibrations` are those that may be used for these messages. Raises what `Engine.score` raises.
    """
    start = time.perf_counter()
    num_tokens = engine.count(messages).tokens
    yield PrefillProgress(0, 0, num_tokens)
    prior = prior_of(engine, messages, scoring, cancel, calibrations)
    reason: FinishReason = "cancelled" if cancel.is_cancelled else "end"
    if not cancel.is_cancelled:
        scored = judge(scoring, label_scores(engine, messages, scoring), prior)
        yield PrefillProgress(0, num_tokens, num_tokens)
        yield scored
        yield TextDelta(0, 0, scored.text)
    yield Finished(0, 0, reason, Usage(num_tokens, 0, 0, time.perf_counter() - start, 0.0))


def label_scores(engine: Engine, messages: Sequence[Message], scoring: Scoring) -> list[float]:
    """Return the natural log-probability of each label as the whole reply."""
    found = engine.score(messages, [scoring.prefill + label for label in scoring.labels])
    return exclusive(scoring.labels, found)


def prior_of(
    engine: Engine,
    messages: Sequence[Message],
    scoring: Scoring,
    cancel: CancelToken,
    calibrations: CalibrationCache,
) -> list[float] | None:
    """Return what the labels have for texts that say nothing, as natural logarithms.

    None without such texts, and where it is cancelled.
    """
    if not scoring.blanks:
        return None
    blanks = [[*messages[:-1], replace(messages[-1], content=text)] for text in scoring.blanks]
    key = calibrations.key(engine.describe().identity, blanks, (scoring.prefill, *scoring.labels))
    if (kept := calibrations.read(key, len(scoring.labels))) is not None:
        return kept
    shares: list[list[float]] = []
    for blank in blanks:
        if cancel.is_cancelled:
            return None
        shares.append(_shares(label_scores(engine, blank, scoring)))
    prior = [math.log(max(sum(column) / len(shares), 1e-300)) for column in zip(*shares, strict=True)]
    calibrations.write(key, prior)
    return prior


def judge(scoring: Scoring, found: Sequence[float], prior: Sequence[float] | None) -> Scored:
    """Choose by the labels' log-probabilities, less their `prior`."""
    shares = _shares([one - other for one, other in zip(found, prior or [0.0] * len(found), strict=True)])
    order = sorted(range(len(shares)), key=lambda index: -shares[index])
    best, second = shares[order[0]], shares[order[1]]
    labels = [label.strip() for label in scoring.labels]
    several = [index for index in order if shares[index] >= SHARE_OF_LIKELIEST * best]
    return Scored(
        scores=tuple(LabelScore(*one) for one in zip(labels, shares, found, strict=True)),
        chosen=tuple(labels[index] for index in (several if scoring.is_multi else order[:1])),
        margin=best - second,
        is_unsure=best - second < scoring.least_margin and not (scoring.is_multi and len(several) > 1),
        is_calibrated=prior is not None,
    )


def exclusive(labels: Sequence[str], found: Sequence[float]) -> list[float]:
    """Take from each label what belongs to those that go on from it: a reply is one of them, not both.

    Where the tokens of the longer label are cut so that it is likelier than the shorter, that keeps a
    hundredth.
    """
    order = sorted(range(len(labels)), key=lambda index: labels[index])
    result = list(found)
    for place, index in enumerate(order):
        taken = 0.0
        for other in order[place + 1 :]:
            if not labels[other].startswith(labels[index]):
                break
            taken += math.exp(min(found[other] - found[index], 0.0)) if result[other] > -math.inf else 0.0
        if taken:
            result[index] = found[index] + math.log(max(1 - taken, 0.01))
    return result


def _shares(logs: Sequence[float]) -> list[float]:
    """Return the softmax."""
    top = max(logs)
    weights = [math.exp(one - top) for one in logs]
    total = sum(weights)
    return [one / total for one in weights]
