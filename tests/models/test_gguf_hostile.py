"""Broken and hostile files: one clear BadModelFile each, in bounded time and memory, and nothing else."""

import contextlib
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chatterm.errors import BadModelFile, ModelNotFound
from chatterm.models.gguf import GGUFFile
from tests.support.gguf_bytes import (
    ARRAY,
    BOOL,
    F32,
    I32,
    STRING,
    U8,
    U32,
    U64,
    array,
    entry,
    gguf_bytes,
    tensor,
    text,
)
from tests.support.gguf_files import tiny_gguf

HUGE = 2**63
DATA = bytes(256)


def zipped() -> bytes:
    raw = BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("model/data.pkl", b"x")
    return raw.getvalue()


def nested_arrays(depth: int) -> bytes:
    return array(ARRAY, 1) * depth + array(U8, 0)


STRANGERS = {
    "empty": (b"", "the file is empty"),
    "one byte": (b"G", "is not a GGUF file"),
    "zeros": (bytes(64), "is not a GGUF file"),
    "text": (b"Once upon a time there was a model", "starts with b'Once'"),
    "zip": (zipped(), "zip archive"),
    "pickle": (pickle.dumps({"weights": [1, 2]}), "pickle"),
    "old pickle": (pickle.dumps({"weights": [1, 2]}, protocol=2), "pickle"),
    "safetensors": (struct.pack("<Q", 2) + b"{}" + bytes(32), "safetensors"),
    "ggml": (b"lmgg" + bytes(32), "old GGML format"),
    "ggjt": (b"tjgg" + bytes(32), "old GGJT format"),
    "gzip": (b"\x1f\x8b\x08" + bytes(32), "gzip"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
    "web page": (b"<!doctype html><html><title>404", "web page"),
}

HEADERS = {
    "magic alone": (b"GGUF", "truncated"),
    "no counts": (b"GGUF\x03\0\0\0", "truncated"),
    "version 0": (gguf_bytes(version=0), "GGUF version 0"),
    "version 1": (gguf_bytes(version=1), "GGUF version 1 is not supported"),
    "version 4": (gguf_bytes(version=4), "GGUF version 4"),
    "big-endian": (gguf_bytes(version=3 << 24), "big-endian"),
    "tensors beyond count": (gguf_bytes(num_tensors=HUGE), "claims 9,223,372,036,854,775,808 tensors"),
    "keys beyond count": (gguf_bytes(num_entries=2**64 - 1), "metadata keys (at most"),
    "more tensors than bytes": (gguf_bytes(num_tensors=60_000), "the file has"),
    "more keys than bytes": (gguf_bytes(num_entries=60_000), "the file has"),
    "one tensor too few": (gguf_bytes(num_tensors=1), "truncated"),
    "one key too few": (gguf_bytes(num_entries=1), "truncated"),
    "key of huge length": (gguf_bytes([struct.pack("<Q", HUGE) + bytes(64)]), "at most 65,535"),
    "key beyond the end": (gguf_bytes([struct.pack("<Q", 5000) + bytes(64)]), "would need 5,000"),
    "key not UTF-8": (gguf_bytes([entry(b"\xff\xfe", U8, b"\1")]), "not UTF-8"),
    "key twice": (gguf_bytes([entry("a", U8, b"\1")] * 2), "'a' stands there twice"),
    "unknown value type": (gguf_bytes([entry("a", 13, bytes(64))]), "'a' has the unknown type 13"),
    "value type of all ones": (gguf_bytes([entry("a", 2**32 - 1, bytes(64))]), "unknown type 4294967295"),
    "unknown array type": (gguf_bytes([entry("a", ARRAY, array(99, 1, bytes(64)))]), "unknown type 99"),
    "bool of 2": (gguf_bytes([entry("a", BOOL, b"\2")]), "true or false, but is 2"),
    "value cut off": (gguf_bytes([entry("a", U64, bytes(8))])[:41], "truncated"),
    "string of huge length": (gguf_bytes([entry("a", STRING, struct.pack("<Q", HUGE))]), "'a'"),
    "string not UTF-8": (gguf_bytes([entry("a", STRING, text(b"\xff"))]), "'a' is not UTF-8"),
    "array of huge count": (gguf_bytes([entry("a", ARRAY, array(U8, HUGE))]), "would need"),
    "array of u64 past the end": (gguf_bytes([entry("a", ARRAY, array(U64, 9, bytes(24)))]), "need 72"),
    "strings of huge count": (gguf_bytes([entry("a", ARRAY, array(STRING, HUGE))]), "would need"),
    "strings past the end": (
        gguf_bytes([entry("a", ARRAY, array(STRING, 2, text("x") + text("y"))[:-4])]),
        "'a'",
    ),
    "string of huge length in an array": (
        gguf_bytes([entry("a", ARRAY, array(STRING, 1, struct.pack("<Q", HUGE)))]),
        "outside the file",
    ),
    "strings not UTF-8": (gguf_bytes([entry("a", ARRAY, array(STRING, 1, text(b"\xc3\x28")))]), "not UTF-8"),
    "bools of 7": (gguf_bytes([entry("a", ARRAY, array(BOOL, 2, b"\0\7"))]), "true or false, but is 7"),
    "arrays of arrays of huge count": (gguf_bytes([entry("a", ARRAY, array(ARRAY, HUGE))]), "would need"),
    "deeply nested": (gguf_bytes([entry("a", ARRAY, nested_arrays(50_000))]), "more than 4 deep"),
    "alignment 0": (gguf_bytes([entry("general.alignment", U32, bytes(4))]), "but is 0"),
    "alignment 33": (gguf_bytes([entry("general.alignment", U32, b"\x21\0\0\0")]), "but is 33"),
    "alignment huge": (gguf_bytes([entry("general.alignment", U32, b"\0\0\0\x80")]), "but is 2147483648"),
    "alignment a text": (gguf_bytes([entry("general.alignment", STRING, text("32"))]), "but is '32'"),
    "alignment true": (gguf_bytes([entry("general.alignment", BOOL, b"\1")]), "but is True"),
    "no dimensions": (gguf_bytes([], [tensor("t", ())], data=DATA), "0 dimensions"),
    "5 dimensions": (gguf_bytes([], [tensor("t", (1,) * 5)], data=DATA), "5 dimensions"),
    "dimensions of huge count": (
        gguf_bytes([], [text("t") + struct.pack("<I", 2**32 - 1)], data=DATA),
        "4,294,967,295 dimensions",
    ),
    "a dimension of 0": (gguf_bytes([], [tensor("t", (4, 0))], data=DATA), "dimensions 4 x 0"),
    "product overflows to 0": (gguf_bytes([], [tensor("t", (2**32, 2**32))], data=DATA), "should end at"),
    "product overflows to 4": (gguf_bytes([], [tensor("t", (2**62 + 1, 4))], data=DATA), "should end at"),
    "row not a multiple of the block": (
        gguf_bytes([], [tensor("t", (33, 2), 2)], data=DATA),
        "multiple of 32",
    ),
    "unknown block type": (gguf_bytes([], [tensor("t", (32,), 4)], data=DATA), "unknown type 4"),
    "unknown block type, huge": (gguf_bytes([], [tensor("t", (32,), 2**32 - 1)], data=DATA), "unknown type"),
    "offset not aligned": (gguf_bytes([], [tensor("t", (4,), 0, 4)], data=DATA), "not a multiple of 32"),
    "offset past the end": (gguf_bytes([], [tensor("t", (4,), 0, 4096)], data=DATA), "should end at byte"),
    "offset of huge size": (gguf_bytes([], [tensor("t", (4,), 0, 2**64 - 32)], data=DATA), "should end at"),
    "last byte missing": (gguf_bytes([], [tensor("t", (64,))], data=DATA)[:-1], "truncated"),
    "no data": (gguf_bytes([], [tensor("t", (4,))]), "truncated"),
    "tensor twice": (gguf_bytes([], [tensor("t", (4,)), tensor("t", (4,), 0, 32)], data=DATA), "'t' stands"),
    "tensors overlap": (gguf_bytes([], [tensor("t", (64,)), tensor("u", (4,), 0, 32)], data=DATA), "overlap"),
    "tensors on one place": (gguf_bytes([], [tensor("t", (4,)), tensor("u", (4,))], data=DATA), "overlap"),
    "tensor of long name": (gguf_bytes([], [tensor("t" * 65, (4,))], data=DATA), "at most 64"),
    "tensor's name not UTF-8": (gguf_bytes([], [tensor(b"\xff", (4,))], data=DATA), "not UTF-8"),
}


def open_bytes(folder: Path, raw: bytes) -> None:
    path = folder / "model.gguf"
    path.write_bytes(raw)
    GGUFFile.open(path).close()


@pytest.mark.timeout(5)
@pytest.mark.parametrize("case", [*STRANGERS, *HEADERS])
def test_a_broken_file_gets_one_clear_error(tmp_path: Path, case: str) -> None:
    raw, expected = {**STRANGERS, **HEADERS}[case]
    with pytest.raises(BadModelFile) as caught:
        open_bytes(tmp_path, raw)
    message = str(caught.value)
    assert expected in message
    assert str(tmp_path / "model.gguf") in message
    assert len(message) < 400 + len(str(tmp_path))
    assert "\n" not in message


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"no model file .*absent\.gguf; `chatterm models list`"):
        GGUFFile.open(tmp_path / "absent.gguf")


