from collections.abc import Iterator
from pathlib import Path

import pytest

from chatterm.store import ConversationStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    store = ConversationStore.open(tmp_path / "chatterm.db")
    yield store
    store.close()
