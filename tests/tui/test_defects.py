"""A defect of ours in the app is told by its kind and place, without what people wrote."""

import pytest

from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from chatterm.tui.app import ChattermApp
from tests.tui.driving import parts_of


async def test_a_defect_shows_no_text_of_the_user(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        typed = "my secret diagnosis"
        raise LookupError(typed)

    app = ChattermApp(parts_of(ConversationStore.in_memory(), EchoEngine()))
    with pytest.raises(LookupError):
        async with app.run_test():
            app.call_later(fail)
    told = capfd.readouterr().err
    assert "internal error: LookupError (test_defects.py:" in told
    assert "diagnosis" not in told
