"""Keys pressed faster than the app can act on them end where a slow typist's would."""

import time

from textual.events import Paste

from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore, StoredDraft
from chatterm.tui.screens.search import SearchScreen
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.sidebar import Sidebar
from chatterm.tui.widgets.transcript import Transcript
from tests.tui.driving import Driver, parts_of, running, tell


class SlowStore(ConversationStore):
    """Takes its time to read what a screen shows."""

    def take_draft(self, conversation_id: str | None) -> StoredDraft | None:
        time.sleep(0.1)
        return super().take_draft(conversation_id)


def _questions(store: ConversationStore, conversation_id: str) -> list[str]:
    return [node.message.content for node in store.path(conversation_id) if node.message.role == "user"]


def _typed(driver: Driver) -> str:
    return driver.app.chat.query_one(Composer).text


async def test_what_is_typed_behind_ctrl_n_goes_to_the_new_conversation() -> None:
    store = SlowStore.in_memory()
    before = tell(store, ["old question", "old reply"])
    async with running(parts_of(store, EchoEngine(), conversation_id=before)) as driver:
        await driver.until_shown("old reply")
        driver.burst(*"kept", "ctrl+n", *"hello", "enter", *"more")
        await driver.until(lambda: len(store.conversations()) == 2)
        await driver.until_idle()
        await driver.until(lambda: _typed(driver) == "more")
        new = next(one.id for one in store.conversations() if one.id != before)
        assert _questions(store, new) == ["hello"]
        assert _questions(store, before) == ["old question"]
        await driver.press("f3")
        driver.app.chat.pane.open_conversation(before)
        await driver.until(lambda: _typed(driver) == "kept")


async def test_what_is_typed_behind_a_slash_command_comes_after_it() -> None:
    store = SlowStore.in_memory()
    before = tell(store, ["old question", "old reply"])
    async with running(parts_of(store, EchoEngine(), conversation_id=before)) as driver:
        await driver.until_shown("old reply")
        driver.burst("slash", *"new", "enter", *"hello", "enter")
        await driver.until(lambda: len(store.conversations()) == 2)
        await driver.until_idle()
        assert _questions(store, before) == ["old question"]


async def test_keys_behind_a_filter_act_in_the_list() -> None:
    store = ConversationStore.in_memory()
    kept = tell(store, ["q", "r"], title="alpha")
    tell(store, ["q", "r"], title="beta")
    async with running(parts_of(store, EchoEngine())) as driver:
        await driver.until_shown("alpha", "beta")
        driver.burst("f3", "slash", *"beta", "enter")
        await driver.until(lambda: driver.app.chat.query_one(Sidebar).has_focus)
        await driver.until(lambda: "alpha" not in driver.screen)
        driver.burst("f3", "f3", "slash", *"beta", "enter", "d")
        await driver.until_shown("Delete this conversation")
        await driver.press("y")
        await driver.until(lambda: [one.id for one in store.conversations()] == [kept])


async def test_keys_behind_a_move_of_the_focus_go_where_it_went() -> None:
    store = ConversationStore.in_memory()
    before = tell(store, ["first question", "first reply", "second question", "second reply"])
    async with running(parts_of(store, EchoEngine(), conversation_id=before)) as driver:
        await driver.until_shown("second reply")
        driver.burst("shift+tab", "k", "k")
        transcript = driver.app.chat.query_one(Transcript)
        await driver.until(lambda: transcript.has_focus and transcript.selected is not None)
        assert _typed(driver) == ""


async def test_what_is_typed_behind_the_search_key_is_searched_for() -> None:
    store = ConversationStore.in_memory()
    found = tell(store, ["where is the harbour", "by the sea"], title="the town")
    async with running(parts_of(store, EchoEngine())) as driver:
        driver.burst("ctrl+f", *"harbour", "enter", "k", "j")
        await driver.until(lambda: driver.app.chat.pane.shown_id == found)
        await driver.until(lambda: not isinstance(driver.app.screen, SearchScreen))
        assert _typed(driver) == ""


async def test_a_paste_keeps_its_place_among_keys() -> None:
    async with running(parts_of(ConversationStore.in_memory(), EchoEngine())) as driver:
        driver.burst("a", "space", Paste("pasted"), "space", "b")
        await driver.until(lambda: _typed(driver) == "a pasted b")


async def test_keys_go_on_where_a_dialog_ends_with_its_key() -> None:
    async with running(parts_of(ConversationStore.in_memory(), EchoEngine())) as driver:
        driver.burst("f1", "escape", *"typed")
        await driver.until(lambda: _typed(driver) == "typed")
