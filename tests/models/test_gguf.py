"""The reader agrees with the `gguf` package on sound files; its values have the kinds asked for."""

import time
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from chatterm.errors import BadModelFile
from chatterm.models.gguf import BlockType, GGUFFile
from tests.support.gguf_bytes import (
    ARRAY,
    BOOL,
    F32,
    I32,
    STRING,
    U8,
    U64,
    array,
    entry,
    gguf_bytes,
    tensor,
    text,
)
from tests.support.gguf_files import TinyLlama, tiny_gguf

CPP_SIZES = {"Q8_1": (32, 36)}
"""Where the `gguf` package differs from ggml's own struct (block_q8_1, which no file holds)."""


def assert_equal_to_oracle(path: Path) -> None:
    oracle: Any = gguf.GGUFReader(path)
    with GGUFFile.open(path) as file:
        theirs = {
            key: field.contents() for key, field in oracle.fields.items() if not key.startswith("GGUF.")
        }
        assert dict(file.metadata) == theirs
        assert list(file.metadata) == list(theirs)
        assert list(file.tensors) == [tensor.name for tensor in oracle.tensors]
        for other in oracle.tensors:
            ours = file.tensors[other.name]
            assert ours.shape == tuple(reversed(other.shape.tolist()))
            assert ours.block_type == other.tensor_type
            assert (ours.offset, ours.num_bytes) == (other.data_offset, other.n_bytes)
            assert ours.num_elements == other.n_elements
            assert bytes(file.tensor_data(other.name)) == np.asarray(other.data).tobytes()


@pytest.mark.parametrize("block_type", ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"])
def test_tiny_models_read_as_the_oracle_reads_them(tmp_path: Path, block_type: str) -> None:
    assert_equal_to_oracle(tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(block_type=block_type)))


@pytest.mark.slow
def test_the_default_model_reads_as_the_oracle_reads_it(default_model: Path) -> None:
    assert_equal_to_oracle(default_model)


@pytest.mark.parametrize("alignment", [8, 32, 4096])
def test_every_kind_of_value_reads_as_the_oracle_reads_it(tmp_path: Path, alignment: int) -> None:
    writer = gguf.GGUFWriter(tmp_path / "kinds.gguf", "llama")
    writer.add_custom_alignment(alignment)
    for number, add in enumerate(
        [writer.add_uint8, writer.add_int8, writer.add_uint16, writer.add_int16, writer.add_uint32,
         writer.add_int32, writer.add_uint64, writer.add_int64, writer.add_float32, writer.add_float64]
    ):  # fmt: skip
        add(f"number.{number}", 100 + number)
    writer.add_int64("lowest", -(2**63))
    writer.add_bool("yes", True)
    writer.add_string("text", "Grüße 世界 👋\x1b[0m")
    writer.add_array("texts", ["a", "", "ü"])
    writer.add_array("numbers", [1.5, -2.5])
    writer.add_array("truths", [True, False])
    writer.add_tensor("a", np.arange(3, dtype=np.float32))
    writer.add_tensor("b", np.arange(24, dtype=np.int8).reshape(2, 3, 4))
    writer.add_tensor("c", np.arange(2, dtype=np.float64))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert_equal_to_oracle(tmp_path / "kinds.gguf")


def test_block_types_are_those_of_the_oracle() -> None:
    theirs = {kind.name: (kind.value, *gguf.GGML_QUANT_SIZES[kind]) for kind in gguf.GGMLQuantizationType}
    ours = {kind.name: (int(kind), kind.block_size, kind.type_size) for kind in BlockType}
    for name, (number, *sizes) in theirs.items():
        assert ours.get(name) == (number, *CPP_SIZES.get(name, sizes))
    assert set(ours) == set(theirs)


