"""Foreign text is shown as it is and does nothing: no escape sequence, no markup, no link that opens."""

import unicodedata
from collections.abc import Sequence

import pytest

from chatterm.engine.echo import EchoEngine
from chatterm.errors import ModelNotFound
from chatterm.store import ConversationStore
from tests.tui.driving import Driver, is_clickable, parts_of, running, tell
from tests.tui.engines import HeldEngine

ESCAPES = "red \x1b[31m title \x1b]0;owned\x07 clip \x1b]52;c;aGk=\x07 c1 \x9b31m del \x7f end"
BIDI = "file \u202egpj.exe \u2066hidden\u2069 tag \U000e0041 end"
MARKUP = "[b]bold[/b] [/] [@click=app.bell()]press[/] [TODO] [link='http://x.example']l[/link] end"
FOREIGN = (ESCAPES, BIDI, MARKUP)
SHOWN: Sequence[Sequence[str]] = (
    ("red ␛[31m title ␛]0;owned␇", "clip ␛]52;c;aGk=␇", "del ␡ end"),
    ("file <U+202E>gpj.exe <U+2066>hidden<U+2069>", "end"),
    ("[b]bold[/b] [/] [@click=app.bell()]press[/] [TODO]",),
)


def assert_clean(screen: str) -> None:
    found = {char for char in screen if unicodedata.category(char) in {"Cc", "Cf", "Cs"}} - {"\n"}
    assert not found, f"on the screen: {found}"


async def assert_inert(app: Driver, shown: Sequence[str]) -> None:
    await app.until(lambda: all(text in app.screen.replace("\n", " ") for text in shown))
    assert_clean(app.screen)


@pytest.mark.parametrize(("text", "shown"), zip(FOREIGN, SHOWN, strict=True))
async def test_a_reply_is_inert_while_it_streams_and_when_it_is_opened_again(
    store: ConversationStore, text: str, shown: Sequence[str]
) -> None:
    engine = HeldEngine([*text, ""])
    engine.say(len(text))
    async with running(parts_of(store, engine), size=(160, 40)) as app:
        await app.ask("go")
        await assert_inert(app, shown)
        engine.say()
        await app.until_idle()
        await assert_inert(app, shown)
    (summary,) = store.conversations()
    assert store.path(summary.id)[-1].message.content == text
    async with running(parts_of(store, EchoEngine(), conversation_id=summary.id), size=(160, 40)) as app:
        await assert_inert(app, shown)


@pytest.mark.parametrize(("text", "shown"), zip(FOREIGN, SHOWN, strict=True))
async def test_stored_questions_are_inert(store: ConversationStore, text: str, shown: Sequence[str]) -> None:
    conversation_id = tell(store, [text, "fine"])
    parts = parts_of(store, EchoEngine(), conversation_id=conversation_id)
    async with running(parts, size=(160, 40)) as app:
        await assert_inert(app, shown)


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("red \x1b[31m\x1b]52;c;a\x07", "red ␛[31m␛]52;c;a␇"),
        ("two\r\nlines \u202e.", "two lines <U+202E>."),
        ("[b]x[/b] [/] [@click=app.bell()]", "[b]x[/b] [/] [@click=app.b"),
        ("", "(untitled)"),
    ],
)
async def test_titles_are_inert(store: ConversationStore, title: str, shown: str) -> None:
    tell(store, ["hello", "hello"], title=title)
    async with running(parts_of(store, EchoEngine())) as app:
        await app.until_shown(shown)
        assert_clean(app.screen)


@pytest.mark.parametrize(("text", "shown"), zip(FOREIGN, SHOWN, strict=True))
async def test_errors_are_inert(store: ConversationStore, text: str, shown: Sequence[str]) -> None:
    def open_engine() -> EchoEngine:
        raise ModelNotFound(text)

    async with running(
        parts_of(store, EchoEngine(), open_engine=open_engine, model_name=text), size=(160, 40)
    ) as app:
        await assert_inert(app, shown)


@pytest.mark.parametrize(("text", "shown"), zip(FOREIGN, SHOWN, strict=True))
async def test_what_is_pasted_is_inert(store: ConversationStore, text: str, shown: Sequence[str]) -> None:
    async with running(parts_of(store, EchoEngine()), size=(160, 40)) as app:
        await app.paste(text + "\r\nsecond line")
        await assert_inert(app, shown)
        assert app.draft.endswith("end\nsecond line")


async def test_markup_in_a_reply_cannot_be_clicked(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine([MARKUP]))) as app:
        await app.ask("go")
        await app.until_shown("[@click=app.bell()]press")
        assert not is_clickable(app.app, "[@click=app.bell()]press")


async def test_html_in_a_reply_is_shown_as_text(store: ConversationStore) -> None:
    reply = "Use <b>bold</b> and:\n\n<script>\nalert(1)\n</script>\n\n<!-- a comment -->\n"
    async with running(parts_of(store, EchoEngine([reply]))) as app:
        await app.ask("go")
        await app.until_shown(
            "Use <b>bold</b> and:", "<script>", "alert(1)", "</script>", "<!-- a comment -->"
        )


async def test_a_table_cell_with_markup_does_no_harm_when_the_mouse_rests_on_it(
    store: ConversationStore,
) -> None:
    reply = "| a | b |\n|---|---|\n| [/b] nothing to close | two |\n"
    async with running(parts_of(store, EchoEngine([reply]))) as app:
        await app.ask("go")
        await app.until_idle()
        await app.until_shown("[/b] nothing to close")
        cells = app.app.chat.query("MarkdownTableCellContents")
        assert len(cells) == 4
        assert all(cell.tooltip is None for cell in cells)


async def test_a_clicked_link_is_told_and_not_opened(
    store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    async with running(parts_of(store, EchoEngine(["[the book](https://books.example/?q=[b]1)"]))) as app:
        monkeypatch.setattr(app.app, "open_url", lambda url, **_: opened.append(url))
        await app.ask("go")
        await app.until_idle()
        assert is_clickable(app.app, "the book")
        await app.click("MarkdownParagraph", offset=(2, 0))
        await app.until_shown("https://books.example/?q=[b]1")
    assert not opened


async def test_a_very_long_line_and_a_wide_table_do_no_harm(store: ConversationStore) -> None:
    wide = "|" + "x|" * 200
    reply = f"{'long' * 5000}\n\n{wide}\n|{'---|' * 200}\n{wide}\n\nthe end\n"
    async with running(parts_of(store, EchoEngine([reply]))) as app:
        await app.ask("go")
        await app.until_idle()
        await app.until_shown("the end")
