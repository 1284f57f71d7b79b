"""The library in C, compiled once for all its tests."""

from pathlib import Path

import pytest

from chatterm.engine.local.native.build import library_path
from chatterm.engine.local.native.library import NativeLibrary


@pytest.fixture(scope="session")
def library(kernels: Path) -> NativeLibrary:
    path = library_path(kernels)
    if path is None:
        pytest.skip("no C compiler")
    return NativeLibrary(path, 3)
