"""Questions asked while a reply is written: queued, taken back, sent in order, never lost."""

import threading

from chatterm.engine.echo import EchoEngine
from chatterm.errors import GenerationFailed, ModelNotFound
from chatterm.store import ConversationStore
from tests.tui.driving import parts_of, running, tell
from tests.tui.engines import HeldEngine


def texts(store: ConversationStore, conversation_id: str) -> list[str]:
    return [node.message.content for node in store.path(conversation_id)]


async def test_questions_wait_for_the_reply_and_are_sent_in_order(store: ConversationStore) -> None:
    engine = HeldEngine(["So."])
    async with running(parts_of(store, engine)) as app:
        await app.ask("one")
        await app.until(lambda: len(engine.heard) == 1)
        await app.ask("two")
        await app.ask("three")
        await app.until_shown("two", "three", "queued: sent when the reply ends")
        assert app.draft == ""
        assert len(engine.heard) == 1
        engine.say()
        await app.until(lambda: len(engine.heard) == 2)
        await app.until(lambda: app.screen.count("queued") == 1)
        assert app.screen.index("two") < app.screen.index("three") < app.screen.index("queued")
        engine.say(2)
        await app.until(lambda: len(engine.heard) == 3)
        await app.until_idle()
        await app.until(lambda: "queued" not in app.screen)
    assert [message.content for message in engine.heard[2]] == ["one", "So.", "two", "So.", "three"]
    (summary,) = store.conversations()
    assert texts(store, summary.id) == ["one", "So.", "two", "So.", "three", "So."]


async def test_a_queued_question_is_taken_back(store: ConversationStore) -> None:
    engine = HeldEngine(["So."])
    async with running(parts_of(store, engine)) as app:
        await app.ask("one")
        await app.until(lambda: len(engine.heard) == 1)
        await app.ask("two")
        await app.ask("three")
        await app.until_shown("three")
        await app.press("alt+up")
        await app.until(lambda: app.draft == "three")
        assert app.screen.count("queued") == 1
        await app.press("alt+up")
        await app.until(lambda: app.draft == "two\nthree")
        await app.press("alt+up")
        await app.until_shown("No question is queued here.")
        engine.say()
        await app.until_idle()
    assert len(engine.heard) == 1


async def test_a_stopped_reply_lets_the_next_question_go(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("one")
        engine.say()
        await app.until_shown("One")
        await app.ask("next")
        await app.press("escape")
        await app.until(lambda: len(engine.heard) == 2)
        engine.say(2)
        await app.until_idle()
    (summary,) = store.conversations()
    assert texts(store, summary.id) == ["one", "One ", "next", "One two"]


async def test_a_failed_reply_loses_no_queued_question(store: ConversationStore) -> None:
    engine = HeldEngine([GenerationFailed("NaN")])
    async with running(parts_of(store, engine)) as app:
        await app.ask("one")
        await app.until(lambda: len(engine.heard) == 1)
        await app.ask("two")
        engine.say()
        await app.until(lambda: len(engine.heard) == 2)
        engine.say()
        await app.until_idle()
    (summary,) = store.conversations()
    assert texts(store, summary.id) == ["one", "", "two", ""]


async def test_what_could_not_be_asked_comes_back_with_what_waited_behind_it(
    store: ConversationStore,
) -> None:
    typed = threading.Event()

    def open_engine() -> EchoEngine:
        typed.wait(30)
        raise ModelNotFound("no model there")

    async with running(parts_of(store, EchoEngine(), open_engine=open_engine)) as app:
        await app.ask("one")
        await app.ask("two")
        await app.until_shown("queued")
        typed.set()
        await app.until_shown("no model there")
        await app.until_idle()
        await app.until(lambda: app.draft == "one\ntwo")
    assert store.conversations() == []


async def test_a_queued_question_goes_to_its_conversation_though_another_is_read(
    store: ConversationStore,
) -> None:
    other = tell(store, ["old question", "old answer"], title="old one")
    engine = HeldEngine(["So."])
    async with running(parts_of(store, engine)) as app:
        await app.ask("one")
        await app.until_shown("context 7 / 8,192", "one")
        await app.ask("two")
        await app.until_shown("queued")
        await app.press("f3", "down", "enter")
        await app.until_shown("old answer")
        assert "queued" not in app.screen
        await app.ask("three")
        await app.until_shown("three", "queued")
        engine.say(3)
        await app.until(lambda: len(engine.heard) == 3)
        await app.until_idle()
        await app.until_shown("three")
    assert texts(store, other) == ["old question", "old answer", "three", "So."]
    mine = next(one.id for one in store.conversations() if one.id != other)
    assert texts(store, mine) == ["one", "So.", "two", "So."]


async def test_leaving_sends_nothing_more_and_keeps_what_waited(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("one")
        engine.say()
        await app.until_shown("One")
        await app.ask("two")
        await app.until_shown("queued")
        await app.press("ctrl+q")
        await app.until(lambda: not app.app.is_running)
    assert len(engine.heard) == 1
    (summary,) = store.conversations()
    async with running(parts_of(store, EchoEngine(), conversation_id=summary.id)) as app:
        await app.until(lambda: app.draft == "two")
