"""Penalties, constraints and what is told of a token, with transformers and plain sums as oracles."""

import math

import pytest
import torch

from chatterm.engine.base import SamplingParams
from chatterm.engine.local.generation.choosing import TokenChooser
from chatterm.engine.local.generation.penalties import has_penalties, penalised
from chatterm.errors import GenerationFailed

NUM_TOKENS = 50
IDS = [3, 7, 7, 9, 3, 7, 40]


def random_logits(seed: int = 0) -> torch.Tensor:
    return torch.randn(NUM_TOKENS, generator=torch.Generator().manual_seed(seed)) * 3


def test_the_repetition_penalty_is_that_of_transformers() -> None:
    from transformers import RepetitionPenaltyLogitsProcessor

    logits = random_logits()
    expected = RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([IDS]), logits.unsqueeze(0).clone())[0]
    torch.testing.assert_close(penalised(logits, IDS, SamplingParams(repeat_penalty=1.3)), expected)


def test_presence_counts_once_and_frequency_each_time() -> None:
    logits = random_logits()
    found = penalised(logits, IDS, SamplingParams(presence_penalty=0.5, frequency_penalty=0.25))
    expected = logits.clone()
    for token_id in set(IDS):
        expected[token_id] -= 0.5 + 0.25 * IDS.count(token_id)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("last_n", "touched"), [(0, set()), (2, {7, 40}), (4, {9, 3, 7, 40}), (-1, set(IDS))]
)
def test_penalties_look_back_so_far(last_n: int, touched: set[int]) -> None:
    params = SamplingParams(repeat_last_n=last_n, presence_penalty=1)
    logits = random_logits()
    found = penalised(logits, IDS, params) if has_penalties(params) else logits
    assert set((found != logits).nonzero()[:, 0].tolist()) == touched


def test_without_penalties_nothing_is_done() -> None:
    assert not has_penalties(SamplingParams())
    assert has_penalties(SamplingParams(repeat_penalty=1.1))
    assert has_penalties(SamplingParams(presence_penalty=-0.1))
    assert has_penalties(SamplingParams(frequency_penalty=0.1))


def test_a_penalty_changes_the_choice() -> None:
    logits = torch.tensor([2.0, 1.9, -1.0])
    assert TokenChooser(SamplingParams(temperature=0), 0).choose(logits, [0]).token_id == 0
    params = SamplingParams(temperature=0, repeat_penalty=1.2)
    assert TokenChooser(params, 0).choose(logits, [0]).token_id == 1


class OnlyThese:
    """A constraint that lets some tokens come, and three in all."""

    def __init__(self, *allowed: int) -> None:
        self.allowed = allowed
        self.taken: list[int] = []

    @property
    def is_complete(self) -> bool:
        return len(self.taken) == 3

    def restrict(self, logits: torch.Tensor) -> torch.Tensor:
        kept = torch.full_like(logits, -math.inf)
        kept[list(self.allowed)] = logits[list(self.allowed)]
        return kept

    def accept(self, token_id: int) -> None:
        self.taken.append(token_id)


@pytest.mark.parametrize("temperature", [0, 0.7, 2])
@pytest.mark.parametrize("top_p", [0.5, 1.0])
def test_a_constraint_is_kept(temperature: float, top_p: float) -> None:
    constraint = OnlyThese(4, 5, 6)
    params = SamplingParams(temperature=temperature, top_p=top_p)
    chooser = TokenChooser(params, 0, constraint=constraint)
    for position in range(3):
        assert not chooser.is_complete
        drawn = chooser.choose(random_logits(position), list(range(position)))
        assert drawn.token_id in {4, 5, 6}
        chooser.accept(drawn.token_id)
    assert chooser.is_complete


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("temperature", [0, 0.7])
def test_numbers_that_are_none_end_the_reply(bad: float, temperature: float) -> None:
    logits = random_logits()
    logits[12] = bad
    with pytest.raises(GenerationFailed, match="NaN or infinite"):
        TokenChooser(SamplingParams(temperature=temperature), 0).choose(logits, [])


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_both_kinds_of_probabilities_are_told(temperature: float) -> None:
    logits = random_logits(1)
    params = SamplingParams(temperature=temperature, top_k=5, top_p=1.0, repeat_penalty=1.5)
    constraint = OnlyThese(*range(30))
    drawn = TokenChooser(params, 0, constraint=constraint, num_alternatives=8).choose(logits, IDS)
    assert drawn.by_model is not None
    assert drawn.as_drawn is not None
    by_model = logits.double().log_softmax(0)
    assert drawn.by_model.of_token == pytest.approx(float(by_model[drawn.token_id]))
    values, ids = by_model.topk(8)
    assert [one for one, _ in drawn.by_model.likeliest] == ids.tolist()
    assert [value for _, value in drawn.by_model.likeliest] == pytest.approx(values.tolist())
    adjusted = constraint.restrict(penalised(logits, IDS, params))
    values, ids = adjusted.topk(5)
    chances = (values.double() / temperature).log_softmax(0)
    assert [one for one, _ in drawn.as_drawn.likeliest] == ids.tolist()
    assert [value for _, value in drawn.as_drawn.likeliest] == pytest.approx(chances.tolist())
    assert drawn.as_drawn.of_token == pytest.approx(dict(drawn.as_drawn.likeliest)[drawn.token_id])


def test_greedily_nothing_else_could_have_come() -> None:
    drawn = TokenChooser(SamplingParams(temperature=0), 0, num_alternatives=3).choose(random_logits(), [])
    assert drawn.as_drawn is not None
    assert drawn.as_drawn.of_token == 0
    assert drawn.as_drawn.likeliest == ((drawn.token_id, 0.0),)


def test_telling_changes_nothing_that_is_drawn() -> None:
    params = SamplingParams(temperature=1.0, seed=2)
    plain, telling = TokenChooser(params, 0), TokenChooser(params, 0, num_alternatives=0)
    for position in range(50):
        ids = list(range(position))
        drawn = telling.choose(random_logits(position), ids)
        assert plain.choose(random_logits(position), ids) == (drawn.token_id, None, None)
        assert drawn.by_model is not None
        assert drawn.by_model.likeliest == ()
