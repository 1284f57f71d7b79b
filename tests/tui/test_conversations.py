"""Several conversations, the list of them, the engine's coming and failing, and the window's size."""

import threading
from collections.abc import Callable
from datetime import date

import pytest

from chatterm.engine.base import Engine
from chatterm.engine.echo import EchoEngine
from chatterm.errors import ModelNotFound, UnknownName
from chatterm.store import ConversationStore
from chatterm.tui.app import ChattermApp
from chatterm.tui.widgets.sidebar import Sidebar, day_name
from tests.tui.driving import parts_of, running, tell
from tests.tui.engines import HeldEngine


async def test_a_reply_goes_on_while_another_conversation_is_read(store: ConversationStore) -> None:
    tell(store, ["old question", "old answer"], title="old one")
    engine = HeldEngine(["One ", "two ", "three."])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say()
        await app.until_shown("One")
        await app.press("f3", "down", "enter")
        await app.until_shown("old answer")
        assert "One" not in app.screen
        engine.say()
        await app.press("f3", "up", "enter")
        await app.until_shown("You", "count", "One two")
        assert "old answer" not in app.screen
        engine.say()
        await app.until_shown("One two three.")
        await app.until_idle()
        assert app.screen.count("three.") == 1
    assert len(store.conversations()) == 2


async def test_the_next_question_goes_to_the_conversation_on_screen_whatever_ended_meanwhile(
    store: ConversationStore,
) -> None:
    other = tell(store, ["old question", "old answer"], title="old one")
    engine = HeldEngine(["So."])
    async with running(parts_of(store, engine)) as app:
        await app.ask("first")
        await app.until_shown("Esc stop", "context 7 / 8,192")
        await app.press("f3", "down", "enter")
        await app.until_shown("old answer")
        engine.say()
        await app.until_idle()
        engine.say()
        await app.ask("second")
        await app.until(lambda: len(engine.heard) == 2)
        await app.until_idle()
    assert [node.message.content for node in store.path(other)] == [
        "old question",
        "old answer",
        "second",
        "So.",
    ]


async def test_who_walks_through_the_list_is_not_moved_when_a_reply_ends(store: ConversationStore) -> None:
    for number in range(5):
        tell(store, ["q", "a"], title=f"number {number}")
    engine = HeldEngine(["So."])
    async with running(parts_of(store, engine)) as app:
        await app.ask("first")
        await app.until_shown("context 7 / 8,192", "first")
        await app.press("f3", "down", "down")
        sidebar = app.app.chat.query_one(Sidebar)
        assert sidebar.highlighted_option
        walked_to = sidebar.highlighted_option.id
        engine.say()
        await app.until_idle()
        await app.until_shown("So.", "Enter send")
        assert sidebar.highlighted_option.id == walked_to


async def test_a_reply_that_ends_unseen_is_there_when_its_conversation_is_opened(
    store: ConversationStore,
) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say()
        await app.until_shown("One")
        await app.press("ctrl+n")
        await app.until_shown("Ask anything below.")
        engine.say()
        await app.until_idle()
        assert "One" not in app.screen
        await app.press("f3", "down", "enter")
        await app.until_shown("One two")


async def test_a_question_in_a_new_conversation_goes_there(store: ConversationStore) -> None:
    engine = HeldEngine(["So."])
    engine.say(2)
    async with running(parts_of(store, engine)) as app:
        await app.ask("first")
        await app.until_idle()
        await app.press("ctrl+n")
        await app.until_shown("Ask anything below.")
        await app.ask("second")
        await app.until_idle()
    assert [len(heard) for heard in engine.heard] == [1, 1]
    assert len(store.conversations()) == 2


async def test_a_conversation_that_is_gone_is_told_and_the_app_lives_on(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(), conversation_id="gone")) as app:
        await app.until_shown("gone")
        await app.ask("hello")
        await app.until_shown("Assistant")


def held_opening(engine: Engine) -> tuple[threading.Event, Callable[[], Engine]]:
    go_on = threading.Event()

    def open_engine() -> Engine:
        go_on.wait(60)
        return engine

    return go_on, open_engine


async def test_one_types_and_asks_while_the_model_is_opened(store: ConversationStore) -> None:
    go_on, open_engine = held_opening(EchoEngine(["Here I am."]))
    async with running(parts_of(store, EchoEngine(), open_engine=open_engine)) as app:
        await app.until_shown("some model · opening the model")
        await app.ask("there?")
        await app.until_shown("there?", "Esc stop")
        go_on.set()
        await app.until_shown("Here I am.", "echo · context")


async def test_a_question_stopped_while_the_model_is_opened_comes_back_to_the_composer(
    store: ConversationStore,
) -> None:
    go_on, open_engine = held_opening(EchoEngine())
    async with running(parts_of(store, EchoEngine(), open_engine=open_engine)) as app:
        await app.ask("there?")
        await app.type("and more")
        await app.press("escape")
        await app.until_idle()
        assert app.draft == "there?\nand more"
        go_on.set()
    assert not store.conversations()


