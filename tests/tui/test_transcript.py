"""Reading: following the end, scrolling away from it, and conversations longer than the screen."""

import asyncio
import re

from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from chatterm.tui.events import MessageWanted
from chatterm.tui.widgets.transcript import MAX_DRAWN, WINDOW, Transcript
from tests.tui.driving import Driver, parts_of, running, tell
from tests.tui.engines import HeldEngine

LINES = [f"line {number}\n\n" for number in range(60)]


def transcript_of(app: Driver) -> Transcript:
    return app.app.chat.query_one(Transcript)


async def test_the_end_is_followed_while_text_comes(store: ConversationStore) -> None:
    engine = HeldEngine(LINES)
    engine.say(len(LINES))
    async with running(parts_of(store, engine)) as app:
        await app.ask("go")
        await app.until_shown("line 59")
        await app.until_idle()
        await app.until_shown("line 59")


async def test_who_scrolls_up_stays_there_also_when_the_reply_ends(store: ConversationStore) -> None:
    engine = HeldEngine(LINES)
    engine.say(50)
    async with running(parts_of(store, engine)) as app:
        await app.ask("go")
        await app.until_shown("line 48")
        await app.press("shift+tab", "g")
        await app.until_shown("line 0")
        engine.say(10)
        await app.until_idle()
        assert transcript_of(app).scroll_y == 0
        assert "line 0" in app.screen
        await app.press("G")
        await app.until_shown("line 59")


async def test_who_returns_to_the_end_follows_again(store: ConversationStore) -> None:
    engine = HeldEngine(LINES)
    engine.say(40)
    async with running(parts_of(store, engine)) as app:
        await app.ask("go")
        await app.until_shown("line 38")
        await app.press("shift+tab", "pageup")
        await app.until(lambda: "line 38" not in app.screen)
        await app.press("G")
        await app.until_shown("line 38")
        engine.say(20)
        await app.until_idle()
        await app.until_shown("line 59")


async def test_a_long_conversation_opens_at_its_end_and_its_beginning_is_a_key_away(
    store: ConversationStore,
) -> None:
    said = [f"message {number}" for number in range(3 * MAX_DRAWN)]
    conversation_id = tell(store, said)
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        transcript = transcript_of(app)
        await app.until_shown(said[-1])
        await app.until(lambda: len(transcript.query(".message")) == WINDOW)
        await app.press("shift+tab", "g")
        await app.until_shown("message 0")
        assert "message 1" in app.screen
        await app.press("G")
        await app.until_shown(said[-1])
        assert len(transcript.query(".message")) <= MAX_DRAWN


async def test_who_scrolls_through_a_long_conversation_meets_every_message_in_order(
    store: ConversationStore,
) -> None:
    said = [f"message {number:03}" for number in range(MAX_DRAWN + 15)]
    conversation_id = tell(store, said)
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        transcript = transcript_of(app)
        await app.until_shown(said[-1])
        await app.press("shift+tab")
        met = set(re.findall(r"message \d{3}", app.screen))
        while said[0] not in met:
            await app.press("pageup")
            await at_rest(app)
            shown = re.findall(r"message \d{3}", app.screen)
            assert shown == sorted(shown)
            met |= set(shown)
            assert len(transcript.query(".message")) <= MAX_DRAWN
        assert met == set(said)


async def at_rest(app: Driver) -> None:
    """Wait until nothing moves any more."""
    seen: list[str] = []
    while len(seen) < 4 or len(set(seen[-4:])) > 1:
        await app.resize(110, 34)  # no change: it lets the app draw
        await asyncio.sleep(0.05)
        seen.append(app.screen)


async def test_j_and_k_go_by_message(store: ConversationStore) -> None:
    conversation_id = tell(store, ["\n".join(f"{part} {n}" for n in range(40)) for part in ("q", "a", "r")])
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("r 39")
        await app.press("shift+tab", "g")
        await app.until_shown("q 0")
        await app.press("j")
        await app.until_shown("Assistant")
        assert "q 39" not in app.screen
        await app.press("k")
        await app.until_shown("q 0")


async def test_who_goes_to_the_beginning_while_a_reply_comes_finds_it_at_the_end(
    store: ConversationStore,
) -> None:
    engine = HeldEngine(["One ", "two ", "three."])
    async with running(parts_of(store, engine, conversation_id=tell(store, ["before", "said"]))) as app:
        await app.until_shown("said")
        await app.ask("and?")
        engine.say()
        await app.until_shown("and?", "One")
        await app.press("shift+tab", "g", "G")
        engine.say(2)
        await app.until_shown("before", "said", "and?", "One two three.")


async def test_a_reply_that_ends_out_of_sight_is_there_whole(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    conversation_id = tell(store, [f"message {number}" for number in range(WINDOW + 2)])
    async with running(parts_of(store, engine, conversation_id=conversation_id)) as app:
        await app.until_shown("message 13")
        await app.ask("and?")
        engine.say()
        await app.until_shown("One")
        first = store.path(conversation_id)[0]
        app.app.chat.pane.post_message(MessageWanted(conversation_id, first.id))
        await app.until_shown("message 0")
        engine.say()
        await app.until_idle()
        await app.press("G")
        await app.until_shown("and?", "One two")
        assert "still being written" not in app.screen
