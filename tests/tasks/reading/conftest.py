"""What the tests of reading share."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from chatterm.store import ConversationStore


@pytest.fixture
def store() -> Iterator[ConversationStore]:
    with closing(ConversationStore.in_memory()) as opened:
        yield opened
