"""Choosing for several rows at once gives the tokens that choosing for each gives."""

import itertools

import pytest
import torch

from chatterm.engine.base import SamplingParams
from chatterm.engine.local.generation.device_sampling import DeviceSampling, filters_of
from chatterm.engine.local.generation.sampling import make_sampler

SETTINGS = [
    SamplingParams(temperature=t, top_k=k, top_p=p, min_p=m, seed=seed)
    for seed, (t, k, p, m) in enumerate(
        itertools.product((0.0, 0.3, 1.0, 1.9), (0, 1, 40), (0.0, 0.5, 0.95, 1.0), (0.0, 0.1))
    )
]


@pytest.mark.parametrize("spread", [0.5, 4.0, 20.0])
def test_as_each_alone(spread: float) -> None:
    logits = torch.randn(len(SETTINGS), 700, generator=torch.Generator().manual_seed(3)) * spread
    positions = torch.arange(len(SETTINGS)) * 17
    rows = [(params, index % 3) for index, params in enumerate(SETTINGS)]
    found = DeviceSampling.of(rows, 700, torch.device("cpu")).choose(logits, positions, filters_of(SETTINGS))
    expected = [
        make_sampler(params, sample)(row, int(position))
        for (params, sample), row, position in zip(rows, logits, positions, strict=True)
    ]
    assert found.tolist() == expected


def test_less_work_where_less_is_asked_for() -> None:
    logits = torch.randn(2, 50, generator=torch.Generator().manual_seed(4))
    for params in SamplingParams(temperature=0), SamplingParams(temperature=1, top_p=1, seed=5):
        filters = filters_of([params, params])
        assert not filters.is_filtered
        sampling = DeviceSampling.of([(params, 0), (params, 1)], 50, logits.device)
        found = sampling.choose(logits, torch.tensor([7, 7]), filters)
        assert found.tolist() == [make_sampler(params, sample)(logits[sample], 7) for sample in (0, 1)]
