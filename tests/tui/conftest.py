from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import _wait

from chatterm.store import ConversationStore

GRANULARITY_S = 1 / 200
"""How long the pilot looks whether the app is idle, after each key; its own 1/50 is most of a test's time."""


@pytest.fixture(autouse=True)
def quick_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often whether the app has acted on a key: at the same share of idleness."""
    scale = GRANULARITY_S / _wait.SLEEP_GRANULARITY
    monkeypatch.setattr(_wait, "SLEEP_GRANULARITY", GRANULARITY_S)
    monkeypatch.setattr(_wait, "SLEEP_IDLE", _wait.SLEEP_IDLE * scale)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    store = ConversationStore.open(tmp_path / "chatterm.db")
    yield store
    store.close()
