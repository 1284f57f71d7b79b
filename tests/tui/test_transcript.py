"""Reading: following the end, scrolling away from it, and conversations longer than the screen."""

from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from chatterm.tui.widgets.transcript import WINDOW, Transcript
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


async def test_a_long_conversation_opens_at_its_end_and_its_beginning_comes_when_scrolled_to(
    store: ConversationStore,
) -> None:
    said = [f"message {number}" for number in range(2 * WINDOW + 10)]
    conversation_id = tell(store, said)
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        transcript = transcript_of(app)
        await app.until_shown(said[-1])
        assert len(transcript.query(".message")) == WINDOW
        await app.press("shift+tab", "g")
        await app.until(lambda: len(transcript.query(".message")) == 2 * WINDOW)
        await app.until_shown(f"message {len(said) - WINDOW}")
        await app.press("g")
        await app.until(lambda: len(transcript.query(".message")) == len(said))
        await app.press("g")
        await app.until_shown("message 0")


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
