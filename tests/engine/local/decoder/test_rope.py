"""Frequencies against transformers at the sizes of real models, and the order of a head's numbers."""

from typing import Any  # transformers has no types

import pytest
import torch

from chatterm.engine.local.decoder.rope import Rotations, frequencies, neighbour_order
from chatterm.models.arch_spec import RopeScaling, RopeSpec

CPU = torch.device("cpu")


def transformers_rope(
    rope: dict[str, Any], head_length: int, context_length: int
) -> tuple[torch.Tensor, float]:
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = LlamaConfig(
        hidden_size=head_length * 8,
        num_attention_heads=8,
        head_dim=head_length,
        max_position_embeddings=context_length,
        rope_parameters=rope,
    )
    turns, magnitude = ROPE_INIT_FUNCTIONS[rope["rope_type"]](config, CPU)
    return turns, float(magnitude)


LLAMA_31 = RopeSpec(
    theta=500_000.0,
    dimensions=128,
    scaling=RopeScaling(kind="llama3", factor=8.0, original_context_length=8192),
)
QWEN_YARN = RopeSpec(
    theta=1_000_000.0,
    dimensions=128,
    scaling=RopeScaling(kind="yarn", factor=4.0, original_context_length=32_768),
)
GEMMA_3 = RopeSpec(theta=1_000_000.0, dimensions=256, scaling=RopeScaling(kind="linear", factor=8.0))
YARN_OF_ITS_OWN = RopeSpec(
    theta=10_000.0,
    dimensions=96,
    scaling=RopeScaling(
        kind="yarn",
        factor=40.0,
        original_context_length=4096,
        beta_fast=24.0,
        beta_slow=2.0,
        attention_factor=1.1,
    ),
)


@pytest.mark.parametrize("rope", [LLAMA_31, QWEN_YARN, GEMMA_3, YARN_OF_ITS_OWN])
def test_stretched_as_transformers_does(rope: RopeSpec) -> None:
    scaling = rope.scaling
    assert scaling is not None
    parameters = {
        "rope_type": scaling.kind,
        "rope_theta": rope.theta,
        "factor": scaling.factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": scaling.original_context_length,
        "beta_fast": scaling.beta_fast,
        "beta_slow": scaling.beta_slow,
        "attention_factor": scaling.attention_factor,
    }
    context_length = int((scaling.original_context_length or 4096) * scaling.factor)
    expected, magnitude = transformers_rope(parameters, rope.dimensions, context_length)
    torch.testing.assert_close(frequencies(rope, context_length), expected, rtol=2e-6, atol=0)
    assert scaling.rotation_scale == pytest.approx(magnitude, rel=1e-6)


def test_longrope_magnifies_as_phi_3_says() -> None:
    scaling = RopeScaling(kind="longrope", factor=32.0, original_context_length=4096)
    assert scaling.rotation_scale == pytest.approx(1.1902, abs=1e-4)  # Phi-3-mini-128k's
    assert RopeScaling(kind="longrope", factor=1.0, original_context_length=4096).rotation_scale == 1.0


def test_yarn_without_an_original_context_takes_the_models() -> None:
    plain = RopeScaling(kind="yarn", factor=4.0)
    said = RopeScaling(kind="yarn", factor=4.0, original_context_length=2048)
    one = frequencies(RopeSpec(theta=1e4, dimensions=64, scaling=plain), 2048)
    other = frequencies(RopeSpec(theta=1e4, dimensions=64, scaling=said), 65_536)
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("heads", "length", "dimensions", "expected"),
    [
        (1, 6, 6, [0, 3, 1, 4, 2, 5]),
        (1, 8, 4, [0, 2, 1, 3, 4, 5, 6, 7]),
        (2, 4, 4, [0, 2, 1, 3, 4, 6, 5, 7]),
    ],
)
def test_the_order_makes_neighbours_of_halves(
    heads: int, length: int, dimensions: int, expected: list[int]
) -> None:
    assert neighbour_order(heads, length, dimensions).tolist() == expected


def test_the_table_grows_and_keeps_its_numbers() -> None:
    turns = frequencies(RopeSpec(theta=1e4, dimensions=8), 1024)
    table = Rotations(turns, CPU, magnitude=1.5, context_length=1024)
    first = table.of(3, 5).clone()
    assert table.of(2000, 2002).shape == (2, 1, 4)  # beyond the context, too
    torch.testing.assert_close(table.of(3, 5), first, rtol=0, atol=0)
    torch.testing.assert_close(first.abs(), torch.full((2, 1, 4), 1.5))
    torch.testing.assert_close(first[1, 0].real, 1.5 * torch.cos(4 * turns))
    torch.testing.assert_close(first[1, 0].imag, 1.5 * torch.sin(4 * turns))
