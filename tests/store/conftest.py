"""Stores to test on, and a place where permissions count."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils  # noqa: F401  # before a test becomes a user who may not read root's Python

from chatterm.store import ConversationStore

NOBODY = 65534


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a database may be made; its folder is not there yet."""
    return tmp_path / "data" / "chatterm.db"


@pytest.fixture
def store(database: Path) -> Iterator[ConversationStore]:
    with closing(ConversationStore.open(database)) as opened:
        yield opened


@pytest.fixture
def guarded_folder() -> Iterator[Path]:
    """An empty folder of a user whom permissions bind: tests that run as root become someone else."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid():
            yield folder
            return
        os.chown(folder, NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)
