"""Every family of decoders against transformers, on tiny random models in GGUF files."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any  # transformers has no types

import numpy as np
import pytest
import torch

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.decoder.loading import load_decoder, load_split_decoder
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.weights.tensors import WeightFile
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.gguf import GGUFFile
from chatterm.models.hyperparameters import read_hyperparameters
from tests.support.family_gguf import family_gguf, round_weights
from tests.support.llama_oracle import transformers_logits
from tests.support.tiny_models import FAMILIES, LINEAR_ROPE, LLAMA3_ROPE, PLAIN_ROPE, YARN_ROPE, tiny_model

REFERENCE = Placement.reference()
PACKED = Placement.best_for(torch.device("cpu"))
IDS = np.random.default_rng(0).integers(3, 320, 150).tolist()


def load(path: Path, placement: Placement = REFERENCE, context_length: int | None = None) -> Decoder:
    file = GGUFFile.open(path)
    spec = read_hyperparameters(file)
    return load_decoder(WeightFile(file), spec, placement, context_length=context_length)[0]


def made(tmp_path: Path, family: str, changes: Mapping[str, object] | None = None) -> tuple[Decoder, Any]:
    config, model = tiny_model(family, **(changes or {}))
    return load(family_gguf(tmp_path / "tiny.gguf", family, config, model)), model


@torch.inference_mode()
def read_in_steps(decoder: Decoder, ids: list[int], sizes: list[int]) -> torch.Tensor:
    """Return the logits of all positions, read `sizes` tokens at a time; the last size repeats."""
    slab = Slab(decoder, 16_384)
    logits, start = [], 0
    while start < len(ids):
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        logits.append(slab.read(ids[start : start + size], is_last_only=False))
        start += size
    return torch.cat(logits)


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * max(1.0, scale / 10))


@pytest.mark.parametrize("family", FAMILIES)
def test_gives_the_logits_of_transformers(family: str, tmp_path: Path) -> None:
    decoder, model = made(tmp_path, family)
    assert_close(read_in_steps(decoder, IDS, [len(IDS)]), transformers_logits(model, IDS))


VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "biases on all of attention": ("llama", {"attention_bias": True}),
    "tied, one kv head": ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 1}),
    "a kv head for each head": ("llama", {"num_key_value_heads": 6}),
    "a window in every layer": ("mistral", {"sliding_window": 9}),
    "untied": ("qwen2", {"tie_word_embeddings": False, "rope_parameters": PLAIN_ROPE}),
    "a cap on the logits": ("gemma3", {"final_logit_softcapping": 3.0}),
    "a window longer than the text": ("gemma2", {"sliding_window": 400}),
    "no stretching": ("phi3", {"rope_parameters": PLAIN_ROPE, "sliding_window": None}),
    "grouped, stretched": ("smollm3", {"num_key_value_heads": 3, "rope_parameters": LLAMA3_ROPE}),
    "fewer kv heads": ("olmo2", {"num_key_value_heads": 1}),
    "biases": ("granite", {"attention_bias": True, "tie_word_embeddings": False}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_of_a_family(name: str, tmp_path: Path) -> None:
    family, changes = VARIANTS[name]
    decoder, model = made(tmp_path, family, changes)
    expected = transformers_logits(model, IDS)
    assert_close(read_in_steps(decoder, IDS, [len(IDS)]), expected)
    assert_close(read_in_steps(decoder, IDS, [100, 1]), expected)


def without_scaling(spec: ArchSpec) -> ArchSpec:
    layers = [replace(layer, rope=layer.rope and replace(layer.rope, scaling=None)) for layer in spec.layers]
    return replace(spec, layers=tuple(layers))


def with_one_theta(spec: ArchSpec) -> ArchSpec:
    layers = [replace(layer, rope=layer.rope and replace(layer.rope, theta=1e5)) for layer in spec.layers]
    return replace(spec, layers=tuple(layers))


def without_windows(spec: ArchSpec) -> ArchSpec:
    return replace(spec, layers=tuple(replace(layer, window=None) for layer in spec.layers))


def with_rope_everywhere(spec: ArchSpec) -> ArchSpec:
    return replace(spec, layers=(spec.layers[0],) * spec.num_layers)


def other_pairs(spec: ArchSpec) -> ArchSpec:
    return replace(spec, rope_pairs="halves" if spec.rope_pairs == "neighbours" else "neighbours")


def changed(**values: Any) -> Callable[[ArchSpec], ArchSpec]:
    return lambda spec: replace(spec, **values)


WHAT_MATTERS: list[tuple[str, Callable[[ArchSpec], ArchSpec]]] = [
    *((family, other_pairs) for family in FAMILIES),
    *((family, changed(query_scale=0.1)) for family in FAMILIES),
    ("qwen2", without_scaling),
    ("qwen3", without_scaling),
    ("gemma2", without_windows),
    ("gemma2", changed(attention_softcap=None)),
    ("gemma2", changed(logit_softcap=None)),
    ("gemma2", changed(embedding_scale=1.0)),
    ("gemma2", changed(activation="silu")),
    ("gemma3", without_windows),
    ("gemma3", without_scaling),
    ("gemma3", with_one_theta),
    ("gemma3", changed(embedding_scale=1.0)),
    ("phi3", without_windows),
    ("phi3", without_scaling),
    ("smollm3", with_rope_everywhere),
    ("granite", changed(embedding_scale=1.0)),
    ("granite", changed(residual_scale=1.0)),
    ("granite", changed(logit_scale=1.0)),
]


@pytest.mark.parametrize(("family", "change"), WHAT_MATTERS)
def test_whatever_varies_is_seen_in_the_logits(
    family: str, change: Callable[[ArchSpec], ArchSpec], tmp_path: Path
) -> None:
    """So that none of the comparisons here can pass without it."""
    config, model = tiny_model(family)
    file = GGUFFile.open(family_gguf(tmp_path / "tiny.gguf", family, config, model))
    spec = read_hyperparameters(file)
    right, wrong = (
        read_in_steps(load_decoder(WeightFile(file), each, REFERENCE)[0], IDS, [len(IDS)])
        for each in (spec, change(spec))
    )
    assert float((right - wrong).norm() / right.norm()) > 0.003


@pytest.mark.parametrize("family", FAMILIES)
def test_in_steps_as_all_at_once(family: str, tmp_path: Path) -> None:
    decoder, model = made(tmp_path, family)
    found = read_in_steps(decoder, IDS, [7, 40, 1, 1, 30, 1])
    assert_close(found, transformers_logits(model, IDS))


@pytest.mark.parametrize("placement", [REFERENCE, PACKED], ids=["reference", "packed"])
@pytest.mark.parametrize("family", FAMILIES)
def test_several_sequences_in_one_pass_as_each_alone(
    family: str, placement: Placement, tmp_path: Path
) -> None:
    config, model = tiny_model(family)
    decoder = load(family_gguf(tmp_path / "tiny.gguf", family, config, model, "Q8_0"), placement)
    texts = [IDS[:60], IDS[60:83], IDS[83:150]]
    alone = [read_in_steps(decoder, ids, [11, 1, 8, 1, 100]) for ids in texts]
    slabs = [Slab(decoder, 1024) for _ in texts]
    with torch.inference_mode():
        for slab, ids in zip(slabs, texts, strict=True):
            slab.reserve(len(ids))
            slab.read(ids[:11])
        for start, end in (11, 12), (12, 20), (20, 21):
            segments = [Segment(slab.tensors, start, end - start) for slab in slabs]
            tokens = torch.tensor([token for text in texts for token in text[start:end]])
            found = decoder.forward(tokens, segments)
            expected = torch.stack([logits[end - 1] for logits in alone])
            if placement is REFERENCE:
                assert_close(found, expected)
            assert float((found - expected).norm() / expected.norm()) < 0.02
        every = decoder.forward(tokens, segments, is_last_only=False)
    assert_close(every, found)


META = Placement(torch.device("meta"), torch.float16, keeps_packed=False)
"""A device that computes shapes only, and refuses what lies elsewhere as any other does."""


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_left_behind_on_the_cpu(family: str, tmp_path: Path) -> None:
    config, model = tiny_model(family)
    decoder = load(family_gguf(tmp_path / "tiny.gguf", family, config, model), META)
    slabs = [Slab(decoder, 1024) for _ in range(2)]
    for slab in slabs:
        slab.reserve(100)
    for starts, size in ([0], 20), ([30], 1), ([30], 5), ([40, 20], 3):
        segments = [Segment(slab.tensors, start, size) for slab, start in zip(slabs, starts, strict=False)]
        logits = decoder.forward(torch.arange(size * len(starts)), segments)
        assert logits.device.type == "meta"
        assert logits.shape == (len(starts), 320)


@pytest.mark.parametrize("block_type", ["Q4_0", "Q8_0"])
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_it_stays_within_what_bf16_rounds(family: str, block_type: str, tmp_path: Path) -> None:
    config, model = tiny_model(family)
    round_weights(model, block_type)
    path = family_gguf(tmp_path / "tiny.gguf", family, config, model, block_type)
    expected = transformers_logits(model, IDS)
    assert_close(read_in_steps(load(path), IDS, [len(IDS)]), expected)
    for sizes in [len(IDS)], [100, 1]:
        found = read_in_steps(load(path, PACKED), IDS, list(sizes))
        assert float((found - expected).norm() / expected.norm()) < 0.05


LONG_IDS = np.random.default_rng(1).integers(3, 320, 8_300).tolist()
SHORT: dict[str, object] = {
    "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "hidden_size": 32,
    "intermediate_size": 32, "max_position_embeddings": 16_384, "head_dim": 16,
}  # fmt: skip
LONG_ROPES: dict[str, tuple[str, dict[str, object]]] = {
    "llama3": ("llama", {**LLAMA3_ROPE, "original_max_position_embeddings": 8192}),
    "yarn": ("qwen3", {**YARN_ROPE, "original_max_position_embeddings": 2048}),
    "linear": ("llama", LINEAR_ROPE),
    "longrope": (
        "phi3",
        {
            "rope_type": "longrope", "rope_theta": 10_000.0, "original_max_position_embeddings": 4096,
            "short_factor": [1.0, 1.05, 1.1, 1.3], "long_factor": [1.1, 2.0, 5.0, 9.0],
            "partial_rotary_factor": 0.5,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", LONG_ROPES)
def test_past_8000_positions_where_rope_is_stretched(kind: str, tmp_path: Path) -> None:
    family, rope = LONG_ROPES[kind]
    changes = SHORT | {"rope_parameters": rope}
    if family == "phi3":
        changes |= {"original_max_position_embeddings": 4096, "sliding_window": None}
    decoder, model = made(tmp_path, family, changes)
    model.config._attn_implementation = "sdpa"
    expected = transformers_logits(model, LONG_IDS)
    found = read_in_steps(decoder, LONG_IDS, [4090, 1, 1, 1, 4107, 50, 1])
    assert_close(found[-200:], expected[-200:])
    assert_close(found[4000:4300], expected[4000:4300])


@pytest.mark.parametrize(("context", "num_tokens"), [(64, 60), (65, 70), (None, 150)])
def test_longrope_goes_by_the_context_it_is_loaded_for(
    context: int | None, num_tokens: int, tmp_path: Path
) -> None:
    """transformers goes by the tokens of each pass: short factors up to the original 64, long ones beyond."""
    config, model = tiny_model("phi3")
    path = family_gguf(tmp_path / "tiny.gguf", "phi3", config, model)
    ids = IDS[:num_tokens]
    found = read_in_steps(load(path, context_length=context), ids, [num_tokens])
    assert_close(found, transformers_logits(model, ids))


@pytest.mark.parametrize("family", ["gemma2", "llama"])
def test_layers_on_two_devices_as_on_one(family: str, tmp_path: Path) -> None:
    config, model = tiny_model(family)
    file = GGUFFile.open(family_gguf(tmp_path / "tiny.gguf", family, config, model))
    spec = read_hyperparameters(file)
    decoder, _ = load_split_decoder(WeightFile(file), spec, (REFERENCE, REFERENCE), 2)
    slab = Slab(decoder, 512)
    with torch.inference_mode():
        found = torch.cat(
            [slab.read(some, is_last_only=False) for some in (IDS[:20], IDS[20:21], IDS[21:40])]
        )
        last = slab.read(IDS[40:42])
    expected = transformers_logits(model, IDS[:42])
    assert_close(found, expected[:40])
    assert_close(last, expected[41])
