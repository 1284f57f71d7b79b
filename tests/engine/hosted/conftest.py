from pathlib import Path

import pytest

from chatterm.engine.registry import EngineOptions


@pytest.fixture
def options(home: Path) -> EngineOptions:
    """One thread: other processes test beside this one."""
    return EngineOptions(num_threads=1, cache=home / "cache")
