"""Model folders: what config.json says of a decoder, in its new form and its old; bad folders refused."""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from chatterm.errors import BadModelFile, ChattermError, ModelNotFound
from chatterm.models.arch_spec import ArchSpec, LayerSpec, RopeScaling, RopeSpec
from chatterm.models.checkpoint import Checkpoint
from chatterm.models.checkpoint_config import ConfigReader, is_checkpoint
from chatterm.models.checkpoint_names import gguf_name, is_left_out
from chatterm.models.checkpoint_spec import NATIVE_TYPES, Foreign, read_spec
from tests.support.tiny_models import FAMILIES, tiny_model

Json = dict[str, Any]  # JSON has many types

LLAMA: Json = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
    "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 512, "vocab_size": 100,
    "rms_norm_eps": 1e-5,
}  # fmt: skip


def spec_of(**changes: object) -> ArchSpec:
    found = read_spec(ConfigReader({**LLAMA, **changes}, "config.json"))
    assert isinstance(found, ArchSpec), found.reason
    return found


def reason_of(**changes: object) -> str:
    found = read_spec(ConfigReader({**LLAMA, **changes}, "config.json"))
    assert isinstance(found, Foreign)
    return found.reason


@pytest.mark.parametrize("family", FAMILIES)
def test_the_old_form_says_the_same_as_the_new(family: str) -> None:
    """Version 5 writes rope_parameters and layer_types; older files say it in other words."""
    config, _ = tiny_model(family)
    new = config.to_dict()
    old = {key: value for key, value in new.items() if key not in {"rope_parameters", "layer_types"}}
    ropes = new["rope_parameters"]
    main = ropes.get("full_attention", ropes)
    old["rope_theta"] = main["rope_theta"]
    if "full_attention" in ropes:
        old["rope_local_base_freq"] = ropes["sliding_attention"]["rope_theta"]
        old["sliding_window_pattern"] = 6
    old["partial_rotary_factor"] = main.get("partial_rotary_factor", 1.0)
    if main["rope_type"] != "default":
        renamed = {"rope_type": "type", "rope_theta": "unused"}
        old["rope_scaling"] = {renamed.get(key, key): value for key, value in main.items()}
    assert read_spec(ConfigReader(old, "old")) == read_spec(ConfigReader(new, "new"))
    assert read_spec(ConfigReader(json.loads(config.to_json_string()), "saved")) == read_spec(
        ConfigReader(new, "new")
    )


def test_every_family_is_native() -> None:
    assert {"gemma3_text" if family == "gemma3" else family for family in FAMILIES} == set(NATIVE_TYPES)


