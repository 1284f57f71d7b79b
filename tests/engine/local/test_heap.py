"""The engine's process does not grow with its work."""

import ctypes
import os
import resource
import sys
from pathlib import Path

import pytest

from chatterm.engine.local.heap import bound_prepared_products, release_freed_memory


@pytest.mark.parametrize("name", ["ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"])
def test_the_users_own_wish_stands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "7")
    bound_prepared_products()
    assert os.environ[name] == "7"
    monkeypatch.delenv(name)
    bound_prepared_products()
    assert int(os.environ[name]) < 100


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
