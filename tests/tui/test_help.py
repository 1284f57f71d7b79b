"""The help, the palette and the remapping of keys all come from the bindings themselves."""

import re

import pytest

from chatterm.engine.echo import EchoEngine
from chatterm.errors import UnknownName, UsageError
from chatterm.store import ConversationStore
from chatterm.tui.app import ChattermApp
from chatterm.tui.commands import COMMANDS
from chatterm.tui.key_map import actions, checked_keymap, clashes, key_name
from chatterm.tui.screens.help import command_rows, help_rows, help_text
from tests.tui.driving import parts_of, running


def test_the_help_tells_every_action_with_its_key() -> None:
    told = {(keys, meaning) for _, rows in help_rows({}) for keys, meaning in rows}
    assert {(one.shown_keys, one.meaning) for one in actions()} <= told
    assert ("Ctrl+F", "Search all conversations") in told
    assert ("Ctrl+Q", "Quit; what was said is kept") in told


def test_the_help_tells_a_remapped_key_instead() -> None:
    rows = dict(help_rows({"chat.search": "f6,?"}))
    assert ("F6 or ?", "Search all conversations") in rows["Anywhere"]
    assert not any(keys == "Ctrl+F" for keys, _ in rows["Anywhere"])


def test_keys_too_long_for_their_column_stand_above_their_meaning() -> None:
    assert help_text([("Area", [("a" * 40, "Meaning"), ("b", "Other")])]).plain.splitlines() == [
        "Area", f"  {'a' * 40}", f"{' ' * 30}Meaning", f"  b{' ' * 27}Other",
    ]  # fmt: skip


def test_the_help_tells_every_command() -> None:
    told = dict(command_rows())
    assert {f"/{command.name}" for command in COMMANDS} == {usage.split()[0] for usage in told}
    assert told["/export [PATH]"].startswith("write the conversation")


def test_ids_name_one_action_of_one_class() -> None:
    assert not [one for one in actions() if not one.id], "its keys could not be changed"
    named = [(one.id, one.owner, one.name) for one in actions()]
    assert len({identity for identity, _, _ in named}) == len(named), "an id stands for two actions"
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", identity or "") for identity, _, _ in named)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ctrl+n", "Ctrl+N"), ("escape", "Esc"), ("f1", "F1"), ("G", "G"), ("j", "j"), ("slash", "/"),
        ("question_mark", "?"), ("shift+tab", "Shift+Tab"), ("ctrl+comma", "Ctrl+,"), ("ctrl+at", "Ctrl+At"),
    ],
)  # fmt: skip
def test_keys_have_names_for_people(key: str, name: str) -> None:
    assert key_name(key) == name


@pytest.mark.parametrize(
    ("keys", "error", "told"),
    [
        ({"chat.serch": "f6"}, UnknownName, "did you mean 'chat.search'"),
        ({"chat.search": "ctrl+pgup"}, UnknownName, "pageup"),
        ({"chat.search": "control+f"}, UnknownName, "control"),
        ({"chat.search": "f6,"}, UsageError, "no key"),
    ],
)
def test_a_wrong_remapping_is_refused(
    store: ConversationStore, keys: dict[str, str], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        ChattermApp(parts_of(store, EchoEngine(), keys=keys))


def test_keys_are_taken_as_people_write_them() -> None:
    assert checked_keymap({"chat.search": "/, ctrl+g"}) == {"chat.search": "slash,ctrl+g"}


def test_an_action_that_has_another_name_is_told_by_it() -> None:
    with pytest.raises(UnknownName, match=r"'messages.findings'; did you mean 'messages.sources'\?"):
        checked_keymap({"messages.findings": "v"})


def test_a_key_for_two_things_in_one_place_is_a_clash() -> None:
    assert clashes({"chat.search": "ctrl+n"}) == ["Ctrl+N is set for chat.search, and is chat.new too"]
    assert clashes({"list.pin": "e"}) == ["e is set for list.pin, and is list.rename too"]
    assert not clashes({"chat.search": "f10"})
    swapped = {"list.pin": "e", "list.rename": "p"}
    assert not clashes(swapped)


async def test_a_remapped_key_works_the_old_one_does_not_and_the_help_says_so(
    store: ConversationStore,
) -> None:
    async with running(parts_of(store, EchoEngine(), keys={"chat.search": "f6"})) as app:
        await app.press("ctrl+f")
        await app.press("f6")
        await app.until_shown("Search all conversations")
        await app.press("escape", "f1")
        await app.until_shown("F6", "Search all conversations")
        assert "Ctrl+F " not in app.screen


@pytest.mark.parametrize("size", [(110, 34), (80, 24)])
async def test_the_status_line_names_the_keys_in_force(
    store: ConversationStore, size: tuple[int, int]
) -> None:
    async with running(parts_of(store, EchoEngine(), keys={"chat.help": "f12"}), size=size) as app:
        await app.until_shown("F12 help")


async def test_a_clash_is_told_when_the_app_opens(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(), keys={"chat.search": "ctrl+n"})) as app:
        await app.until_shown("chat.new too")


async def test_the_help_opens_over_the_chat_and_closes_again(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine()), size=(80, 34)) as app:
        for close in ("escape", "f1", "q"):
            await app.press("f1")
            await app.until_shown("Stop the reply, or go back")
            await app.press(close)
            await app.until(lambda: "Stop the reply, or go back" not in app.screen)


async def test_the_command_palette_offers_every_action_with_its_key_and_no_screenshot(
    store: ConversationStore,
) -> None:
    async with running(parts_of(store, EchoEngine())) as app:
        commands = {one.title: one.help for one in app.app.get_system_commands(app.app.screen)}
        assert commands["New conversation"] == "Ctrl+N"
        assert {"Theme", "Help", "Conversations: Pin, or let go", "Messages: Next message"} <= set(commands)
        await app.press("ctrl+p")
        assert not any("creenshot" in title for title in commands)
        await app.until_shown("Search for commands")
        await app.type("search all")
        await app.until_shown("Search all conversations")
        await app.press("enter", "enter")
        await app.until_shown("All words must occur")
