"""Export of the conversation on screen, and import of files, by keys."""

import json
import stat
from pathlib import Path

import pytest

from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from tests.tui.driving import Driver, parts_of, running, tell


async def ask_for(app: Driver, command: str) -> None:
    """By the command palette."""
    await app.press("ctrl+p")
    await app.until_shown("Search for commands")
    await app.type(command)
    await app.until(lambda: app.screen.count(command) > 1)
    await app.press("enter")


async def answer(app: Driver, path: str | Path) -> None:
    await app.press("ctrl+u")
    await app.paste(str(path))
    await app.press("enter")


async def test_the_conversation_on_screen_is_exported_to_a_new_file_of_the_users_alone(
    store: ConversationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    conversation_id = tell(store, ["my question", "my answer"], title="A talk")
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("my answer")
        await app.app.chat.run_action("export")
        await app.until_shown("Export to a new file")
        await app.press("enter")
        await app.until_shown("Exported to")
        (written,) = tmp_path.glob("*.md")
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        assert "my answer" in written.read_text()
        await app.app.chat.run_action("export")
        await app.until_shown("Export to a new file")
        await app.press("enter")
        await app.until_shown("already;")
        await answer(app, tmp_path / "none" / "talk.json")
        await app.until_shown("there is no")
        await answer(app, tmp_path / "talk.json")
        await app.until((tmp_path / "talk.json").exists)
    assert json.loads((tmp_path / "talk.json").read_text())["conversations"][0]["id"] == conversation_id


async def test_nothing_is_exported_where_nothing_was_said(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine())) as app:
        await app.app.chat.run_action("export")
        await app.until_shown("Nothing here can be exported yet")


async def test_an_export_can_be_imported_again_and_is_then_in_the_list(
    store: ConversationStore, tmp_path: Path
) -> None:
    conversation_id = tell(store, ["my question", "my answer"], title="A talk")
    before = store.whole(conversation_id)
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("my answer")
        await app.app.chat.run_action(f"export({str(tmp_path / 'talk.json')!r})")
        await app.until_shown("Exported to")
        store.delete([conversation_id])
        await ask_for(app, "Import conversations")
        await app.until_shown("logs.db of llm")
        await answer(app, tmp_path / "talk.json")
        await app.until_shown("1 new conversations, 2 new messages")
        await app.until(lambda: bool(store.conversations()))
    assert store.whole(conversation_id) == before


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "there is no file"), (b"{]", "neither JSON"), (b"PK\x03\x04rest", "zip archive")],
)
async def test_a_wrong_file_is_told_and_the_app_lives_on(
    store: ConversationStore, tmp_path: Path, content: bytes | None, told: str
) -> None:
    path = tmp_path / "[b]\x1b[31m.json"
    if content is not None:
        path.write_bytes(content)
    async with running(parts_of(store, EchoEngine()), size=(180, 34)) as app:
        await app.app.chat.run_action("import_file")
        await app.until_shown("Import conversations")
        await answer(app, "")
        await app.until_shown("no file is named")
        await app.press("escape")
        await app.app.chat.run_action(f"import_file({str(path)!r})")
        await app.until(lambda: told in " ".join(app.screen.replace("│", " ").split()))
        assert "\x1b" not in app.screen


async def test_slash_commands_reach_the_same(store: ConversationStore, tmp_path: Path) -> None:
    conversation_id = tell(store, ["my question", "my answer"], title="A talk")
    path = tmp_path / "talk.json"
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("my answer")
        await app.ask(f"/export {path}")
        await app.until(path.exists)
        await app.ask("/rename Another name")
        await app.until(lambda: store.summary(conversation_id).title == "Another name")
        await app.ask("/delete")
        await app.until_shown("Delete this conversation")
        await app.press("y")
        await app.until(lambda: not store.conversations())
        await app.ask(f"/import {path}")
        await app.until(lambda: bool(store.conversations()))
        await app.ask("/search answer")
        await app.until_shown("A talk  Assistant")
