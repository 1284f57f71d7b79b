"""Weights are read as they are in the file, and a file that changes is noticed or does not matter."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chatterm.engine.local.weights.tensors import FileBytes, WeightFile
from chatterm.errors import BadModelFile
from chatterm.models.gguf import GGUFFile
from tests.support.gguf_files import tiny_gguf


def test_bytes_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(256)) * 100)
    source = FileBytes(path, 25_600)
    assert bytes(source.read(3, 300).tolist()) == (bytes(range(256)) * 100)[3:303]


def test_a_tensor_is_that_of_the_file(tmp_path: Path) -> None:
    with GGUFFile.open(tiny_gguf(tmp_path / "tiny.gguf")) as file:
        found = WeightFile(file).matrix("blk.0.ffn_up.weight", (128, 64))
        assert found.blocks.shape == (128, 2, 18)
        assert found.blocks.numpy().tobytes() == bytes(file.tensor_data("blk.0.ffn_up.weight"))


def cut_short(path: Path) -> None:
    os.truncate(path, 1000)


def grow(path: Path) -> None:
    os.truncate(path, path.stat().st_size + 1000)


def replace(path: Path) -> None:
    (path.parent / "other").write_bytes(path.read_bytes())
    (path.parent / "other").replace(path)


def write_to(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(30_000)
        file.write(b"other")
    os.utime(path, ns=(0, 0))  # a clock too coarse to show it


@pytest.mark.parametrize("change", [cut_short, grow, replace, write_to, Path.unlink])
def test_a_file_that_changes_while_it_is_loaded_is_refused(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    with GGUFFile.open(tiny_gguf(tmp_path / "tiny.gguf")) as file:
        weights = WeightFile(file)
        weights.vector("output_norm.weight", 64)
        change(file.path)
        with pytest.raises(BadModelFile, match=r"tiny\.gguf (changed while|cannot be read: No such file)"):
            weights.matrix("blk.1.ffn_down.weight", (64, 128))


@pytest.mark.parametrize("change", [cut_short, grow, Path.unlink])
def test_a_file_that_changed_since_its_header_was_read_is_refused(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    with GGUFFile.open(tiny_gguf(tmp_path / "tiny.gguf")) as file:
        change(file.path)
        with pytest.raises(BadModelFile, match=r"tiny\.gguf (changed while|cannot be read: No such file)"):
            WeightFile(file)


ASK_TWICE = """
import os, sys
from pathlib import Path
from chatterm.engine.base import CancelToken, GenerationRequest, SamplingParams, TextDelta
from chatterm.conversation import Message
from chatterm.engine.local.engine import LocalEngine

def ask():
    sampling = SamplingParams(temperature=0, max_tokens=20)
    request = GenerationRequest(messages=(Message("user", "Hello!"),), sampling=sampling)
    events = list(engine.stream([request], CancelToken()))
    return [event.token_ids for event in events if isinstance(event, TextDelta)]

path = Path(sys.argv[1])
engine = LocalEngine.open(path, name="asked", num_threads=1)
before = ask()
os.truncate(path, 0)
assert before and ask() == before
engine.close()
print("lives")
"""


def test_a_loaded_model_does_not_need_its_file(tmp_path: Path) -> None:
    """A mapped file that is cut short ends the process with SIGBUS, at whatever touches it next."""
    path = tiny_gguf(tmp_path / "tiny.gguf")
    child = subprocess.run(
        [sys.executable, "-c", ASK_TWICE, path], capture_output=True, text=True, check=False
    )
    assert child.stdout == "lives\n", (child.returncode, child.stderr)
