"""The prompt library's browser: tree, search, preview and form; with broken and foreign files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

import chatterm.tui.app
from chatterm.conversation import Document, ModelCard
from chatterm.engine.echo import EchoEngine
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.store import ConversationStore
from chatterm.tasks import Composed
from chatterm.tui.drafts import Draft
from chatterm.tui.prompt_filling import Chosen
from chatterm.tui.screens.library import LibraryScreen
from tests.tui.driving import SHIPPED, Driver, compose, parts_of, running

TINY = ModelCard(name="tiny", identity="t", context_length=2048, num_parameters=10**8, languages=("en",))
FRONT = "---\nchatterm: 1\nversion: 1\n"


class Bench(App[None]):
    """Shows the browser alone."""

    CSS_PATH = Path(chatterm.tui.app.__file__).with_name("chatterm.tcss")

    def __init__(self, screen: LibraryScreen) -> None:
        super().__init__()
        self._library = screen
        self.left: list[Chosen | None] = []

    def on_mount(self) -> None:
        self.push_screen(self._library, self.left.append)


@asynccontextmanager
async def browsing(
    library: PromptLibrary, draft: Draft | None = None, *, size: tuple[int, int] = (110, 34), **others: Any
) -> AsyncIterator[tuple[Driver, list[Chosen | None]]]:
    settings: dict[str, Any] = {"card": TINY, "lang": "en", **others}
    app = Bench(LibraryScreen(library, draft or Draft(text=""), **settings))
    async with app.run_test(size=size, notifications=True) as pilot:
        yield Driver(app, pilot), app.left  # type: ignore[arg-type]  # an app of its own


def own(folder: Path, **files: str) -> PromptLibrary:
    """A library of files by name, `__` standing for the slash."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return PromptLibrary([PromptFolder("yours", folder)])


def prompt(inputs: str = "", *, title: str = "A title", body: str = "", more: str = "") -> str:
    inputs = inputs or "  question: {type: text}"
    return (
        f"{FRONT}title: {title}\nlanguages: [en]\n{more}inputs:\n{inputs}\n---\n"
        f"@@ user\n{body or '{{ question }}'}\n"
    )


async def test_domains_are_a_tree_and_the_search_knows_titles_tags_and_both_languages() -> None:
    async with browsing(SHIPPED) as (app, _):
        await app.until_shown("education", "finance", "general", "legal", "medical")
        await app.type("clauses")
        await app.until_shown("Find clauses", "legal/clauses · shipped", "Finds the clauses of a contract")
        for _ in "clauses":
            await app.press("backspace")
        await app.paste("化验单")
        await app.until_shown("Lab report in plain words")
        await app.press("down", "down")
        await app.until_shown("medical/lab-explain")


async def test_the_preview_tells_inputs_notice_tier_and_the_authors_note() -> None:
    async with browsing(SHIPPED) as (app, _):
        await app.type("clauses")
        await app.until_shown("party: As they bear on, text", "Not legal advice", "document*: Contract")
        await app.until_shown("made for models of 1 billion", "Made for 1B or more", "null means that")


async def test_titles_are_in_the_interfaces_language() -> None:
    async with browsing(SHIPPED, lang="zh") as (app, _):
        await app.type("clauses")
        await app.until_shown("查找合同条款", "合同", "以上参数")


async def test_enter_opens_the_form_and_what_is_wrong_stands_beside_its_field(tmp_path: Path) -> None:
    inputs = (
        "  level: {type: enum, values: [low, high], default: low}\n"
        "  count: {type: int, label: {en: How many}}\n"
        "  facts: {type: json, required: false}\n"
        "  names: {type: list}\n"
        "  question: {type: text}"
    )
    library = own(
        tmp_path,
        one__thing=prompt(inputs, body="{{ level }} {{ count }} {{ facts }} {{ names }}{{ question }}"),
    )
    async with browsing(library) as (app, left):
        await app.until_shown("one")
        await app.type("thing")
        await app.until_shown("one/thing")
        await app.press("enter")
        await app.until_shown("How many *", "words by commas, needed", "facts  (JSON, may stay empty)")
        await app.press("tab")
        await app.type("many")
        await app.press("tab")
        await app.type("{1")
        await app.press("ctrl+s")
        await app.until_shown("! 'count' of the prompt one/thing must be a whole number, not 'many'")
        await app.until_shown("! 'facts' of the prompt one/thing must be JSON", "! is needed")
        assert not left
        await app.press("backspace", "backspace", "backspace", "backspace")
        await app.type("3")
        await app.press("tab", "backspace", "backspace", "tab")
        await app.type("a, b")
        await app.press("tab")
        await app.type("why?")
        await app.press("ctrl+s")
        await app.until(lambda: bool(left))
    assert left == [
        Chosen(
            Draft(text="", prompt_id="one/thing", values={"count": "3", "names": "a, b", "question": "why?"}),
            is_complete=True,
        )
    ]


async def test_what_the_composer_can_bring_is_left_to_it() -> None:
    async with browsing(SHIPPED, name="general/answer") as (app, left):
        await app.until_shown("Ctrl+S uses it")
        await app.press("ctrl+s")
        await app.until(lambda: bool(left))
    assert left == [Chosen(Draft(text="", prompt_id="general/answer"), is_complete=False)]


