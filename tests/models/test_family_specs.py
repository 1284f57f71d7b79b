"""The ArchSpec of every family, read from a GGUF: what no key says, and what keys change."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatterm.engine.local.decoder.rope import frequencies
from chatterm.errors import BadModelFile
from chatterm.models.arch_spec import SUPPORTED_ARCHITECTURES, ArchSpec, LayerSpec, RopeScaling, RopeSpec
from chatterm.models.gguf import GGUFFile
from chatterm.models.hyperparameters import read_hyperparameters
from tests.support.gguf_files import finish

Value = int | float | bool | str | list[bool]

ROPE = RopeSpec(theta=10_000.0, dimensions=16)


def read(
    tmp_path: Path,
    architecture: str,
    keys: dict[str, Value] | None = None,
    *,
    num_layers: int = 7,
    tensors: tuple[str, ...] = (),
) -> ArchSpec:
    """Write the header of a model of 4 heads in a width of 64, with `keys` of its architecture added."""
    sizes: dict[str, Value] = {
        "block_count": num_layers, "context_length": 4096, "embedding_length": 64,
        "feed_forward_length": 96, "attention.head_count": 4, "attention.layer_norm_rms_epsilon": 1e-6,
    }  # fmt: skip
    writer = GGUFWriter(tmp_path / "spec.gguf", architecture)
    for name, value in (sizes | (keys or {})).items():
        add(writer, f"{architecture}.{name}", value)
    for name in ("token_embd.weight", *tensors):
        writer.add_tensor(name, np.zeros((320, 64), dtype=np.float32))
    with GGUFFile.open(finish(writer, tmp_path / "spec.gguf")) as file:
        return read_hyperparameters(file)


def add(writer: GGUFWriter, key: str, value: Value) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


LLAMA = ArchSpec(
    architecture="llama",
    context_length=4096,
    embedding_length=64,
    feed_forward_length=96,
    num_heads=4,
    num_kv_heads=4,
    head_length=16,
    vocab_size=320,
    is_head_tied=True,
    rms_epsilon=1e-6,
    layers=(LayerSpec(rope=ROPE),) * 7,
    rope_pairs="neighbours",
    query_scale=0.25,
)
HALVES = replace(LLAMA, rope_pairs="halves")
GEMMA = replace(HALVES, norm_placement="both", activation="gelu_tanh", embedding_scale=8.0)
GLOBAL = LayerSpec(rope=ROPE)
LOCAL = LayerSpec(rope=ROPE, window=4096)
BY_NAME = {
    "llama": LLAMA,
    "qwen2": replace(HALVES, has_qkv_bias=True),
    "qwen3": replace(HALVES, qk_norm="head"),
    "gemma2": replace(
        GEMMA,
        layers=(LOCAL, GLOBAL, LOCAL, GLOBAL, LOCAL, GLOBAL, LOCAL),
        attention_softcap=50.0,
        logit_softcap=30.0,
    ),
    "gemma3": replace(GEMMA, qk_norm="head"),
    "phi3": replace(HALVES, has_fused_products=True),
    "smollm3": replace(LLAMA, layers=(*(GLOBAL,) * 3, LayerSpec(rope=None), *(GLOBAL,) * 3)),
    "olmo2": replace(HALVES, qk_norm="full", norm_placement="after"),
    "granite": LLAMA,
}


@pytest.mark.parametrize("architecture", SUPPORTED_ARCHITECTURES)
def test_what_the_name_alone_says(architecture: str, tmp_path: Path) -> None:
    found = read(tmp_path, architecture)
    assert found.rms_epsilon == pytest.approx(1e-6)
    expected = replace(BY_NAME[architecture], architecture=architecture, rms_epsilon=found.rms_epsilon)
    assert found == expected


def test_gemma3_has_two_ropes(tmp_path: Path) -> None:
    keys: dict[str, Value] = {
        "attention.sliding_window": 512,
        "rope.freq_base": 1e6,
        "rope.scaling.type": "linear",
        "rope.scaling.factor": 8.0,
    }
    spec = read(tmp_path, "gemma3", keys)
    scaling = RopeScaling(kind="linear", factor=8.0, original_context_length=4096, attention_factor=1.0)
    wide = LayerSpec(rope=RopeSpec(theta=1e6, dimensions=16, scaling=scaling))
    local = LayerSpec(rope=ROPE, window=512)
    assert spec.layers == (*(local,) * 5, wide, local)
    other = read(tmp_path, "gemma3", keys | {"rope.freq_base_swa": 20_000.0}).layers[0]
    assert other.rope == replace(ROPE, theta=20_000.0)


@pytest.mark.parametrize(
    ("architecture", "num_layers", "scale"),
    [("gemma2", 26, 32**-0.5), ("gemma2", 46, 0.25), ("gemma3", 62, 0.25), ("gemma3", 34, 32**-0.5)],
)
def test_the_largest_gemmas_scale_queries_by_their_width(
    architecture: str, num_layers: int, scale: float, tmp_path: Path
) -> None:
    keys: dict[str, Value] = {"attention.key_length": 32, "attention.value_length": 32}
    assert read(tmp_path, architecture, keys, num_layers=num_layers).query_scale == scale


@pytest.mark.parametrize(
    ("pattern", "windowed"),
    [
        (3, [True, True, False, True, True, False, True]),
        (1, [False] * 7),
        (0, [True] * 7),
        ([True, False, False, False, True, True, False], [True, False, False, False, True, True, False]),
    ],
)
def test_which_layers_have_a_window(pattern: Value, windowed: list[bool], tmp_path: Path) -> None:
    keys: dict[str, Value] = {"attention.sliding_window_pattern": pattern, "attention.sliding_window": 64}
    layers = read(tmp_path, "gemma2", keys).layers
    assert [layer.window == 64 for layer in layers] == windowed


@pytest.mark.parametrize(("architecture", "window"), [("llama", 2048), ("phi3", 2047)])
def test_one_window_for_all_layers(architecture: str, window: int, tmp_path: Path) -> None:
    layers = read(tmp_path, architecture, {"attention.sliding_window": window}).layers
    assert {layer.window for layer in layers} == {window}
    layers = read(tmp_path, architecture, {"attention.sliding_window": 0}).layers
    assert {layer.window for layer in layers} == {None}


def test_phi3_tells_of_longrope_by_its_tensors(tmp_path: Path) -> None:
    keys: dict[str, Value] = {
        "rope.scaling.original_context_length": 1024,
        "rope.scaling.attn_factor": 1.25,
        "rope.dimension_count": 12,
    }
    tensors = ("rope_factors_long.weight", "rope_factors_short.weight")
    rope = read(tmp_path, "phi3", keys, tensors=tensors).layers[0].rope
    scaling = RopeScaling(kind="longrope", original_context_length=1024, attention_factor=1.25)
    assert rope == RopeSpec(theta=10_000.0, dimensions=12, scaling=scaling)


def test_the_multipliers_of_granite(tmp_path: Path) -> None:
    keys: dict[str, Value] = {
        "attention.scale": 0.5, "embedding_scale": 12.0, "residual_scale": 0.25, "logit_scale": 8.0,
    }  # fmt: skip
    spec = read(tmp_path, "granite", keys)
    assert (spec.query_scale, spec.embedding_scale) == (0.5, 12.0)
    assert (spec.residual_scale, spec.logit_scale) == (0.25, 0.125)


def test_a_granite_without_rope(tmp_path: Path) -> None:
    layers = read(tmp_path, "granite", {"rope.scaling.finetuned": False}).layers
    assert layers == (LayerSpec(rope=None),) * 7


def test_biases_are_told_by_their_tensors(tmp_path: Path) -> None:
    spec = read(tmp_path, "llama", tensors=("blk.0.attn_q.bias", "blk.0.attn_output.bias"))
    assert spec.has_qkv_bias
    assert spec.has_output_bias


def test_yarn_of_its_own(tmp_path: Path) -> None:
    keys: dict[str, Value] = {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": 4.0,
        "rope.scaling.yarn_beta_fast": 16.0,
        "rope.scaling.yarn_beta_slow": 2.0,
        "rope.scaling.yarn_log_multiplier": 1.0,
    }
    rope = read(tmp_path, "qwen3", keys).layers[0].rope
    assert rope is not None
    assert rope.scaling == RopeScaling(
        kind="yarn", factor=4.0, original_context_length=4096, attention_factor=1.0,
        beta_fast=16.0, beta_slow=2.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "keys", "message"),
    [
        ("mamba", {}, "the model's architecture is 'mamba', but this engine runs only: llama, qwen2,"),
        ("bert", {}, "the model's architecture is 'bert'"),
        ("olmo2", {"attention.sliding_window": 1024}, "absent or 0 in this architecture, but is 1024"),
        ("gemma2", {"attention.sliding_window_pattern": [True]}, "a list for the 7 layers, but is one of 1"),
        ("gemma2", {"attention.sliding_window_pattern": 1000}, "from 0 to 512, but is 1000"),
        ("gemma2", {"attn_logit_softcapping": math.nan}, "but is nan"),
        ("gemma2", {"final_logit_softcapping": -30.0}, "but is -30"),
        ("gemma3", {"rope.freq_base_swa": 0.0}, "from 1.01 to"),
        ("granite", {"logit_scale": math.inf}, "but is inf"),
        ("granite", {"residual_scale": -0.5}, "but is -0.5"),
        ("granite", {"logit_scale": 1e-30}, "0 or at least 1e-06, but is 1.0"),
        ("qwen3", {"rope.scaling.factor": 1e-30}, "0 or at least 1e-06, but is 1.0"),
        ("granite", {"rope.scaling.finetuned": 1}, "true or false, but is 1"),
        ("qwen3", {"attention.key_length": 15, "attention.value_length": 15}, "even, but is 15"),
        ("qwen3", {"rope.scaling.type": "yarn", "rope.scaling.yarn_beta_fast": 0.0}, "from 0.001 to"),
    ],
)
def test_refused_by_name(architecture: str, keys: dict[str, Value], message: str, tmp_path: Path) -> None:
    with pytest.raises(BadModelFile) as caught:
        read(tmp_path, architecture, keys)
    assert message in str(caught.value)


def test_a_window_as_long_as_the_context_is_none(tmp_path: Path) -> None:
    layers = read(tmp_path, "qwen2", {"attention.sliding_window": 4096}).layers
    assert {layer.window for layer in layers} == {None}


KEYS = (
    "block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count",
    "attention.head_count_kv", "attention.key_length", "attention.value_length", "attention.scale",
    "attention.layer_norm_rms_epsilon", "attention.sliding_window", "attention.sliding_window_pattern",
    "attn_logit_softcapping", "final_logit_softcapping", "embedding_scale", "residual_scale", "logit_scale",
    "rope.dimension_count", "rope.freq_base", "rope.freq_base_swa", "rope.scaling.type",
    "rope.scaling.factor", "rope.scaling.original_context_length", "rope.scaling.attn_factor",
    "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_log_multiplier",
    "rope.scaling.finetuned", "expert_count",
)  # fmt: skip
VALUES = (
    st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 46, 62, 64, 512, 4096, 2**31, 2**32 - 1])
    | st.floats(width=32)
    | st.booleans()
    | st.sampled_from(["none", "linear", "yarn", "longrope", "llama3", "\x00"])
    | st.lists(st.booleans(), min_size=1, max_size=8)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    architecture=st.sampled_from(SUPPORTED_ARCHITECTURES),
    keys=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6),
)
def test_whatever_the_keys_say_it_is_read_or_refused(
    tmp_path: Path, architecture: str, keys: dict[str, Value]
) -> None:
    try:
        spec = read(tmp_path, architecture, keys)
    except BadModelFile:
        return
    assert spec.num_heads % spec.num_kv_heads == 0
    assert spec.head_length % 2 == 0
    for number in (spec.query_scale, spec.embedding_scale, spec.residual_scale, spec.logit_scale):
        assert 0 < number <= 1e6
    for layer in spec.layers:
        assert layer.window is None or layer.window > 0
        if layer.rope is not None:
            assert 2 <= layer.rope.dimensions <= spec.head_length
            turns = frequencies(layer.rope, spec.context_length)
            assert torch.isfinite(turns).all()
            assert (turns > 0).all()
