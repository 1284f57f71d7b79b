"""The composer by real key presses: commands, completion, attachments, chips, recall."""

import asyncio
from pathlib import Path

import pytest

from chatterm.config import Config
from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from chatterm.tui.drafts import Draft
from chatterm.tui.keys import keymap_of
from chatterm.tui.parts import AppParts
from chatterm.tui.widgets.chip_row import Chip
from chatterm.tui.widgets.completion_list import CompletionList
from chatterm.tui.widgets.kept_composer import KeptComposer
from tests.tui.driving import Driver, parts_of, running, tell


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with files to attach."""
    folder = tmp_path / "work"
    (folder / "notes").mkdir(parents=True)
    (folder / "readme.md").write_text("one\ntwo\n", encoding="utf-8")
    (folder / "notes" / "meeting [b].txt").write_text("who came", encoding="utf-8")
    (folder / "photo.png").write_bytes(b"\x89PNG\x00\x00\x00\x01" * 40)
    (folder / ".hidden").write_text("x", encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def echo_parts(store: ConversationStore, **others: object) -> AppParts:
    return parts_of(store, EchoEngine(), **others)


def draft_of(app: Driver) -> Draft:
    return app.app.chat.query_one(KeptComposer).draft


async def run(app: Driver, command: str) -> None:
    await app.type(command)
    await app.press("enter")


def asked(store: ConversationStore) -> list[str]:
    return [
        node.message.content
        for summary in store.conversations()
        for node in store.path(summary.id)
        if node.message.role == "user"
    ]


# Keys.


async def test_enter_can_be_swapped_with_the_newline_keys(store: ConversationStore) -> None:
    keys = keymap_of(Config(enter_sends=False))
    async with running(echo_parts(store, keys=keys)) as app:
        await app.press("a", "enter", "b", "ctrl+j", "c", "shift+enter")
        await app.until_idle()
        assert asked(store) == ["a\nb\nc"]
        await app.press("d", "enter", "alt+enter")
        await app.until(lambda: len(asked(store)) == 2)


def test_keys_of_the_user_win_over_the_swap() -> None:
    keys = keymap_of(Config(enter_sends=False, keys={"composer.send": "f9"}))
    assert (keys["composer.send"], keys["composer.newline"]) == ("f9", "enter,ctrl+j")
    assert keymap_of(Config()) == {}


async def test_the_composer_grows_to_ten_lines(store: ConversationStore) -> None:
    async with running(echo_parts(store)) as app:
        await app.type("\n".join("0123456789ab"))
        assert app.app.focused
        assert app.app.focused.content_size.height == 10


async def test_up_recalls_again_and_again_and_down_comes_back(store: ConversationStore) -> None:
    conversation_id = tell(store, ["first", "a", "second", "b"])
    async with running(echo_parts(store, conversation_id=conversation_id)) as app:
        await app.until_shown("second")
        shown = []
        for key in ("up", "up", "up", "down", "down"):
            await app.press(key)
            shown.append(app.draft)
        assert shown == ["second", "first", "first", "second", ""]
        await app.type("x")
        await app.press("up")
        assert app.draft == "x"


async def test_editing_keys_stay_the_composers(store: ConversationStore) -> None:
    async with running(echo_parts(store)) as app:
        await app.type("one two")
        await app.press("ctrl+a", "X", "ctrl+e", "Y", "ctrl+w", "home", "delete", "ctrl+k")
        assert app.draft == ""


# Commands.


async def test_an_unknown_command_names_the_nearest_and_stays(store: ConversationStore) -> None:
    async with running(echo_parts(store)) as app:
        await run(app, "/serch x")
        await app.until_shown("'/search'?")
        assert app.draft == "/serch x"
        assert not asked(store)


@pytest.mark.parametrize(("typed", "sent"), [("//etc is a folder", "/etc is a folder"), (" /etc", " /etc")])
async def test_a_message_may_begin_with_a_slash(store: ConversationStore, typed: str, sent: str) -> None:
    async with running(echo_parts(store)) as app:
        await run(app, typed)
        await app.until_idle()
        assert asked(store) == [sent]


async def test_commands_are_completed(store: ConversationStore) -> None:
    async with running(echo_parts(store)) as app:
        await app.type("/s")
        await app.until_shown("/system [TEXT]", "/set KEY VALUE", "/search")
        await app.press("down", "tab")
        assert app.draft == "/set "
        await app.type("top")
        await app.until_shown("top_k", "top_p")
        await app.press("escape")
        assert not app.app.chat.query_one(CompletionList).is_open
        assert app.draft == "/set top"


async def test_system_and_set_are_chips_that_go_with_the_next_question(store: ConversationStore) -> None:
    async with running(echo_parts(store)) as app:
        await run(app, "/system Answer [b]briefly")
        await run(app, "/set temperature 0.5")
        await app.until_shown("✕ system: Answer [b]briefly", "✕ temperature: 0.5")
        draft = draft_of(app)
        assert (draft.text, draft.system, dict(draft.settings)) == (
            "",
            "Answer [b]briefly",
            {"temperature": 0.5},
        )


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/set temprature 1", "did you mean"),
        ("/set temperature warm", "warm"),
        ("/set", "/set needs more"),
        ("/new now", "/new takes nothing"),
        ("/file nosuch.txt", "there is no file"),
        ("/file photo.png", "photo.png"),
        ("/file *.png", "no file matches"),
    ],
)
async def test_what_a_command_cannot_do_is_told_and_its_text_stays(
    store: ConversationStore, folder: Path, command: str, told: str
) -> None:
    async with running(echo_parts(store)) as app:
        await app.type(command)
        await app.press("escape", "enter")
        await app.until(lambda: told in " ".join(app.screen.split()))
        await app.until(lambda: app.draft == command)
        assert not draft_of(app).documents


async def test_new_and_quit(store: ConversationStore) -> None:
    conversation_id = tell(store, ["before", "a"])
    async with running(echo_parts(store, conversation_id=conversation_id)) as app:
        await app.until_shown("before")
        await run(app, "/new")
        await app.until(lambda: app.app.chat.pane.shown_id is None)
        await run(app, "/quit")
        await app.until(lambda: not app.app.is_running)


async def test_the_help_lists_every_command(store: ConversationStore) -> None:
    async with running(echo_parts(store), size=(110, 200)) as app:
        await run(app, "/help")
        await app.until_shown("/system [TEXT]", "/private")


# Files, pastes, chips.


async def test_at_offers_files_and_attaches_the_chosen_one(store: ConversationStore, folder: Path) -> None:
    async with running(echo_parts(store)) as app:
        await app.type("see @")
        await app.until_shown("readme.md", "notes/meeting [b].txt")
        assert ".hidden" not in app.screen
        await app.type("mtg")
        await app.until(lambda: "readme.md" not in app.screen)
        await app.press("enter")
        await app.until_shown("✕ meeting [b].txt · 1 line, 8 bytes")
        assert app.draft == "see "
        assert [one.text for one in draft_of(app).documents] == ["who came"]


async def test_a_folder_is_attached_file_by_file_and_many_are_one_chip(
    store: ConversationStore, folder: Path
) -> None:
    async with running(echo_parts(store)) as app:
        await app.type("/file ./")
        await app.until_shown("./ · all files in it")
        await app.press("enter")
        await app.until_shown("✕ notes/meeting [b].txt · 1 line", "✕ readme.md · 2 lines, 8 bytes")
        for number in range(12):
            (folder / "notes" / f"{number}.txt").write_text("x\n", encoding="utf-8")
        await app.type("/file notes/*.txt")
        await app.press("escape", "enter")
        await app.until_shown("✕ 15 documents · ")
        await app.press("backspace")
        await app.until(lambda: not draft_of(app).documents)


async def test_an_address_is_no_file(store: ConversationStore, folder: Path) -> None:
    async with running(echo_parts(store)) as app:
        await app.type("write to me@readme")
        assert not app.app.chat.query_one(CompletionList).is_open


async def test_a_long_paste_becomes_a_chip_and_a_short_one_is_typed(store: ConversationStore) -> None:
    async with running(echo_parts(store)) as app:
        await app.paste("two\nlines")
        assert app.draft == "two\nlines"
        await app.paste("line\n" * 30)
        await app.paste("other\n" * 30)
        await app.until_shown("✕ pasted text · 30 lines, 150 bytes", "✕ pasted text 2 · 30 lines")
        assert app.draft == "two\nlines"


async def test_five_megabytes_are_pasted_whole_and_the_app_goes_on(store: ConversationStore) -> None:
    text = "five megabytes of words\n" * 208_334
    async with running(echo_parts(store)) as app:
        await app.paste(text)
        await app.until_shown("pasted text · 208,334 lines, 5.0 MB")
        await app.type("more")
        assert app.draft == "more"
        assert draft_of(app).documents[0].text == text


async def test_a_paste_over_the_cap_is_refused_with_the_number(store: ConversationStore) -> None:
    async with running(echo_parts(store)) as app:
        await app.type("kept")
        await app.paste("x" * (16 * 2**20 + 1))
        await app.until(lambda: "16,777,216 bytes" in " ".join(app.screen.split()))
        assert app.draft == "kept"
        assert not draft_of(app).documents


async def test_chips_are_taken_out_by_keys_and_by_the_mouse(store: ConversationStore) -> None:
    async with running(echo_parts(store)) as app:
        for letter in "abcd":
            await app.paste(f"{letter}\n" * 30)
        await app.until(lambda: len(app.app.chat.query(Chip)) == 4)
        await app.press("backspace")
        await app.until(lambda: _letters(app) == "abc")
        await app.click(list(app.app.chat.query(Chip))[1])
        await app.until(lambda: _letters(app) == "ac")
        await app.press("shift+tab")
        await app.press("delete")
        await app.until(lambda: _letters(app) == "a")
        await app.type("the composer has the focus")
        assert app.draft == "the composer has the focus"


def _letters(app: Driver) -> str:
    return "".join(one.text[0] for one in draft_of(app).documents)


# Drafts.


async def test_each_conversation_has_its_own_draft(store: ConversationStore) -> None:
    other = tell(store, ["older", "a"])
    shown = tell(store, ["newer", "b"])
    async with running(echo_parts(store, conversation_id=shown)) as app:
        await app.until_shown("newer")
        await app.type("half a thought")
        app.app.chat.pane.open_conversation(other)
        await app.until(lambda: app.app.chat.pane.shown_id == other and app.draft == "")
        await app.type("another")
        app.app.chat.pane.open_conversation(shown)
        await app.until(lambda: app.draft == "half a thought")
    async with running(echo_parts(store, conversation_id=other)) as app:
        await app.until(lambda: app.draft == "another")


async def test_what_is_sent_is_no_draft_any_more(store: ConversationStore) -> None:
    async with running(echo_parts(store)) as app:
        await app.ask("gone")
        await app.until_idle()
    async with running(echo_parts(store, conversation_id=store.conversations()[0].id)) as app:
        await app.until_shown("gone")
        await asyncio.sleep(0.2)
        assert app.draft == ""


# The editor.


async def test_without_an_editor_it_says_what_to_set(
    store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    async with running(echo_parts(store)) as app:
        await app.type("kept")
        await app.press("ctrl+g")
        await app.until_shown("set VISUAL or EDITOR")
        monkeypatch.setenv("EDITOR", "/nosuch/editor -w")
        await app.press("ctrl+g")
        await app.until(lambda: "/nosuch/editor -w" in app.screen)
        assert app.draft == "kept"


async def test_undoing_what_made_it_grow_and_the_window_shrink(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine()), size=(40, 10)) as app:
        for count in range(1, 14):
            await app.press("x", "ctrl+j")
            await app.resize(40, 10 if count % 2 else 24)
        await app.press(*["ctrl+z"] * 14)
        await app.until(lambda: app.draft.count("\n") < 13)
        await app.press("z")
        await app.until(lambda: "z" in app.draft)


async def test_the_palettes_list_takes_every_key_in_a_tiny_window(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine()), size=(40, 3)) as app:
        await app.press("ctrl+p", "pagedown", "pageup", "down", "escape")
        await app.until(lambda: app.app.screen is app.app.chat)
