"""Chooses the tokens of one reply: the model's numbers, less penalties, within a constraint, to the sampler.

Tells, where it is asked to, how likely each token was and what else could have come. Knows no text.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from chatterm.engine.base import SamplingParams
from chatterm.engine.local.generation.penalties import has_penalties, penalised
from chatterm.engine.local.generation.sampling import check_finite, keep_candidates, make_sampler


class Constraint(Protocol):
    """What may come next in one reply; `engine.local.constraints` makes them."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing may follow."""
        ...

    def restrict(self, logits: Tensor) -> Tensor:
        """Return fp32 logits (vocabulary,) with -inf for every token that may not come."""
        ...

    def accept(self, token_id: int) -> None:
        """Go on past a token."""
        ...


class Chances(NamedTuple):
    """Natural log-probabilities in one distribution."""

    of_token: float
    likeliest: tuple[tuple[int, float], ...]
    """Token ids and theirs, the likeliest first."""


class Drawn(NamedTuple):
    """A token that was chosen."""

    token_id: int
    by_model: Chances | None = None
    """In the softmax of the model's logits, where asked for; so is `as_drawn`."""
    as_drawn: Chances | None = None
    """In what it was drawn from."""


class TokenChooser:
    """Chooses for one sample of a request."""

    def __init__(
        self,
        params: SamplingParams,
        sample: int,
        *,
        constraint: Constraint | None = None,
        num_alternatives: int | None = None,
    ) -> None:
        """`num_alternatives` None: nothing is told of how likely tokens were."""
        self._params = params
        self._sample = sample
        self._sampler = make_sampler(params, sample)
        self._has_penalties = has_penalties(params)
        self._constraint = constraint
        self._num_alternatives = num_alternatives

    @property
    def plain_choice(self) -> tuple[SamplingParams, int] | None:
        """How it chooses, and its sample's number; None where more than the logits decides, or is told."""
        is_plain = self._constraint is None and not self._has_penalties and self._num_alternatives is None
        return (self._params, self._sample) if is_plain else None

    @property
    def is_complete(self) -> bool:
        """Whether the constraint lets nothing follow."""
        return self._constraint is not None and self._constraint.is_complete

    def choose(self, logits: Tensor, ids: Sequence[int]) -> Drawn:
        """Choose from fp32 logits (vocabulary,) what comes after `ids`, prompt and reply so far.

        Raises GenerationFailed where a logit is NaN or infinite.
        """
        check_finite(logits)
        adjusted = penalised(logits, ids, self._params) if self._has_penalties else logits
        if self._constraint is not None:
            adjusted = self._constraint.restrict(adjusted)
        token_id = self._sampler(adjusted, len(ids))
        if self._num_alternatives is None:
            return Drawn(token_id)
        return self._told(token_id, logits, adjusted, self._num_alternatives)

    def accept(self, token_id: int) -> None:
        """Take note that the reply goes on with a token: any but an end token."""
        if self._constraint is not None:
            self._constraint.accept(token_id)

    def _told(self, token_id: int, logits: Tensor, adjusted: Tensor, count: int) -> Drawn:
        by_model = logits.double().log_softmax(0)
        kept = keep_candidates(adjusted, self._params)
        as_drawn = kept.scores.double().log_softmax(0)
        return Drawn(
            token_id,
            Chances(float(by_model[token_id]), _likeliest(by_model, None, count)),
            Chances(float(as_drawn[kept.ids == token_id]), _likeliest(as_drawn, kept.ids, count)),
        )


def _likeliest(chances: Tensor, ids: Tensor | None, count: int) -> tuple[tuple[int, float], ...]:
    """Return the ids (None: the index itself) and log-probabilities of the `count` likeliest."""
    values, order = chances.topk(min(count, len(chances)))
    found = order if ids is None else ids[order]
    return tuple(zip(found.tolist(), values.tolist(), strict=True))
