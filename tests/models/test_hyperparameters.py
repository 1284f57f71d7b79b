"""A model's shape is read whole, and every number that cannot be is refused by its key."""

import math
import struct
from pathlib import Path

import pytest

from chatterm.errors import BadModelFile
from chatterm.models.arch_spec import ArchSpec, LayerSpec, RopeScaling, RopeScalingKind, RopeSpec
from chatterm.models.gguf import GGUFFile
from chatterm.models.hyperparameters import read_hyperparameters
from tests.support.gguf_files import MetadataValue, TinyLlama, tiny_gguf


def read(path: Path) -> ArchSpec:
    with GGUFFile.open(path) as file:
        return read_hyperparameters(file)


def scaling_of(spec: ArchSpec) -> RopeScaling | None:
    rope = spec.layers[0].rope
    assert rope is not None
    return rope.scaling


def with_key(tmp_path: Path, key: str, value: MetadataValue) -> Path:
    return tiny_gguf(tmp_path / "tiny.gguf", None, {key: value})


def test_the_default_model(default_model: Path) -> None:
    shape = read(default_model)
    assert shape.rms_epsilon == pytest.approx(1e-5)
    rope = RopeSpec(theta=100_000.0, dimensions=64)
    assert shape == ArchSpec(
        architecture="llama",
        context_length=8192,
        embedding_length=576,
        feed_forward_length=1536,
        num_heads=9,
        num_kv_heads=3,
        head_length=64,
        rms_epsilon=shape.rms_epsilon,
        vocab_size=49_152,
        is_head_tied=True,
        layers=(LayerSpec(rope=rope),) * 30,
        rope_pairs="neighbours",
        query_scale=0.125,
    )


def test_an_untied_head_is_seen(tmp_path: Path) -> None:
    assert not read(tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(is_tied=False))).is_head_tied


def test_head_sizes_of_their_own_win(tmp_path: Path) -> None:
    sizes: dict[str, MetadataValue] = {"llama.attention.key_length": 32, "llama.attention.value_length": 32}
    shape = read(tiny_gguf(tmp_path / "tiny.gguf", None, sizes))
    assert (shape.head_length, shape.query_scale) == (32, 32**-0.5)


YARN: dict[str, MetadataValue] = {
    "llama.rope.scaling.type": "yarn",
    "llama.rope.scaling.factor": 8.0,
    "llama.rope.scaling.original_context_length": 4096,
    "llama.rope.scaling.attn_factor": 1.25,
}


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"llama.rope.scale_linear": 4.0}, ("linear", 4.0, 512, 1.0)),
        ({"llama.rope.scaling.factor": 4.0}, ("linear", 4.0, 512, 1.0)),
        (YARN, ("yarn", 8.0, 4096, 1.25 * (0.1 * math.log(8.0) + 1))),
    ],
)
def test_rope_scaling(
    tmp_path: Path,
    extra: dict[str, MetadataValue],
    expected: tuple[RopeScalingKind, float, int, float],
) -> None:
    kind, factor, original, attention = expected
    assert scaling_of(read(tiny_gguf(tmp_path / "tiny.gguf", None, extra))) == RopeScaling(
        kind=kind, factor=factor, original_context_length=original, attention_factor=attention
    )


def test_no_rope_scaling_is_none_whatever_the_factor(tmp_path: Path) -> None:
    extra = {**YARN, "llama.rope.scaling.type": "none"}
    assert scaling_of(read(tiny_gguf(tmp_path / "tiny.gguf", None, extra))) is None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("block_count", 0, "from 1 to 512, but is 0"),
        ("block_count", 513, "but is 513"),
        ("block_count", 2.5, "a whole number, but is 2.5"),
        ("context_length", 0, "from 1 to"),
        ("context_length", 2**32 - 1, "but is 4294967295"),
        ("embedding_length", 0, "from 1 to"),
        ("embedding_length", 96, "rows of 96 values, but is of shape (320, 64)"),
        ("feed_forward_length", 0, "from 1 to"),
        ("attention.head_count", 0, "from 1 to"),
        ("attention.head_count", 3, "a divisor of the embedding length 64, but is 3"),
        ("attention.head_count", "four", "a whole number, but is 'four'"),
        ("attention.head_count_kv", 0, "from 1 to 4"),
        ("attention.head_count_kv", 3, "a divisor of the 4 heads, but is 3"),
        ("attention.head_count_kv", 8, "from 1 to 4, but is 8"),
        ("attention.key_length", 0, "from 1 to"),
        ("attention.value_length", 8, "16, the length of a key, but is 8"),
        ("attention.scale", math.nan, "but is nan"),
        ("attention.sliding_window", 2**32 - 1, "but is 4294967295"),
        ("expert_count", 8, "absent or 0, for this engine knows no experts, but is 8"),
        ("attention.layer_norm_rms_epsilon", math.nan, "but is nan"),
        ("attention.layer_norm_rms_epsilon", math.inf, "but is inf"),
        ("attention.layer_norm_rms_epsilon", 0.0, "but is 0.0"),
        ("attention.layer_norm_rms_epsilon", -1e-5, "but is -"),
        ("rope.dimension_count", 0, "from 2 to 16"),
        ("rope.dimension_count", 15, "even, but is 15"),
        ("rope.dimension_count", 32, "from 2 to 16, but is 32"),
        ("rope.freq_base", 0.0, "but is 0.0"),
        ("rope.freq_base", math.nan, "but is nan"),
        ("rope.scaling.type", "magic", "one of none, linear, yarn, longrope, but is 'magic'"),
        ("rope.scaling.factor", -1.0, "but is -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused_by_key(
    tmp_path: Path, key: str, value: MetadataValue, expected: str
) -> None:
    path = with_key(tmp_path, f"llama.{key}", value)
    with pytest.raises(BadModelFile) as caught:
        read(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("key", ["block_count", "context_length", "attention.layer_norm_rms_epsilon"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    path = tiny_gguf(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes().replace(f"llama.{key}".encode(), f"llama.{key[:-1]}".encode() + b"X"))
    with pytest.raises(BadModelFile, match=f"has no metadata key 'llama.{key}'"):
        read(path)


def test_a_vocabulary_must_match_the_embedding(tmp_path: Path) -> None:
    path = with_key(tmp_path, "tokenizer.ggml.tokens", ["a", "b", "c"])
    with pytest.raises(BadModelFile, match=r"names 3 tokens, but token_embd\.weight has 320 rows"):
        read(path)


def test_an_untied_head_must_match_the_embedding(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(is_tied=False))
    name = b"output.weight"
    path.write_bytes(path.read_bytes().replace(name + dims(64, 320), name + dims(320, 64)))
    with pytest.raises(
        BadModelFile, match=r"output\.weight should have shape \(320, 64\), but has \(64, 320\)"
    ):
        read(path)


def test_a_file_without_embedding_is_refused(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes().replace(b"token_embd.weight", b"token_embX.weight"))
    with pytest.raises(
        BadModelFile, match=r"token_embd\.weight should have rows of 64 values, but is absent"
    ):
        read(path)


def dims(*sizes: int) -> bytes:
    return struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
