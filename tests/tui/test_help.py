"""The help tells exactly the keys that do something."""

import re

from textual.binding import Binding

from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from chatterm.tui.app import ChattermApp
from chatterm.tui.keys import NEWLINE_KEYS
from chatterm.tui.screens.chat import ChatScreen
from chatterm.tui.screens.help import KEYS
from chatterm.tui.widgets.transcript import Transcript
from tests.tui.driving import parts_of, running

OURS = (ChattermApp, ChatScreen, Transcript)
TEXTUALS = {"ctrl+q", "ctrl+p", "tab", "shift+tab", "up", "down", "pgup", "pgdn", "enter"}


def told() -> set[str]:
    """The keys of the help, by Textual's names."""
    keys = (key for text, meaning in KEYS if meaning for key in re.split(r", (?!while)", text))
    plain = {key.split(",")[0] for key in keys}
    return {key if key in "gGjk" else key.lower().replace("esc", "escape") for key in plain}


def test_every_key_of_the_app_is_in_the_help_and_no_other() -> None:
    bound = {
        key
        for owner in OURS
        for binding in owner.BINDINGS
        if isinstance(binding, Binding)
        for key in binding.key.split(",")
    }
    assert told() - TEXTUALS - NEWLINE_KEYS == bound


async def test_the_help_opens_over_the_chat_and_closes_again(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine()), size=(80, 34)) as app:
        await app.press("f1")
        await app.until_shown("Shift+Enter, Alt+Enter, Ctrl+J", "stop the reply, or go back")
        await app.press("escape")
        await app.until(lambda: "stop the reply, or go back" not in app.screen)
        await app.press("f1")
        await app.until_shown("stop the reply, or go back")
        await app.press("f1")
        await app.until(lambda: "stop the reply, or go back" not in app.screen)


async def test_the_command_palette_offers_what_works_and_no_screenshot(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine())) as app:
        await app.press("ctrl+p")
        await app.until_shown("Theme", "New conversation", "Quit")
        assert "Screenshot" not in app.screen
