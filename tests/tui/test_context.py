"""How full the context is, before anything is sent, and the choice where a question does not fit."""

import pytest

from chatterm.conversation import Document, Message
from chatterm.engine.base import Engine, SamplingParams
from chatterm.engine.echo import EchoEngine
from chatterm.errors import ModelError
from chatterm.store import ConversationStore
from chatterm.tui.drafts import Draft
from chatterm.tui.parts import AppParts
from tests.tui.driving import Driver, parts_of, running, sampled, tell

SHORT = SamplingParams(max_tokens=10)
FIRST, SECOND = "apple " * 12, "pear " * 12


def short_parts(store: ConversationStore, **others: object) -> AppParts:
    return parts_of(store, EchoEngine(context_length=40), compose=sampled(SHORT), **others)


async def overflown(app: Driver) -> None:
    """Ask twice what fits once."""
    await app.ask(FIRST)
    await app.until_idle()
    await app.ask(SECOND)
    await app.until_shown("Too long for the context")


async def test_the_status_line_tells_the_exact_count_before_sending(store: ConversationStore) -> None:
    engine = EchoEngine()
    async with running(parts_of(store, engine)) as app:
        await app.until_shown("context 0 / 8,192")
        await app.type("one two")
        count = engine.count([Message("user", "one two")]).tokens
        await app.until_shown(f"context 0 → {count} / 8,192")
        await app.press("enter")
        await app.until_idle()
        await app.until(lambda: "→" not in app.screen)
        await app.type("three")
        history = [node.message for node in store.path(store.conversations()[0].id)]
        count = engine.count([*history, Message("user", "three")]).tokens
        await app.until_shown(f"→ {count:,} / 8,192")
        await app.press("enter")
        await app.until_idle()
        (conversation,) = store.conversations()
        used = [ending.usage for ending in store.endings(conversation.id).values() if ending.usage]
        assert count in [one.input_tokens for one in used], "what was sent is what was counted"


async def test_what_is_too_long_is_marked_while_it_is_typed(store: ConversationStore) -> None:
    async with running(short_parts(store)) as app:
        await app.paste("word " * 50)
        await app.until_shown("/ 40 too long")


async def test_tokens_are_told_for_the_draft_with_its_document(store: ConversationStore) -> None:
    draft = Draft(text="", documents=(Document("a.txt", "one two three", 13),))
    async with running(parts_of(store, EchoEngine(), draft=draft)) as app:
        await app.until_shown("a.txt", "context 0")
        await app.type("/tokens")
        await app.press("enter")
        await app.until_shown("7,168 may be")
        assert app.draft == ""
        assert "a.txt" in app.screen


async def test_the_oldest_turns_are_left_out_only_when_the_user_says_so(store: ConversationStore) -> None:
    async with running(short_parts(store)) as app:
        await overflown(app)
        await app.until_shown("the model would not read:", "· apple apple", "Leave out the oldest turn")
        assert len(store.path(store.conversations()[0].id)) == 2, "nothing is kept before the choice"
        await app.press("enter")
        await app.until_shown("the oldest turn does not fit the context and was left out")
        await app.until_idle()
        assert app.draft == ""
        await app.ask("plum " * 12)  # the choice stands for this conversation
        await app.until_shown("the 2 oldest turns do not fit the context")


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_going_back_leaves_the_question(store: ConversationStore, key: str) -> None:
    async with running(short_parts(store)) as app:
        await overflown(app)
        await app.press(key)
        await app.until_idle()
        await app.until(lambda: app.draft == SECOND)
        assert len(store.path(store.conversations()[0].id)) == 2


async def test_a_longer_context_is_opened_where_the_model_allows(store: ConversationStore) -> None:
    lengths = [40]

    def opened() -> Engine:
        return EchoEngine(context_length=lengths[-1])

    parts = short_parts(store, open_engine=opened, lengthen=lengths.append)
    async with running(parts) as app:
        await overflown(app)
        await app.until_shown("Open the model again with a context of 80 tokens")
        await app.press("down", "enter")
        await app.until_idle()
        await app.until_shown("/ 80")
        assert len(store.path(store.conversations()[0].id)) == 4
        assert "left out" not in app.screen


async def test_a_longer_context_that_cannot_be_had_leaves_the_question_and_the_engine(
    store: ConversationStore,
) -> None:
    lengths = [40]

    def opened() -> Engine:
        if lengths[-1] > 40:
            raise ModelError("80 tokens of context need more memory than there is")
        return EchoEngine(context_length=lengths[-1])

    async with running(short_parts(store, open_engine=opened, lengthen=lengths.append)) as app:
        await overflown(app)
        await app.press("down", "enter")
        await app.until_shown("need more memory than there is")
        await app.until_idle()
        await app.until(lambda: app.draft == SECOND)
        await app.until_shown("/ 40")


async def test_stopping_takes_the_choice_away(store: ConversationStore) -> None:
    async with running(short_parts(store)) as app:
        await overflown(app)
        app.app.chat.pane.stop_reply()
        await app.until(lambda: "Too long for the context" not in app.screen)
        await app.until(lambda: app.draft == SECOND)


@pytest.mark.parametrize("hostile", ["[b]bold[/b] [@click=app.bell]x[/]", "esc \x1b[2J\u202e end"])
async def test_the_names_of_turns_are_shown_as_typed(store: ConversationStore, hostile: str) -> None:
    conversation_id = tell(store, [f"{hostile} " + "word " * 12, "reply"])
    async with running(short_parts(store, conversation_id=conversation_id)) as app:
        await app.until_shown("reply")
        await app.ask(SECOND)
        await app.until_shown("Too long for the context", hostile.split(maxsplit=1)[0])
        assert "\x1b" not in app.screen
        assert "\u202e" not in app.screen