def test_a_folder_and_a_pipe_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="is a folder"):
        GGUFFile.open(tmp_path)
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(BadModelFile, match="not a regular file"):
        GGUFFile.open(tmp_path / "pipe.gguf")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_says_why(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").touch(mode=0o000)
    with pytest.raises(BadModelFile, match=r"cannot be read: .*Permission denied"):
        GGUFFile.open(tmp_path / "model.gguf")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny_gguf(tmp_path_factory.mktemp("sound") / "tiny.gguf").read_bytes()


FLIPS = st.lists(st.tuples(st.integers(0, 8_000), st.integers(0, 255)), max_size=8)


@settings(max_examples=300, deadline=2_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=FLIPS, cut=st.one_of(st.none(), st.integers(0, 62_000)))
@example(flips=[], cut=None)
def test_any_damage_to_a_header_is_refused_or_harmless(
    tmp_path: Path, sound: bytes, flips: list[tuple[int, int]], cut: int | None
) -> None:
    raw = bytearray(sound)
    for position, byte in flips:
        raw[position] = byte
    with contextlib.suppress(BadModelFile):
        open_bytes(tmp_path, bytes(raw[:cut]))


@settings(max_examples=300, deadline=2_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=300), counts=st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_any_bytes_after_the_counts_are_refused_or_harmless(
    tmp_path: Path, tail: bytes, counts: tuple[int, int]
) -> None:
    with contextlib.suppress(BadModelFile):
        open_bytes(tmp_path, b"GGUF" + struct.pack("<IQQ", 3, *counts) + tail)


TOO_FAR = [tensor("far", (4,), 0, 2**40)]
"""Found last, after all the work that the rest of a header can cause."""
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from chatterm.errors import ChattermError
from chatterm.models.gguf import GGUFFile
start, message = time.process_time(), ""
try:
    GGUFFile.open(Path(sys.argv[1]))
except ChattermError as error:
    message = str(error)
seconds = time.process_time() - start
status = Path("/proc/self/status")
if status.exists():  # Linux hands a parent's ru_maxrss down to its child
    peak = 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, peak, message, "torch" in sys.modules]))
