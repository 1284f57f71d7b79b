"""A store to keep turns in."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.store import ConversationStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    with closing(ConversationStore.open(tmp_path / "chatterm.db")) as opened:
        yield opened
