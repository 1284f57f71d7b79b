"""Safetensors headers: what the library writes is read, what no library would write is refused quickly."""

import json
import os
import struct
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from chatterm.errors import BadModelFile, ModelNotFound
from chatterm.models.safetensors import HEADER_LIMIT, SafetensorsFile

TENSORS = {
    "a.weight": torch.arange(6, dtype=torch.float32).view(2, 3),
    "b": torch.tensor([1.5, -2], dtype=torch.bfloat16),
    "scalar": torch.tensor(7, dtype=torch.int64),
    "none": torch.zeros(0, 4, dtype=torch.float16),
    "flag": torch.tensor([True, False, True]),
}


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path, metadata={"format": "pt"})
    return path


def test_reads_what_the_library_wrote(sound: Path) -> None:
    file = SafetensorsFile.open(sound)
    assert set(file.tensors) == set(TENSORS)
    for name, tensor in TENSORS.items():
        found = file.tensors[name]
        assert found.shape == tuple(tensor.shape)
        assert bytes(file.data(found)) == tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    assert file.tensors["b"].dtype == "BF16"
    file.close()
    file.close()


def test_the_header_names_the_file(sound: Path, tmp_path: Path) -> None:
    before = SafetensorsFile.open(sound).header_sha256
    assert SafetensorsFile.open(sound).header_sha256 == before
    save_file({**TENSORS, "more": torch.zeros(1)}, tmp_path / "other.safetensors")
    assert SafetensorsFile.open(tmp_path / "other.safetensors").header_sha256 != before


def write(path: Path, header: object, data: bytes = b"", *, length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return path


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HOSTILE = {
    "no tensor type": ({"a": entry("Q4")}, "should be of one of the types F64"),
    "type no text": ({"a": entry(["F32"])}, "should be of one of the types|nests more"),
    "negative size": ({"a": entry(shape=[-2])}, "whole and not negative"),
    "size a fraction": ({"a": entry(shape=[2.0])}, "whole and not negative"),
    "size true": ({"a": entry(shape=[True, 2])}, "whole and not negative"),
    "size beyond 64 bits": ({"a": entry(shape=[2**64])}, "whole and not negative"),
    "sizes that overflow": ({"a": entry(shape=[2**62, 2**62])}, "should take"),
    "too many dimensions": ({"a": entry(shape=[1] * 9 + [2])}, "at most 8 dimensions"),
    "shape no list": ({"a": entry(shape=2)}, "whole and not negative"),
    "another size than its bytes": ({"a": entry(shape=[3])}, "should take 12 bytes, but found 8"),
    "beyond the end": ({"a": entry(offsets=[0, 16])}, "within the file's 8 bytes of data"),
    "backwards": ({"a": entry(offsets=[8, 0])}, "within the file's 8 bytes"),
    "before the start": ({"a": entry(offsets=[-8, 0])}, "within the file's"),
    "three offsets": ({"a": entry(offsets=[0, 4, 8])}, "within the file's"),
    "overlapping": ({"a": entry(), "b": entry()}, "overlaps the one before it"),
    "a gap": ({"a": entry("F32", [1], [4, 8])}, "leaves a gap"),
    "data nobody has": ({"a": entry("F32", [1], [0, 4])}, "end at byte"),
    "no tensors": ({}, "end at byte"),
    "no offsets": ({"a": {"dtype": "F32", "shape": [2]}}, "nests|should have data_offsets"),
    "more keys": ({"a": {**entry(), "x": 1}}, "should have data_offsets, dtype, shape"),
    "entry no object": ({"a": 3, "b": "data_offsets"}, "should have data_offsets"),
    "a list": (b"[1, 2]  ", "is not a safetensors file"),
    "no JSON": (b"{nonsense}", "no JSON object"),
    "a key twice": (
        b'{"a": {"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b' "a": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        "a key stands twice",
    ),
    "not UTF-8": (b'{"\xff": 1}', "no JSON object"),
    "nested": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nests more lists"),
    "nested, with excuses": (b'{"a":' + b'{"data_offsets":' * 20_000 + b"1" + b"}" * 20_001, "nests|no JSON"),
    "a number of many digits": (b'{"a":' + b"1" * 10_000 + b"}", "no JSON object|should have"),
    "many lists": (b'{"a":[' + b"[]," * 500_000 + b"1]}", "nests more lists"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(name: str, tmp_path: Path) -> None:
    header, message = HOSTILE[name]
    path = write(tmp_path / "model.safetensors", header, b"\0" * 8)
    begun = time.perf_counter()
    with pytest.raises(BadModelFile, match=message) as caught:
        SafetensorsFile.open(path)
    assert time.perf_counter() - begun < 2
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 10_000, HEADER_LIMIT + 1])
def test_the_headers_length_is_checked_first(length: int, tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", {"a": entry()}, b"\0" * 8, length=length)
    with pytest.raises(BadModelFile, match="truncated or damaged"):
        SafetensorsFile.open(path)


def test_a_header_beyond_the_limit_is_not_parsed(tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", b"{" + b" " * HEADER_LIMIT + b"}")
    with pytest.raises(BadModelFile, match="at most 10,485,760 are read"):
        SafetensorsFile.open(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04" + b"x" * 40, "pickles"),
        (b"\x80\x04" + b"x" * 40, "Python pickle"),
        (b"GGUF" + b"\0" * 40, "not a safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"short", "not a safetensors file"),
    ],
)
def test_strangers_are_described(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadModelFile, match=message):
        SafetensorsFile.open(path)


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(BadModelFile, match="not a regular file"):
            SafetensorsFile.open(path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(BadModelFile, match="cannot be read"):
        SafetensorsFile.open(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    with pytest.raises(ModelNotFound, match="no model file"):
        SafetensorsFile.open(tmp_path / "dangling")


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_damaged_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    save_file(TENSORS, path)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
    try:
        file = SafetensorsFile.open(path)
    except BadModelFile:
        return
    for tensor in file.tensors.values():
        assert len(file.data(tensor)) == tensor.num_bytes
    file.close()