def write(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "hand.gguf"
    path.write_bytes(raw)
    return path


SOUND = gguf_bytes(
    [
        entry("general.architecture", STRING, text("llama")),
        entry("int", I32, b"\xff\xff\xff\xff"),
        entry("float", F32, b"\0\0\x80\x3f"),
        entry("yes", BOOL, b"\x01"),
        entry("nested", ARRAY, array(ARRAY, 2, array(U8, 2, b"\x01\x02") + array(STRING, 1, text("x")))),
        entry("empty", ARRAY, array(U64, 0)),
        entry("texts", ARRAY, array(STRING, 2, text("a") + text("b"))),
    ],
    [tensor("t", (4, 2))],
    data=bytes(range(32)),
)


def test_a_file_by_hand(tmp_path: Path) -> None:
    with GGUFFile.open(write(tmp_path, SOUND)) as file:
        assert file.architecture == "llama"
        assert file.version == 3
        assert file.size == len(SOUND)
        assert file.metadata["nested"] == [[1, 2], ["x"]]
        assert file.metadata["empty"] == []
        assert file.tensors["t"].shape == (2, 4)
        assert bytes(file.tensor_data("t")) == bytes(range(32))
        assert file.tensor_data("t").readonly


def test_version_2_has_the_same_layout(tmp_path: Path) -> None:
    raw = SOUND.replace(b"GGUF\x03", b"GGUF\x02", 1)
    with GGUFFile.open(write(tmp_path, raw)) as file:
        assert file.version == 2
        assert file.tensors["t"].num_elements == 8


def test_getters_give_the_kind_asked_for(tmp_path: Path) -> None:
    with GGUFFile.open(write(tmp_path, SOUND)) as file:
        assert file.require("int", int) == -1
        assert file.require("int", float) == -1.0
        assert file.require("float", float) == 1.0
        assert file.require("yes", bool) is True
        assert file.get("absent", str, "default") == "default"
        assert file.get_list("texts", str) == ["a", "b"]
        assert file.get_list("absent", str) == []
        assert file.get_list("empty", float) == []


@pytest.mark.parametrize(
    ("key", "kind", "expected"),
    [
        ("absent", int, "has no metadata key 'absent' (expected a whole number)"),
        ("float", int, "float should be a whole number, but is 1.0"),
        ("yes", int, "yes should be a whole number, but is True"),
        ("yes", float, "yes should be a number, but is True"),
        ("int", bool, "int should be true or false, but is -1"),
        ("int", str, "int should be a text, but is -1"),
        ("texts", str, "texts should be a text, but is ['a', 'b']"),
    ],
)
def test_getters_name_key_expected_and_found(
    tmp_path: Path, key: str, kind: type[int] | type[float] | type[bool] | type[str], expected: str
) -> None:
    with GGUFFile.open(write(tmp_path, SOUND)) as file, pytest.raises(BadModelFile) as caught:
        file.require(key, kind)  # type: ignore[type-var]  # a table of kinds
    assert expected in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_lists_of_another_kind_are_refused(tmp_path: Path) -> None:
    with GGUFFile.open(write(tmp_path, SOUND)) as file:
        with pytest.raises(BadModelFile, match="texts should be a whole number, but is 'a'"):
            file.get_list("texts", int)
        with pytest.raises(BadModelFile, match=r"int should be a list \(of a text each\), but is -1"):
            file.get_list("int", str)


def test_an_absent_tensor_is_named(tmp_path: Path) -> None:
    with GGUFFile.open(write(tmp_path, SOUND)) as file, pytest.raises(BadModelFile, match="no tensor 'u'"):
        file.tensor_data("u")


def test_a_view_outlives_the_file_that_gave_it(tmp_path: Path) -> None:
    file = GGUFFile.open(write(tmp_path, SOUND))
    view = file.tensor_data("t")
    values = np.frombuffer(view, dtype=np.uint8)
    file.close()
    file.close()
    assert values.tolist() == list(range(32))


def test_the_header_names_the_file_and_the_data_does_not(tmp_path: Path) -> None:
    def header_sha256(raw: bytes) -> str:
        with GGUFFile.open(write(tmp_path, raw)) as file:
            return file.header_sha256

    first = header_sha256(SOUND)
    assert header_sha256(SOUND[:-1] + b"\xff") == first
    assert header_sha256(SOUND.replace(b"llama", b"lloma")) != first
    assert header_sha256(SOUND.replace(text("t") + b"\x02", text("u") + b"\x02")) != first


def test_the_default_model_opens_fast(default_model: Path) -> None:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        GGUFFile.open(default_model).close()
        times.append(time.perf_counter() - start)
    assert min(times) < 1, "0.03 s on the machine it was written on, with 98,052 strings"