def test_names_of_every_family_are_known() -> None:
    for family in FAMILIES:
        config, model = tiny_model(family)
        spec = read_spec(ConfigReader(config.to_dict(), family))
        assert isinstance(spec, ArchSpec)
        names = {name: gguf_name(name, spec) for name in model.state_dict() if not is_left_out(name, spec)}
        assert None not in names.values()
        assert len(set(names.values())) == len(names)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"num_kv_heads": 4, "head_length": 16, "is_head_tied": False, "query_scale": 0.25}),
        ({"head_dim": 32, "num_key_value_heads": 2}, {"head_length": 32, "num_kv_heads": 2}),
        ({"head_dim": None, "num_key_value_heads": None}, {"head_length": 16, "num_kv_heads": 4}),
        ({"attention_bias": True}, {"has_qkv_bias": True, "has_output_bias": True}),
        ({"model_type": "qwen2"}, {"has_qkv_bias": True, "has_output_bias": False, "architecture": "qwen2"}),
        ({"model_type": "mistral"}, {"architecture": "llama"}),
        ({"model_type": "qwen3"}, {"head_length": 128, "qk_norm": "head"}),
        ({"model_type": "gemma2"}, {"is_head_tied": True, "activation": "gelu_tanh", "query_scale": 1 / 16}),
        ({"model_type": "gemma2", "attn_logit_softcapping": None}, {"attention_softcap": None}),
        ({"model_type": "olmo2"}, {"norm_placement": "after", "qk_norm": "full"}),
        ({"model_type": "phi3"}, {"has_fused_products": True}),
        ({"model_type": "granite", "logits_scaling": 8}, {"logit_scale": 0.125}),
        ({"logits_scaling": 8}, {"logit_scale": 1.0}),
    ],
)
def test_what_a_config_leaves_unsaid(changes: Json, expected: Mapping[str, object]) -> None:
    spec = spec_of(**changes)
    assert {key: getattr(spec, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("changes", "windows"),
    [
        ({}, [None] * 4),
        ({"sliding_window": 8}, [None] * 4),
        ({"model_type": "mistral", "sliding_window": 8}, [8] * 4),
        ({"model_type": "mistral", "sliding_window": None}, [None] * 4),
        ({"model_type": "mistral"}, [4096] * 4),
        ({"model_type": "phi3"}, [None] * 4),
        ({"model_type": "qwen2", "sliding_window": 8}, [None] * 4),
        (
            {"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": True, "max_window_layers": 3},
            [None, None, None, 8],
        ),
        ({"model_type": "gemma2"}, [4096, None, 4096, None]),
        ({"model_type": "gemma3_text", "sliding_window": 9, "sliding_window_pattern": 3}, [9, 9, None, 9]),
        (
            {
                "model_type": "gemma3_text",
                "sliding_window": 9,
                "layer_types": ["full_attention", *["sliding_attention"] * 3],
            },
            [None, 9, 9, 9],
        ),
    ],
)
def test_windows(changes: Json, windows: list[int | None]) -> None:
    assert [layer.window for layer in spec_of(**changes).layers] == windows


def test_the_text_part_of_a_model_with_eyes(tmp_path: Path) -> None:
    """gemma3's text_config leaves out what is as in its class; tensors of the eyes are left out."""
    text = {"model_type": "gemma3_text", "num_hidden_layers": 2, "sliding_window": 1024}
    whole = {
        "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "text_config": text,
        "vision_config": {"hidden_size": 8},
    }  # fmt: skip
    names = [
        "language_model.model.layers.0.mlp.up_proj.weight", "model.language_model.norm.weight",
        "vision_tower.vision_model.embeddings.weight", "multi_modal_projector.mm_soft_emb_norm.weight",
    ]  # fmt: skip
    checkpoint = Checkpoint.open(write(tmp_path, whole, model__safetensors=names))
    spec = checkpoint.spec
    assert isinstance(spec, ArchSpec)
    assert (spec.vocab_size, spec.num_heads, spec.head_length, spec.num_layers) == (262_208, 8, 256, 2)
    kept = {gguf_name(name, spec) for name in checkpoint.tensors if not is_left_out(name, spec)}
    assert kept == {"blk.0.ffn_up.weight", "output_norm.weight"}


def test_every_fourth_layer_of_smollm3_has_no_rope() -> None:
    def turning(**changes: object) -> list[bool]:
        layers = spec_of(model_type="smollm3", **changes).layers
        return [layer.rope is not None for layer in layers]

    assert turning() == [True, True, True, False]
    assert turning(no_rope_layer_interval=2) == [True, False, True, False]
    assert turning(no_rope_layers=[0, 1, 1, 1]) == [False, True, True, True]


def test_rope_scaling_of_llama_3_in_its_old_form() -> None:
    scaling = {
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 128,
    }  # fmt: skip
    expected = RopeScaling(kind="llama3", factor=32.0, original_context_length=128)
    layer = LayerSpec(rope=RopeSpec(theta=500_000.0, dimensions=16, scaling=expected))
    assert spec_of(rope_theta=500_000, rope_scaling=scaling).layers == (layer,) * 4


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "gpt_neox"}, "model_type is 'gpt_neox'"),
        ({"hidden_act": "relu"}, "activation is 'relu'"),
        ({"mlp_bias": True}, "sets mlp_bias"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "stretches its context by 'dynamic'"),
        (
            {
                "model_type": "qwen3",
                "use_sliding_window": True,
                "sliding_window": 8,
                "layer_types": ["linear_attention", *["full_attention"] * 3],
            },
            "layers of type 'linear_attention'",
        ),
    ],
)
def test_what_the_decoder_cannot_compute_is_foreign(changes: Json, reason: str) -> None:
    assert reason in reason_of(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": None}, "has no hidden_size"),
        ({"hidden_size": 0}, "hidden_size should be from 1 to"),
        ({"hidden_size": 10**9}, "hidden_size should be from 1 to 1,048,576, but is 1000000000"),
        ({"hidden_size": "64"}, "hidden_size should be a whole number"),
        ({"hidden_size": True}, "hidden_size should be a whole number"),
        ({"hidden_size": 65}, "num_attention_heads should be a divisor of hidden_size 65"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers should be from 1 to 512"),
        ({"num_key_value_heads": 3}, "num_key_value_heads should be a divisor of the 4 heads"),
        ({"num_key_value_heads": 8}, "num_key_value_heads should be from 1 to 4"),
        ({"head_dim": 15}, "head_dim should be even"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps should be finite"),
        ({"rms_norm_eps": 0}, "rms_norm_eps should be from 1e-15"),
        ({"rope_theta": float("inf")}, "rope_theta should be finite"),
        ({"rope_theta": 10**400}, "rope_theta should be a number"),
        ({"rope_scaling": 3}, "rope_scaling should be an object"),
        ({"rope_scaling": {"type": "linear", "factor": -1}}, "factor should be from"),
        ({"partial_rotary_factor": 0.19}, "partial_rotary_factor should be an even part of 16"),
        ({"max_position_embeddings": 2**40}, "max_position_embeddings should be from"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings should be true or false"),
        ({"model_type": None}, "has no model_type"),
        ({"model_type": "smollm3", "no_rope_layers": [1]}, "no_rope_layers should be a list of 4"),
        (
            {"model_type": "phi3", "rope_scaling": {"type": "su", "long_factor": [1.0]}},
            "(short|long)_factor should be a list",
        ),
    ],
)
def test_absurd_numbers_are_refused(changes: Json, message: str) -> None:
    with pytest.raises(BadModelFile, match=message) as caught:
        read_spec(ConfigReader({**LLAMA, **changes}, "config.json"))
    assert len(str(caught.value)) < 400


def write(folder: Path, config: object = LLAMA, **files: object) -> Path:
    folder.mkdir(exist_ok=True)
    raw = config if isinstance(config, bytes) else json.dumps(config).encode()
    (folder / "config.json").write_bytes(raw)
    for name, content in files.items():
        path = folder / name.replace("__", ".").replace("_0", "-0")
        if isinstance(content, dict):
            path.write_text(json.dumps(content))
        else:
            save_file({str(name): torch.zeros(2) for name in content}, path)  # type: ignore[attr-defined]  # a list
    return folder


def sharded(folder: Path, weight_map: Mapping[str, object], **files: object) -> Path:
    write(folder, **files)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


ONE, TWO = "model-00001.safetensors", "model-00002.safetensors"


def test_shards_are_one_model(tmp_path: Path) -> None:
    folder = sharded(tmp_path, {"a": ONE, "b": TWO}, model_00001__safetensors=["a"])
    with pytest.raises(ModelNotFound, match=TWO):
        Checkpoint.open(folder)
    write(folder, model_00002__safetensors=["b"])
    checkpoint = Checkpoint.open(folder)
    assert {name: place.file.path.name for name, place in checkpoint.tensors.items()} == {"a": ONE, "b": TWO}
    assert checkpoint.num_parameters == 4
    assert checkpoint.size == sum((folder / name).stat().st_size for name in (ONE, TWO))
    identity = checkpoint.identity
    checkpoint.close()
    write(folder, {**LLAMA, "rope_theta": 5.0})
    assert Checkpoint.open(folder).identity != identity


@pytest.mark.parametrize(
    "name",
    ["../outside.safetensors", "/etc/passwd.safetensors", "sub/x.safetensors", "..", "", "x.bin", "a\\..\\b"],
)
def test_an_index_cannot_lead_outside_the_folder(name: str, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "outside.safetensors")
    with pytest.raises(BadModelFile, match=r"should be a \.safetensors file of the same folder"):
        Checkpoint.open(sharded(tmp_path / "model", {"a": name}))


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({}, "weight_map should be an object"),
        ({"a": 3}, "a should be a text"),
        ({"a": ONE, "c": ONE}, "has no tensor 'c', though"),
        ({"a": ONE, "b": ONE, "d": TWO}, "has no tensor 'b', though|has no tensor 'd'"),
        ({f"t{n}": f"model-{n}.safetensors" for n in range(3000)}, "files should be at most 2,000"),
    ],
)
def test_an_index_must_agree_with_its_shards(
    weight_map: Mapping[str, object], message: str, tmp_path: Path
) -> None:
    folder = sharded(tmp_path, weight_map, model_00001__safetensors=["a"], model_00002__safetensors=["b"])
    with pytest.raises(BadModelFile, match=message):
        Checkpoint.open(folder)