async def test_attached_documents_and_typed_words_make_it_complete() -> None:
    draft = Draft(text="When does it end?", documents=(Document("lease.txt", "Ends in May.", 12),))
    async with browsing(SHIPPED, draft, name="general/answer") as (app, left):
        await app.until_shown("attached: lease.txt")
        await app.press("ctrl+s")
        await app.until(lambda: bool(left))
    assert left == [Chosen(replace(draft, prompt_id="general/answer"), is_complete=True)]


async def test_a_document_can_be_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "review.txt").write_text("A fine film.", encoding="utf-8")
    async with browsing(SHIPPED, name="sentiment") as (app, left):
        await app.until_shown("path of a file")
        await app.paste(str(tmp_path / "nowhere.txt"))
        await app.press("enter")
        await app.until_shown("! there is no file")
        await app.press(*["backspace"] * len("nowhere.txt"))
        await app.type("review.txt")
        await app.press("enter")
        await app.until(lambda: bool(left))
    assert left[0]
    assert left[0].is_complete
    assert [document.text for document in left[0].draft.documents] == ["A fine film."]


async def test_a_broken_file_breaks_only_itself_and_shows_its_error(tmp_path: Path) -> None:
    library = own(
        tmp_path,
        a__good=prompt(),
        a__bad=f"{FRONT}title: x\nlanguages: [en]\ntemprature: 0\n---\n@@ user\nhello\n",
        a__body=prompt(body="{{ nothing }}"),
        loose="no front matter at all",
    )
    async with browsing(library) as (app, left):
        await app.until_shown("(others)")
        await app.type("a/bad")
        await app.until_shown("✗ a/bad", "E07", "temprature")
        await app.press("enter")
        await app.until_shown("It cannot be used")
        await app.press("escape")
        await app.until(lambda: bool(left))
        assert left == [None]
    async with browsing(library) as (app, left):
        await app.type("a/body")
        await app.until_shown("E21", "is not an input")
        await app.press("enter")
        await app.until_shown("It cannot be used")
        assert not left


@pytest.mark.parametrize("size", [(110, 34), (60, 20)])
async def test_a_strangers_prompt_is_shown_as_it_stands(tmp_path: Path, size: tuple[int, int]) -> None:
    evil = "[red]T[/red] [@click=app.quit]x[/]\\e[31m"
    inputs = (
        '  kind: {type: enum, values: ["[b]a[/b]", c], label: {en: "[i]L[/i]"}}\n  question: {type: text}'
    )
    library = own(tmp_path, e__vil=prompt(inputs, title=f'"{evil}"', body="{{ kind }} {{ question }}"))
    async with browsing(library, size=size) as (app, _):
        await app.type("vil")
        await app.until_shown("[red]T[/red] [@click=app.quit]x[/]␛[31m")
        await app.press("enter")
        await app.until_shown("[i]L[/i]")
        await app.press("enter")
        await app.until_shown("[b]a[/b]")


async def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    async with browsing(SHIPPED, name="summarize-it") as (app, left):
        await app.until_shown("no prompt is called 'summarize-it'", "did you mean")
        assert not left


class Heard:
    """Shapes drafts as they are, and remembers them; also those that are only counted."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []

    def __call__(self, draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        self.drafts.append(draft)
        return compose(replace(draft, text=draft.text or "nothing typed"), card, goes_on)


async def test_a_prompt_is_chosen_in_the_app_and_shapes_what_is_typed(store: ConversationStore) -> None:
    heard = Heard()
    parts = parts_of(store, EchoEngine(), compose=heard, library=SHIPPED)
    async with running(parts) as app:
        await app.press("ctrl+l")
        await app.until_shown("general", "legal")
        await app.type("translate")
        await app.until_shown("general/translate · shipped")
        await app.press("enter")
        await app.until_shown("Ctrl+S uses it")
        await app.press("escape")
        await app.until(lambda: "Ctrl+S uses it" not in app.screen)
        await app.press("escape")
        await app.until(lambda: "general/translate" not in app.screen)
        await app.type("/prompt tldr")
        await app.press("enter")
        await app.until_shown("Ctrl+S uses it", "Summarise")
        await app.press("ctrl+s")
        await app.until_shown("prompt: general/summarize")
        assert not store.conversations()
        await app.ask("the text")
        await app.until(lambda: bool(store.conversations()))
        await app.until_idle()
    assert ("general/summarize", "the text") in [(draft.prompt_id, draft.text) for draft in heard.drafts]


async def test_where_nothing_more_is_needed_the_prompt_is_sent(
    store: ConversationStore, tmp_path: Path
) -> None:
    (tmp_path / "review.txt").write_text("A fine film.", encoding="utf-8")
    heard = Heard()
    async with running(parts_of(store, EchoEngine(), compose=heard, library=SHIPPED)) as app:
        await app.type("/prompt sentiment")
        await app.press("enter")
        await app.until_shown("path of a file")
        await app.paste(str(tmp_path / "review.txt"))
        await app.press("enter")
        await app.until(lambda: bool(store.conversations()))
        await app.until_idle()
    shaped = [draft for draft in heard.drafts if draft.prompt_id]
    assert {(draft.prompt_id, draft.documents[0].text) for draft in shaped} == {
        ("general/sentiment", "A fine film.")
    }


async def test_without_a_library_it_says_so(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine())) as app:
        await app.press("ctrl+l")
        await app.until_shown("there is no prompt library here")


async def test_in_a_tiny_window_the_prompts_are_in_sight() -> None:
    async with browsing(SHIPPED, size=(40, 10)) as (app, _):
        await app.until_shown("assistant", "finance")
