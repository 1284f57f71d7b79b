"""Search over all conversations, by keys."""

import pytest

from chatterm.conversation import Message
from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from tests.tui.driving import is_clickable, parts_of, running, tell
from tests.tui.test_inert import FOREIGN, SHOWN, assert_inert


async def test_results_come_while_one_types_with_what_was_found_marked(store: ConversationStore) -> None:
    tell(store, ["where do kolibris nest?", "In Ecuador, kolibris nest in shrubs."], title="birds")
    tell(store, ["q", "a"], title="a kolibri of brass")
    async with running(parts_of(store, EchoEngine())) as app:
        await app.press("ctrl+f")
        await app.until_shown("All words must occur")
        await app.type("kolibri")
        await app.until_shown("1 found", "a kolibri of brass  Title")
        await app.type("s ne")
        await app.until_shown("Nothing found.")
        await app.type("st")
        await app.until_shown("2 found", "birds  You", "birds  Assistant", "where do kolibris nest?")
        strips = app.app.screen._compositor.render_strips()
        marked = {
            segment.text for strip in strips for segment in strip if segment.style and segment.style.underline
        }
        assert {"kolibris", "nest"} <= marked


async def test_no_input_is_an_error(store: ConversationStore) -> None:
    tell(store, ["北京的天气怎么样？", "晴。"], title="weather")
    async with running(parts_of(store, EchoEngine())) as app:
        await app.press("ctrl+f")
        for text in ("天气", "AND", "北", '"', "NEAR(", "a" * 3_000, "[b]", "(", "-x:y"):
            await app.press("ctrl+u")
            await app.paste(text)
            is_there = text in {"天气", "北"}
            await app.until_shown(*(["1 found", "北京的天气怎么样"] if is_there else ["Nothing found."]))
            if not is_there:
                await app.press("enter")
                assert "Search" in app.screen


async def test_enter_goes_to_the_message_on_its_own_branch(store: ConversationStore) -> None:
    long_talk = [f"said {number}\n\n" * 5 for number in range(60)]
    conversation_id = tell(store, ["opening question", "opening answer", *long_talk], title="branched")
    path = store.path(conversation_id)
    aside = store.append(conversation_id, path[1].id, Message("user", "an aside about kolibris"))
    store.append(conversation_id, aside.id, Message("assistant", "aside answered"))
    store.set_active_leaf(conversation_id, path[-1].id)
    async with running(parts_of(store, EchoEngine())) as app:
        await app.press("ctrl+f")
        await app.paste("kolibris")
        await app.until_shown("1 found")
        await app.press("enter")
        await app.until_shown("an aside about kolibris", "aside answered")
        await app.press("ctrl+f")
        await app.paste("opening answer")
        await app.press("enter")
        await app.until_shown("opening answer")


async def test_enter_scrolls_to_a_message_far_above_the_end(store: ConversationStore) -> None:
    said = [f"message number{number}\n\n" * 4 for number in range(120)]
    said[31] = "the needle\n\n" + said[31]
    tell(store, said, title="long")
    async with running(parts_of(store, EchoEngine())) as app:
        await app.press("ctrl+f")
        await app.paste("needle")
        await app.until_shown("1 found")
        await app.press("enter")
        await app.until_shown("the needle", "number31")


async def test_a_title_leads_to_its_conversation_and_the_arrows_choose(store: ConversationStore) -> None:
    tell(store, ["q1", "the first text"], title="kolibri one")
    tell(store, ["q2", "the second text"], title="kolibri two")
    async with running(parts_of(store, EchoEngine())) as app:
        await app.press("ctrl+f")
        await app.paste("kolibri")
        await app.until_shown("2 found")
        await app.press("down", "enter")
        await app.until_shown("the first text")
        await app.press("ctrl+f", "escape")
        await app.until_shown("the first text")


@pytest.mark.parametrize(("text", "shown"), zip(FOREIGN, SHOWN, strict=True))
async def test_what_is_found_is_inert(store: ConversationStore, text: str, shown: tuple[str, ...]) -> None:
    tell(store, [f"kolibri {text}", "a"], title=text)
    async with running(parts_of(store, EchoEngine()), size=(160, 40)) as app:
        await app.press("ctrl+f")
        await app.paste("kolibri")
        await app.until_shown("1 found")
        await assert_inert(app, [part[:40] for part in shown])
        if "[@click" in text:
            assert not is_clickable(app.app, "[@click=app.bell()]press")
