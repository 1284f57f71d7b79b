"""Attention against the plain formula: every window, cap, group and place in a sequence."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from chatterm.engine.local.decoder.attention import Attention
from chatterm.engine.local.decoder.linear import Placement
from chatterm.models.arch_spec import ArchSpec, LayerSpec

HEAD_LENGTH = 8


def spec(num_kv_heads: int, group: int, cap: float | None, scale: float) -> ArchSpec:
    return ArchSpec(
        architecture="llama",
        context_length=64,
        embedding_length=32,
        feed_forward_length=32,
        num_heads=num_kv_heads * group,
        num_kv_heads=num_kv_heads,
        head_length=HEAD_LENGTH,
        vocab_size=32,
        is_head_tied=True,
        rms_epsilon=1e-6,
        layers=(LayerSpec(rope=None),),
        rope_pairs="neighbours",
        query_scale=scale,
        attention_softcap=cap,
    )


def plain_attention(
    heads: torch.Tensor, cache: torch.Tensor, shape: ArchSpec, start: int, window: int | None
) -> torch.Tensor:
    """Return (n, heads x head_length), one query at a time."""
    rows = []
    for row, position in zip(heads, range(start, start + len(heads)), strict=True):
        first = 0 if window is None else max(0, position + 1 - window)
        for head in range(shape.num_heads):
            keys, values = cache[:, head * shape.num_kv_heads // shape.num_heads, first : position + 1]
            scores = keys @ row[head] * shape.query_scale
            if shape.attention_softcap is not None:
                scores = shape.attention_softcap * torch.tanh(scores / shape.attention_softcap)
            rows.append(scores.softmax(0) @ values)
    return torch.cat(rows).view(len(heads), -1)


@given(
    num_kv_heads=st.integers(1, 3),
    group=st.integers(1, 3),
    start=st.integers(0, 20),
    num_tokens=st.integers(1, 12),
    window=st.none() | st.integers(1, 40),
    cap=st.none() | st.just(1.5),
    scale=st.sampled_from([HEAD_LENGTH**-0.5, 1.0]),
)
def test_as_the_formula_says(
    *,
    num_kv_heads: int,
    group: int,
    start: int,
    num_tokens: int,
    window: int | None,
    cap: float | None,
    scale: float,
) -> None:
    rng = torch.Generator().manual_seed(start * 100 + num_tokens)
    shape = spec(num_kv_heads, group, cap, scale)
    attention = Attention(shape, Placement.reference())
    cache = torch.full((2, num_kv_heads, 64, HEAD_LENGTH), torch.nan)  # what is not written is not read
    cache[:, :, :start] = torch.randn(2, num_kv_heads, start, HEAD_LENGTH, generator=rng)
    heads = torch.randn(num_tokens, num_kv_heads * (group + 2), HEAD_LENGTH, generator=rng)
    end = start + num_tokens
    found = attention(heads, cache, attention.sight(start, end, window))
    new = heads[:, -2 * num_kv_heads :].view(num_tokens, 2, num_kv_heads, HEAD_LENGTH)
    torch.testing.assert_close(cache[:, :, start:end], new.permute(1, 2, 0, 3), rtol=0, atol=0)
    expected = plain_attention(heads, cache, shape, start, window)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert torch.isnan(cache[:, :, end:]).all(), "only the positions of the queries are written"
