"""A pinned file is known by its hash; any other is checked for structure, ranges and finite numbers."""

import math
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from chatterm.errors import BadModelFile, ModelNotFound
from chatterm.models.catalogue import Catalogue, load_catalogue
from chatterm.models.gguf import GGUFFile
from chatterm.models.progress import VerifyProgress
from chatterm.models.verify import VerifyReport, verify_file
from tests.support.gguf_files import TinyLlama, tiny_gguf
from tests.support.wheels import entry_for

CATALOGUE = load_catalogue()


def verify(path: Path, catalogue: Catalogue = CATALOGUE) -> VerifyReport:
    *steps, report = verify_file(path, catalogue)
    assert isinstance(report, VerifyReport)
    assert steps[-1] == VerifyProgress(report.size, report.size)
    return report


def test_the_default_model_is_the_pinned_one(default_model: Path) -> None:
    report = verify(default_model)
    assert report.is_pinned
    assert report.entry is CATALOGUE.default
    assert report.problems == ()


def test_a_pinned_file_is_known_under_any_name(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "renamed.gguf")
    entry = entry_for(path.read_bytes())
    report = verify(path, Catalogue((entry,), entry))
    assert report.is_pinned
    assert report.entry is entry


def test_another_file_under_a_pinned_name_is_told_with_both_hashes(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "tiny.gguf")
    entry = entry_for(b"something else")
    report = verify(path, Catalogue((entry,), entry))
    assert not report.is_pinned
    assert report.problems == (
        f"sha256 should be {entry.sha256}, but is {report.sha256}: this is not Tiny 0B",
    )


def test_a_sound_file_of_ones_own_has_no_problems(tmp_path: Path) -> None:
    report = verify(tiny_gguf(tmp_path / "mine.gguf"))
    assert (report.entry, report.problems, report.is_pinned) == (None, (), False)


NAN, INFINITE, EPSILON = (struct.pack("<f", value) for value in (math.nan, math.inf, 1e-5))
BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda raw: raw[:-4], "it is truncated or damaged"),
    "zip": (lambda raw: b"PK\x03\x04" + raw, "zip archive"),
    "magic alone": (lambda raw: raw[:4], "it is truncated or damaged"),
    "NaN epsilon": (lambda raw: raw.replace(EPSILON, NAN, 1), "epsilon should be from"),
    "NaN norm": (lambda raw: raw[:-4] + NAN, "output_norm.weight has 1 values that are not finite"),
    "infinite norm": (lambda raw: raw[:-8] + INFINITE * 2, "output_norm.weight has 2 values that are not"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_gets_its_problem(tmp_path: Path, case: str) -> None:
    spoil, expected = BROKEN[case]
    path = tiny_gguf(tmp_path / "mine.gguf")
    path.write_bytes(spoil(path.read_bytes()))
    (problem,) = verify(path).problems
    assert expected in problem


def test_a_broken_scale_is_found_in_its_tensor(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "mine.gguf")
    with GGUFFile.open(path) as file:
        offset = file.tensors["blk.1.ffn_up.weight"].offset
    raw = bytearray(path.read_bytes())
    raw[offset + 18 : offset + 20] = b"\x00\x7e"  # of Q4_0's second block
    path.write_bytes(raw)
    expected = "blk.1.ffn_up.weight has 1 of Q4_0's blocks whose scale is not finite"
    assert verify(path).problems == (expected,)


def test_many_broken_tensors_are_counted(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "mine.gguf", TinyLlama(num_layers=2))
    with GGUFFile.open(path) as file:
        start, num_tensors = min(tensor.offset for tensor in file.tensors.values()), len(file.tensors)
    raw = path.read_bytes()
    path.write_bytes(raw[:start] + b"\xff" * (len(raw) - start))
    problems = verify(path).problems
    assert len(problems) == 11
    assert problems[-1] == f"and so have {num_tensors - 10} more tensors"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="there is no model file"):
        list(verify_file(tmp_path / "absent.gguf", CATALOGUE))
    with pytest.raises(BadModelFile, match="not a regular file"):
        list(verify_file(tmp_path, CATALOGUE))
