"""The settings screen: where values come from, what is written, and keys that are given to actions."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from textual.theme import BUILTIN_THEMES
from textual.widgets import OptionList

from chatterm.config import Config, Paths, load_config
from chatterm.engine.echo import EchoEngine
from chatterm.errors import ConfigError, UnknownName
from chatterm.store import ConversationStore
from chatterm.tui.parts import AppParts
from chatterm.tui.settings import SettingsSource, check_value, effect_of, meanings, settings_in_force
from tests.tui.driving import Driver, parts_of, running


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsSource:
    paths = Paths.from_environment({"CHATTERM_HOME": str(tmp_path)})
    paths.config_file.parent.mkdir()
    paths.config_file.write_text('# mine\ntheme = "nord"\n')
    monkeypatch.setenv("CHATTERM_TOP_K", "7")
    return SettingsSource(
        load=lambda: load_config(dict(os.environ), paths), path=paths.config_file, options={"model": "echo"}
    )


@pytest.fixture
def parts(store: ConversationStore, source: SettingsSource) -> AppParts:
    return parts_of(store, EchoEngine(), theme="nord", settings=source)


def test_each_value_says_where_it_comes_from(source: SettingsSource) -> None:
    origins = {one.key: (one.value, one.origin) for one in settings_in_force(source)}
    assert origins["model"] == ("echo", "option --model")
    assert origins["top_k"] == (7, "CHATTERM_TOP_K")
    assert origins["theme"] == ("nord", str(source.path))
    assert origins["emergency_number"] == (Config().emergency_number, "default")


def test_every_setting_has_its_meaning() -> None:
    assert "greedy" in meanings()["temperature"]
    assert all(meanings()[key] for key, _, _ in Config().settings())


@pytest.mark.parametrize(
    ("key", "text", "error"),
    [("theme", "nrod", UnknownName), ("temperature", "hot", ConfigError), ("lang", "fr", ConfigError)],
)
def test_a_wrong_value_is_refused_as_the_file_refuses_it(key: str, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_value(key, text, BUILTIN_THEMES)


def test_an_empty_value_is_the_default() -> None:
    assert check_value("theme", " ", BUILTIN_THEMES) is None
    assert check_value("enter_sends", "no", BUILTIN_THEMES) is False


def test_what_wins_over_the_file_is_said() -> None:
    assert "CHATTERM_TOP_K in the environment wins" in effect_of("top_k", "CHATTERM_TOP_K")
    assert "--model of this start wins" in effect_of("model", "option --model")
    assert "starts again" in effect_of("ctx", "config.toml")
    assert effect_of("theme", "config.toml") == "Saved."


async def choose(app: Driver, row: str) -> None:
    """Press Enter on a row: going there by Down takes seconds."""
    options = app.app.screen.query_one(OptionList)
    options.highlighted = options.get_option_index(row)
    await app.press("enter")


async def test_a_theme_is_chosen_written_and_shown_at_once(parts: AppParts, source: SettingsSource) -> None:
    async with running(parts) as app:
        await app.press("f9")
        await app.until_shown("theme", "nord", "emergency_number")
        await choose(app, "setting theme")
        await app.until_shown("One of: ")
        await app.press("ctrl+u", *"nrod", "enter")
        await app.until_shown("did you mean 'nord'")
        await app.press("ctrl+u", *"dracula", "enter")
        await app.until(lambda: app.app.theme == "dracula")
        await app.until_shown("Saved.")
    assert source.path.read_text() == '# mine\ntheme = "dracula"\n'


async def test_a_sampling_default_is_set_and_dropped_again(parts: AppParts, source: SettingsSource) -> None:
    async with running(parts) as app:
        await app.press("f9")
        await app.until_shown("temperature")
        await choose(app, "setting temperature")
        await app.until_shown("greedy")
        await app.press(*"hot", "enter")
        await app.until_shown("must be a number")
        await app.press("ctrl+u", *"0.3", "enter")
        await app.until(lambda: source.load().temperature == 0.3)
        await app.until_shown("Saved.")
        await choose(app, "setting temperature")
        await app.until_shown("greedy")
        await app.press("ctrl+u", "enter")
        await app.until(lambda: source.load().temperature is None)
        await app.press("escape", "escape")


async def test_an_action_gets_another_key_that_works_at_once(parts: AppParts, source: SettingsSource) -> None:
    async with running(parts) as app:
        await app.press("f9")
        await app.until_shown("theme")
        await choose(app, "keys chat.search")
        await app.until_shown("several separated by commas")
        await app.press("ctrl+u", *"nokey", "enter")
        await app.until_shown("no key is called 'nokey'")
        await app.press("ctrl+u", "f", "5", "enter")
        await app.until(lambda: source.load().keys == {"chat.search": "f5"})
        await app.press("escape")
        await app.until(lambda: app.app.screen is app.app.chat)
        await app.press("f1")
        await app.until_shown("F5", "Search all conversations")
        await app.press("escape", "f5")
        await app.until_shown("All words must occur")


async def test_a_broken_file_is_told_and_the_app_lives_on(parts: AppParts, source: SettingsSource) -> None:
    source.path.write_text("[theme")
    async with running(parts) as app:
        await app.press("f9")
        await app.until_shown("TOML")
        await app.press("escape")
        await app.ask("alive?")
        await app.until_shown("Assistant")


async def test_without_a_source_the_settings_do_not_open(parts: AppParts) -> None:
    async with running(replace(parts, settings=None)) as app:
        await app.press("f9")
        await app.until(lambda: app.app.screen is app.app.chat)