async def test_an_engine_that_cannot_open_says_why_and_the_next_question_tries_again(
    store: ConversationStore,
) -> None:
    outcomes: list[Exception | Engine] = [
        ModelNotFound("no model file at [b]m.gguf[/b]; `chatterm models pull` fetches one"),
        ModelNotFound("still none"),
        EchoEngine(["At last."]),
    ]

    def open_engine() -> Engine:
        if isinstance(outcome := outcomes.pop(0), Exception):
            raise outcome
        return outcome

    async with running(parts_of(store, EchoEngine(), open_engine=open_engine)) as app:
        await app.until_shown("no model file at [b]m.gguf[/b]", "some model · not open")
        await app.ask("hello")
        await app.until_shown("still none")
        await app.until_idle()
        assert app.draft == "hello"
        await app.press("enter")
        await app.until_shown("At last.", "echo · context")


async def test_in_a_narrow_window_the_list_folds_away_and_comes_when_called(store: ConversationStore) -> None:
    tell(store, ["old question", "old answer"], title="old one")
    async with running(parts_of(store, EchoEngine()), size=(80, 24)) as app:
        assert "old one" not in app.screen
        await app.press("f3")
        await app.until_shown("old one")
        await app.press("escape")
        await app.until(lambda: "old one" not in app.screen)
        await app.press("f3", "down", "enter")
        await app.until_shown("old answer")
        assert "old one" not in app.screen
        await app.resize(120, 40)
        await app.until_shown("old one", "old answer")


@pytest.mark.parametrize("size", [(40, 10), (200, 60)])
async def test_it_works_in_a_small_and_in_a_large_window(
    store: ConversationStore, size: tuple[int, int]
) -> None:
    async with running(parts_of(store, EchoEngine(["It fits."])), size=size) as app:
        await app.ask("fits?")
        await app.until_shown("It fits.")
        await app.until_idle()


async def test_tab_goes_from_composer_to_list_and_messages(store: ConversationStore) -> None:
    tell(store, ["old question", "old answer"])
    async with running(parts_of(store, EchoEngine())) as app:
        seen = []
        for _ in range(3):
            await app.press("tab")
            assert app.app.focused
            seen.append(type(app.app.focused).__name__)
        assert seen == ["Sidebar", "Transcript", "Composer"]


async def test_the_list_can_hold_thousands(store: ConversationStore) -> None:
    for number in range(600):
        store.create_conversation(f"number {number}")
    async with running(parts_of(store, EchoEngine())) as app:
        await app.until_shown("number 599")
        sidebar = app.app.chat.query_one(Sidebar)
        assert 200 <= sidebar.option_count <= 210
        await app.press("f3")
        for _ in range(3):
            before = sidebar.option_count
            await app.press("end")
            await app.until(lambda before=before: sidebar.option_count > before or before > 600)  # type: ignore[misc]
        await app.press("end")
        await app.until_shown("number 0")


@pytest.mark.parametrize("theme", ["textual-light", "textual-dark", "ansi-light"])
async def test_themes_are_textuals(store: ConversationStore, theme: str) -> None:
    async with running(parts_of(store, EchoEngine(["Seen."]), theme=theme)) as app:
        await app.ask("seen?")
        await app.until_shown("Seen.")
        assert app.app.theme == theme


def test_an_unknown_theme_is_refused_with_the_nearest(store: ConversationStore) -> None:
    with pytest.raises(UnknownName, match="did you mean 'textual-light'"):
        ChattermApp(parts_of(store, EchoEngine(), theme="textual-lite"))


@pytest.mark.parametrize(
    ("updated", "name"),
    [
        ("2026-03-10T12:00:00+00:00", "Today"),
        ("2026-03-11T12:00:00+00:00", "Today"),
        ("2026-03-09T12:00:00+00:00", "Yesterday"),
        ("2026-03-05T12:00:00+00:00", "This week"),
        ("2026-03-02T12:00:00+00:00", "Earlier"),
        ("2025-03-10T12:00:00+00:00", "Earlier"),
    ],
)
def test_days_have_names(updated: str, name: str) -> None:
    assert day_name(updated, date(2026, 3, 10)) == name


async def test_a_list_that_a_small_window_hides_takes_every_key(store: ConversationStore) -> None:
    tell(store, ["q", "a"], title="one")
    async with running(parts_of(store, EchoEngine())) as app:
        await app.press("f3", "down")
        await app.until(lambda: app.app.chat.query_one(Sidebar).highlighted == 1)
        await app.resize(110, 1)
        await app.until(lambda: not app.app.chat.query_one(Sidebar).scrollable_content_region)
        app.app.chat.query_one(Sidebar)._clear_caches()  # as another list would
        await app.press("pagedown", "pageup")
        await app.resize(110, 34)
        await app.until_shown("one")