"""


def test_the_largest_vocabularies_in_use_are_read(tmp_path: Path) -> None:
    """Of 262,144 tokens and 514,906 merges, some of them wide, with their scores and types."""
    tokens = text("▁token") * 200_000 + text("▁世界") * 62_144
    entries = [
        entry("tokenizer.ggml.tokens", ARRAY, array(STRING, 262_144, tokens)),
        entry("tokenizer.ggml.scores", ARRAY, array(F32, 262_144, struct.pack("<f", -7.5) * 262_144)),
        entry("tokenizer.ggml.token_type", ARRAY, array(I32, 262_144, struct.pack("<i", 1) * 262_144)),
        entry("tokenizer.ggml.merges", ARRAY, array(STRING, 514_906, text("▁ab cdefg") * 514_906)),
    ]
    open_bytes(tmp_path, gguf_bytes(entries))


def many_tensors() -> bytes:
    return gguf_bytes(
        [], [tensor(f"t{n}", (1, 1, 1, 1), 0, 32 * n) for n in range(65_535)] + TOO_FAR, data=bytes(2**21)
    )


def metadata_bomb(kind: int, count: int, payload: bytes) -> bytes:
    return gguf_bytes([entry("a", ARRAY, array(kind, count, payload))], TOO_FAR)


BOMBS: dict[str, Callable[[], bytes]] = {
    "two million short strings": lambda: metadata_bomb(STRING, 1_800_000, text("ab") * 1_800_000),
    "wide strings": lambda: metadata_bomb(STRING, 40, text("👋" + "a" * 800_000) * 40),
    "one wide string": lambda: gguf_bytes([entry("a", STRING, text("👋" + "a" * 33_000_000))], TOO_FAR),
    "millions of numbers": lambda: metadata_bomb(U64, 2_000_000, struct.pack("<Q", 2**60) * 2_000_000),
    "more numbers than memory": lambda: metadata_bomb(U8, 150_000_000, bytes(150_000_000)),
    "lists of lists": lambda: metadata_bomb(ARRAY, 260_000, array(U8, 0) * 260_000),
    "as many tensors as allowed": many_tensors,
    "as many keys as allowed": lambda: gguf_bytes(
        [entry(f"key{n}", STRING, text("v" * 400)) for n in range(65_536)], TOO_FAR
    ),
    "a terabyte of nothing": lambda: gguf_bytes(num_tensors=65_536),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_ends_within_2_seconds_and_200_megabytes(tmp_path: Path, case: str) -> None:
    path = tmp_path / "bomb.gguf"
    path.write_bytes(BOMBS[case]())
    if case == "a terabyte of nothing":
        os.truncate(path, 2**40)
    child = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True)
    seconds, peak, message, has_torch = json.loads(child.stdout)
    assert "is not a sound GGUF file" in message
    assert seconds < 2
    assert peak < 200e6
    assert not has_torch
    path.unlink()