def test_a_tensor_twice_is_refused(tmp_path: Path) -> None:
    folder = sharded(
        tmp_path,
        {"a": ONE, "b": TWO},
        model_00001__safetensors=["a"],
        model_00002__safetensors=["a", "b"],
    )
    with pytest.raises(BadModelFile, match=r"has tensor 'a', which .*00001.* has too"):
        Checkpoint.open(folder)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"", "no valid JSON"),
        (b"[]", "should hold a JSON object"),
        (b"[" * 100_000, "nests too deep|no valid JSON"),
        (b"\xff\xfe{}", "no valid JSON"),
        (b"{" + b" " * 2**21 + b"}", "should be at most 1,048,576 bytes"),
        (
            {**LLAMA, "architectures": ["BertForMaskedLM"]},
            "BertForMaskedLM, which does not go on with a text",
        ),
        ({**LLAMA, "architectures": ["T5ForConditionalGeneration"]}, "T5ForConditionalGeneration"),
        ({**LLAMA, "architectures": ["LlamaForCausalLM"], "is_encoder_decoder": True}, "does not go on"),
        ({**LLAMA, "architectures": ["LlamaForSequenceClassification"]}, "does not go on with a text"),
        ({**LLAMA, "architectures": ["BertLMHeadModel"], "model_type": "bert"}, "BertLMHeadModel"),
        ({**LLAMA, "architectures": None}, "a llama model without a head"),
        ({**LLAMA, "architectures": "LlamaForCausalLM"}, "architectures should be a list of names"),
        ({**LLAMA, "architectures": [3]}, "architectures should be a list of names"),
    ],
)
def test_bad_configs_are_refused(config: object, message: str, tmp_path: Path) -> None:
    folder = write(tmp_path, config, model__safetensors=["a"])
    begun = time.perf_counter()
    with pytest.raises(BadModelFile, match=message) as caught:
        Checkpoint.open(folder)
    assert time.perf_counter() - begun < 2
    assert "config.json" in str(caught.value)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.pt"])
