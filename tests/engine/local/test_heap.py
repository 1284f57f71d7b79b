"""The engine's process does not grow with its work."""

import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from chatterm.engine.local.heap import bound_prepared_products, own_pages, release_freed_memory
from tests.support.gguf_files import TinyLlama, tiny_gguf

CAPACITIES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
GROWING = """
import sys
from pathlib import Path
import torch
from chatterm.engine.local.options import RuntimeOptions
from chatterm.engine.local.runtime import Runtime
from chatterm.engine.local.source import open_source

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

Runtime.open(open_source(Path(sys.argv[1])), RuntimeOptions(context_length=64, device="cpu", num_threads=1))
weights = torch.ones(576, 576, dtype=torch.bfloat16)

def multiply(few, many):
    for num_rows in range(few, many):
        torch.ones(num_rows, 576, dtype=torch.bfloat16) @ weights

multiply(100, 135)
before = resident()
multiply(135, 195)
print(resident() - before)
"""
"""Opens a model, and multiplies as chunks of many lengths do; prints by how many pages that made it grow."""


@pytest.mark.parametrize("name", CAPACITIES)
def test_the_users_own_wish_stands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "7")
    bound_prepared_products()
    assert os.environ[name] == "7"
    monkeypatch.delenv(name)
    bound_prepared_products()
    assert int(os.environ[name]) < 100


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_products_of_many_shapes_do_not_stay(tmp_path: Path) -> None:
    """Sixty of them took 60 MB: as much as oneDNN keeps of bf16 products where nobody bounds it."""
    model = tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(context_length=64, num_layers=1))
    environ = {name: value for name, value in os.environ.items() if name not in CAPACITIES}
    done = subprocess.run(
        [sys.executable, "-c", GROWING, model], env=environ, capture_output=True, text=True, check=True
    )
    grown = int(done.stdout) * resource.getpagesize()
    assert grown < 20_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_own_pages_are_taken_when_written_and_given_back() -> None:
    before = _resident()
    pages = own_pages(200_000_000)
    assert _resident() - before < 50_000_000
    pages[:100_000_000] = bytes(100_000_000)
    assert _resident() - before > 90_000_000
    del pages
    assert _resident() - before < 50_000_000
    with pytest.raises(MemoryError, match="tried to allocate 10000000000000000 bytes"):
        own_pages(10**16)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
def test_what_is_freed_goes_back() -> None:
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    blocks = [library.malloc(64 * 1024) for _ in range(800)]
    for block in blocks:
        ctypes.memset(block, 1, 64 * 1024)
    last = library.malloc(64 * 1024)  # keeps the heap's end where it is
    for block in blocks:
        library.free(block)
    before = _resident()
    release_freed_memory()
    library.free(last)
    assert before - _resident() > 30_000_000


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()
