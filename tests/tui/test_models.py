"""The model picker: what is here and what can be had, whether it fits, changing models, fetching."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.conversation import ModelCard
from chatterm.engine.base import Engine
from chatterm.engine.echo import EchoEngine
from chatterm.engine.registry import EchoModel
from chatterm.errors import ModelNotFound
from chatterm.models.catalogue import Catalogue, CatalogueEntry
from chatterm.models.discovery import ModelFile
from chatterm.store import ConversationStore
from chatterm.tasks.model_shelf import ModelShelf
from chatterm.tui.parts import AppParts
from tests.support.gguf_files import TinyLlama, tiny_gguf
from tests.support.wheels import entry_for, make_wheel
from tests.tui.driving import parts_of, running
from tests.tui.engines import HeldEngine

CONTENT = os.urandom(300_000)
ENTRY = entry_for(CONTENT)


class NamedEngine(EchoEngine):
    """Answers with the name of its model; tells whether it was closed."""

    def __init__(self, name: str) -> None:
        super().__init__([f"{name} says so"])
        self.name = name
        self.is_closed = False

    def describe(self) -> ModelCard:
        return replace(super().describe(), name=self.name)

    def close(self) -> None:
        self.is_closed = True


class Opened:
    """Opens an engine for whatever is chosen, and remembers them all."""

    def __init__(self) -> None:
        self.engines: list[NamedEngine] = []

    def __call__(self, model: ModelFile | EchoModel) -> Engine:
        if isinstance(model, ModelFile) and not model.path.exists():
            raise ModelNotFound(f"there is no model file {model.path}; `chatterm models list` shows them")
        self.engines.append(NamedEngine("echo" if isinstance(model, EchoModel) else model.name))
        return self.engines[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip takes packages from."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def shelf_of(folder: Path, *entries: CatalogueEntry, is_offline: bool = False) -> ModelShelf:
    catalogue = Catalogue(entries or (ENTRY,), (entries or (ENTRY,))[0])
    return ModelShelf(folder=folder, catalogue=catalogue, cache=folder / "cache", is_offline=is_offline)


def parts_with(
    store: ConversationStore, shelf: ModelShelf, first: Engine | None = None, opened: Opened | None = None
) -> AppParts:
    return parts_of(store, first or EchoEngine(), models=shelf, open_model=opened or Opened())


async def test_the_picker_tells_what_is_here_what_can_be_fetched_and_what_fits(
    store: ConversationStore, folder: Path
) -> None:
    tiny_gguf(folder / "small.gguf", TinyLlama(name="A small one"), {"general.license": "MIT"})
    async with running(parts_with(store, shelf_of(folder))) as app:
        await app.press("ctrl+o")
        await app.until_shown("some model is in use")
        await app.until_shown("small", "here", "✓ fits", "Q4_0", "tiny", "to fetch", "F32")
        await app.until_shown("A small one", "licence MIT", "context 512 tokens", "memory: needs")
        await app.press("down")
        await app.until_shown("Tiny 0B", "licence CC0-1.0 · languages en", "tiny-model 1.0")
        await app.press("escape")
        await app.until(lambda: "Tiny 0B" not in app.screen)


async def test_enter_changes_the_model_and_the_conversation_goes_on_with_it(
    store: ConversationStore, folder: Path
) -> None:
    tiny_gguf(folder / "other.gguf")
    first, opened = NamedEngine("first"), Opened()
    async with running(parts_with(store, shelf_of(folder), first, opened)) as app:
        await app.ask("hello")
        await app.until_shown("first says so")
        await app.until_idle()
        await app.press("ctrl+o")
        await app.until_shown("other", "here")
        await app.press("enter")
        await app.until(lambda: first.is_closed and bool(opened.engines))
        await app.ask("again")
        await app.until_shown("first says so", "other answers from here on", "other says so")
        await app.until_idle()
        assert len(store.conversations()) == 1
    assert opened.engines[0].is_closed is False


async def test_a_reply_that_runs_is_ended_by_its_own_model(store: ConversationStore, folder: Path) -> None:
    tiny_gguf(folder / "other.gguf")
    first, opened = HeldEngine(["one ", "two"]), Opened()
    async with running(parts_with(store, shelf_of(folder), first, opened)) as app:
        await app.ask("hello")
        first.say()
        await app.until_shown("one")
        await app.press("ctrl+o")
        await app.until_shown("other")
        await app.press("enter")
        await app.until_shown("other is used once what is asked is answered")
        assert not opened.engines
        first.say(2)
        await app.until_shown("one two")
        await app.until(lambda: bool(opened.engines))
        await app.ask("next")
        await app.until_shown("other says so")
        await app.until_idle()


async def test_a_bad_file_is_told_and_not_chosen(store: ConversationStore, folder: Path) -> None:
    (folder / "bad.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\xff" * 64)
    tiny_gguf(folder / "strange.gguf", None, {"general.architecture": "[b]strange[/b]"})
    opened = Opened()
    async with running(parts_with(store, shelf_of(folder), opened=opened)) as app:
        await app.press("ctrl+o")
        await app.until_shown("bad", "✗ cannot run", "not a sound GGUF file", "strange")
        await app.press("enter")
        await app.until_shown("It cannot be run")
        await app.press("down")
        await app.until_shown("'[b]strange[/b]'")
        await app.press("enter", "escape")
        assert not opened.engines


async def test_what_a_file_says_of_itself_is_shown_as_it_stands(
    store: ConversationStore, folder: Path
) -> None:
    name = "[red]x[/red]\x1b[31m\n[@click=app.quit]y[/]\u202e"
    tiny_gguf(folder / "a.gguf", TinyLlama(name=name), {"general.license": "\x1b]0;title\x07"})
    async with running(parts_with(store, shelf_of(folder))) as app:
        await app.press("ctrl+o")
        await app.until_shown("[red]x[/red]␛[31m [@click=app.quit]y[/]<U+202E>", "licence ␛]0;title␇")


async def test_a_model_is_fetched_inside_the_app_and_used(
    store: ConversationStore, folder: Path, wheels: Path
) -> None:
    make_wheel(wheels, CONTENT)
    opened = Opened()
    async with running(parts_with(store, shelf_of(folder), opened=opened)) as app:
        await app.press("ctrl+o")
        await app.until_shown("to fetch")
        await app.press("enter")
        await app.until(lambda: bool(opened.engines), 40)
        assert (folder / "tiny.gguf").read_bytes() == CONTENT
        await app.ask("hello")
        await app.until_shown("tiny says so")
        await app.until_idle()


async def test_nothing_is_fetched_offline(store: ConversationStore, folder: Path) -> None:
    async with running(parts_with(store, shelf_of(folder, is_offline=True))) as app:
        await app.press("ctrl+o")
        await app.until_shown("to fetch")
        await app.press("enter")
        await app.until_shown("nothing may be fetched", "--offline")


async def test_a_fetch_that_fails_is_told_and_the_app_goes_on(
    store: ConversationStore, folder: Path, wheels: Path
) -> None:
    make_wheel(wheels, CONTENT[::-1])
    async with running(parts_with(store, shelf_of(folder))) as app:
        await app.press("ctrl+o")
        await app.until_shown("to fetch")
        await app.press("enter")
        await app.until(lambda: "sha256 should be" in app.screen, 40)
        await app.ask("still here")
        await app.until_shown("Assistant")
        await app.until_idle()
        assert not (folder / "tiny.gguf").exists()


async def test_a_model_is_chosen_by_its_name(store: ConversationStore, folder: Path) -> None:
    tiny_gguf(folder / "other.gguf")
    opened = Opened()
    async with running(parts_with(store, shelf_of(folder), opened=opened)) as app:
        await app.ask("/model othr")
        await app.until_shown("no model is called 'othr'", "did you mean 'other'")
        await app.press(*["backspace"] * 11)
        await app.ask("/model other")
        await app.until(lambda: bool(opened.engines))
        await app.ask("hello")
        await app.until_shown("other says so")
        await app.until_idle()


SLOW_PIP = "printf 'Progress 1000 of 1048576\\n'; echo $$ > {pid}; exec sleep 60"


def slow_python(tmp_path: Path) -> str:
    """A program that stands in for the Python whose pip fetches, and never comes to an end."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{SLOW_PIP.format(pid=tmp_path / 'pid')}\n")
    path.chmod(0o755)
    return str(path)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_fetch_is_stopped_by_escape_while_the_app_is_used(
    store: ConversationStore, folder: Path, tmp_path: Path
) -> None:
    shelf = replace(shelf_of(folder), python=slow_python(tmp_path))
    async with running(parts_with(store, shelf)) as app:
        await app.press("ctrl+o")
        await app.until_shown("to fetch")
        await app.press("enter")
        await app.until_shown("downloading tiny", "Esc stops")
        await app.ask("meanwhile")
        await app.until_shown("Assistant")
        await app.until_idle()
        await app.press("escape")
        await app.until_shown("fetching tiny was stopped; nothing of it is kept")
        assert [path.name for path in folder.iterdir() if "pull" in path.name] == []
    assert not is_alive(int((tmp_path / "pid").read_text()))


async def test_quitting_while_a_model_is_fetched_ends_the_fetch(
    store: ConversationStore, folder: Path, tmp_path: Path
) -> None:
    shelf = replace(shelf_of(folder), python=slow_python(tmp_path))
    async with running(parts_with(store, shelf)) as app:
        await app.ask("/model tiny")
        await app.until_shown("downloading tiny")
        await app.press("ctrl+q")
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_a_model_that_is_gone_is_told_with_what_to_do(store: ConversationStore, folder: Path) -> None:
    path = tiny_gguf(folder / "other.gguf")
    tiny_gguf(folder / "spare.gguf")
    async with running(parts_with(store, shelf_of(folder))) as app:
        await app.press("ctrl+o")
        await app.until_shown("other", "here", "spare")
        path.unlink()
        await app.press("enter")
        await app.until_shown("there is no model file", "Ctrl+O chooses another model.")
        await app.press("ctrl+o")
        await app.until_shown("spare", "here")
        await app.press("enter")
        await app.ask("hello")
        await app.until_shown("spare says so")
        await app.until_idle()
