"""The private side: conversations that are written nowhere."""

from pathlib import Path

import pytest

from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from tests.tui.driving import Driver, parts_of, running
from tests.tui.engines import HeldEngine

SECRET = "xylophone"


async def toggle(app: Driver) -> None:
    chat = app.app.chat
    await app.type("/private")
    await app.press("enter")
    await app.until(lambda: app.app.chat is not chat and app.app.screen is app.app.chat)


async def test_nothing_of_the_private_side_is_written(store: ConversationStore, tmp_path: Path) -> None:
    async with running(parts_of(store, EchoEngine())) as app:
        await app.ask("public")
        await app.until_idle()
        await app.type("half a thought")
        app.app.chat.pane.open_conversation(None)
        await app.until(lambda: app.draft == "")
        await toggle(app)
        await app.until_shown("PRIVATE · echo", "context 0 / 8,192")
        assert "public" not in app.screen
        await app.ask(SECRET)
        await app.until_idle()
        await app.until_shown(SECRET)
        await app.type(f"{SECRET} draft")
    assert [one.title for one in store.conversations()] == ["public"]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"public" in written
    assert SECRET.encode() not in written


async def test_one_goes_back_to_what_was_there_and_to_private_again(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine())) as app:
        await app.ask("public")
        await app.until_idle()
        await toggle(app)
        await app.ask(SECRET)
        await app.until_idle()
        await toggle(app)
        await app.until_shown("public")
        assert "PRIVATE" not in app.screen
        assert SECRET not in app.screen
        await app.ask("more")
        await app.until_idle()
        await toggle(app)
        await app.until_shown(SECRET)
    assert len(store.path(store.conversations()[0].id)) == 4


async def test_a_reply_is_not_left_behind(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say()
        await app.until_shown("One")
        chat = app.app.chat
        await app.type("/private")
        await app.press("enter")
        await app.until_shown("Esc stops it")
        assert app.app.chat is chat


async def test_a_private_session_stays_private_and_lends_no_file_to_an_editor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    store = ConversationStore.in_memory()
    async with running(parts_of(store, EchoEngine(), is_private=True)) as app:
        await app.until_shown("PRIVATE")
        await app.type("/private")
        await app.press("enter")
        await app.until_shown("Nothing of this session")
        await app.press("ctrl+g")
        await app.until_shown("private mode writes")
    store.close()
