"""Themes, their contrast by computation, NO_COLOR, and the sizes that the screens have to bear."""

from collections.abc import Iterator

import pytest
from textual.color import Color
from textual.geometry import Size

from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from chatterm.tui.themes import OWN_THEMES
from tests.tui.driving import Driver, parts_of, running, tell

REPLY = """# A heading

Some *text* with `code`, a [link](https://example.org) and **more**.

- one
- two

> quoted

| a | b |
|---|---|
| 1 | 2 |
"""


def luminance(color: Color) -> float:
    """Relative luminance of WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""

    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def contrast(one: Color, other: Color) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_the_standard_has_it() -> None:
    assert contrast(Color(0, 0, 0), Color(255, 255, 255)) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), Color(255, 255, 255)) == pytest.approx(4.48, abs=0.01)


def drawn(app: Driver) -> Iterator[tuple[str, Color, Color]]:
    """Each piece of text on the screen that is no frame, with its colour and its ground."""
    for strip in app.app.screen._compositor.render_strips():
        for segment in strip:
            style = segment.style
            text = segment.text.strip()
            if not text or not any(char.isalnum() for char in text) or style is None:
                continue
            assert style.color, text
            assert style.bgcolor, text
            colors = [Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)]
            front, ground = colors[::-1] if style.reverse else colors
            yield text, front, ground


@pytest.mark.parametrize("theme", OWN_THEMES, ids=lambda theme: theme.name)
async def test_every_text_of_the_high_contrast_themes_has_seven_to_one(
    store: ConversationStore, theme: object
) -> None:
    tell(store, ["q", "a"], title="another one")
    conversation_id = tell(store, ["what is *this*?", REPLY], title="looks")
    store.add_tag(conversation_id, "tag")
    name = getattr(theme, "name", "")
    parts = parts_of(store, EchoEngine(), theme=name, conversation_id=conversation_id)
    seen: list[str] = []

    async def look(app: Driver, *keys: str, shown: str) -> None:
        await app.press(*keys)
        await app.until_shown(shown)
        for text, front, ground in drawn(app):
            seen.append(text)
            assert contrast(front, ground) >= 7, f"{text!r}: {front.hex} on {ground.hex}"

    async with running(parts, size=(120, 50)) as app:
        await look(app, shown="quoted")
        await look(app, "f3", shown="another one")
        await look(app, "slash", shown="words, #tag")
        await look(app, "escape", "d", shown="Delete this conversation")
        await look(app, "n", "ctrl+f", *"what", shown="1 found")
        await look(app, "escape", "f1", shown="Anywhere")
    assert {"A heading", "quoted"} <= set(seen)


async def test_without_colours_the_list_still_tells_where_one_is(
    store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    tell(store, ["q", "a"], title="one")
    tell(store, ["q", "a"], title="two")
    async with running(parts_of(store, EchoEngine(["Grey."]))) as app:
        assert app.app.no_color
        await app.ask("grey?")
        await app.until_shown("Grey.")
        await app.press("f3", "down")
        for strip in app.app.screen._compositor.render_strips():
            for segment in strip:
                color = segment.style.color if segment.style else None
                if color and color.triplet:
                    assert len(set(color.triplet)) == 1, f"{segment.text!r} is coloured"


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 60)])
async def test_every_screen_opens_at_every_size(store: ConversationStore, size: tuple[int, int]) -> None:
    conversation_id = tell(store, ["my question", "my answer"], title="a talk")
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id), size=size) as app:
        for keys, shown in (
            (("f1",), "Keys"),
            (("escape", "ctrl+f"), "Search"),
            (("escape", "f3"), "a talk"),
            (("e",), "Title"),
            (("escape", "d"), "Delete"),
        ):
            await app.press(*keys)
            await app.until_shown(shown)
            dialog = app.app.screen.query(".dialog")
            if dialog:
                assert Size(*size).contains(*dialog.first().region.offset)
                assert dialog.first().region.right <= size[0]
        await app.press("escape", "escape")
        await app.resize(size[1] * 4, 24)
        await app.until_shown("my answer")