def test_pickles_are_refused_with_advice(name: str, tmp_path: Path) -> None:
    folder = write(tmp_path)
    with pytest.raises(ModelNotFound, match=r"neither model\.safetensors nor"):
        Checkpoint.open(folder)
    (folder / name).write_bytes(b"\x80\x04")
    with pytest.raises(BadModelFile, match=r"pickles .* never loads .* GGUF file"):
        Checkpoint.open(folder)


def test_links_are_followed_and_dead_ones_told(tmp_path: Path) -> None:
    """The hub's cache is a folder of links."""
    save_file({"a": torch.zeros(2)}, tmp_path / "blob")
    folder = write(tmp_path / "model")
    (folder / "model.safetensors").symlink_to(tmp_path / "blob")
    assert set(Checkpoint.open(folder).tensors) == {"a"}
    (tmp_path / "blob").unlink()
    with pytest.raises(ModelNotFound, match=r"model\.safetensors"):
        Checkpoint.open(folder)
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(folder / "config.json")
    assert not is_checkpoint(folder)
    with pytest.raises(BadModelFile, match=r"config\.json cannot be read"):
        Checkpoint.open(folder)
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(BadModelFile, match=r"config\.json is not a regular file"):
        Checkpoint.open(folder)
    with pytest.raises(ModelNotFound, match=r"no config\.json"):
        Checkpoint.open(tmp_path)


def test_errors_name_the_file_and_fit_two_lines(tmp_path: Path) -> None:
    folder = write(tmp_path, model__safetensors=["a"])
    raw = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(raw[:-1])
    with pytest.raises(ChattermError, match=r"model\.safetensors is not a sound safetensors file") as caught:
        Checkpoint.open(folder)
    assert len(str(caught.value)) < 300


def test_the_readers_need_no_torch() -> None:
    import subprocess

    code = "import sys, chatterm.models.checkpoint; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
