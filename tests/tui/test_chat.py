"""A conversation by key presses: asking, streaming, stopping, going on."""

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from chatterm.conversation import Message, ModelCard
from chatterm.engine.base import SamplingParams
from chatterm.engine.echo import EchoEngine
from chatterm.errors import GenerationFailed
from chatterm.store import ConversationStore
from tests.tui.driving import parts_of, running, sampled, tell
from tests.tui.engines import HeldEngine


async def test_a_question_is_answered_kept_and_listed(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(["Plants *turn* light into sugar."]))) as app:
        await app.ask("What is photosynthesis?")
        await app.until_shown("Plants turn light into sugar.", "Today", "echo · context")
        await app.until_idle()
        assert app.draft == ""
        assert "Enter send" in app.screen
    (summary,) = store.conversations()
    assert summary.title == "What is photosynthesis?"
    assert [node.message.content for node in store.path(summary.id)] == [
        "What is photosynthesis?",
        "Plants *turn* light into sugar.",
    ]


async def test_what_the_engine_must_tell_is_shown_when_it_is_ready(store: ConversationStore) -> None:
    class Short(EchoEngine):
        def describe(self) -> ModelCard:
            return replace(super().describe(), notices=("the context is [b]4,864[/b] tokens",))

    async with running(parts_of(store, Short())) as app:
        await app.until_shown("the context is [b]4,864[/b] tokens")


async def test_the_next_question_goes_on_from_the_reply(store: ConversationStore) -> None:
    engine = HeldEngine(["So."])
    engine.say(2)
    async with running(parts_of(store, engine)) as app:
        await app.ask("first")
        await app.until_idle()
        await app.ask("second")
        await app.until_idle()
    assert [message.content for message in engine.heard[1]] == ["first", "So.", "second"]
    assert len(store.conversations()) == 1


async def test_while_a_reply_comes_its_text_grows_and_the_keys_say_how_to_stop(
    store: ConversationStore,
) -> None:
    engine = HeldEngine(["One ", "two ", "three."], prompt_tokens=(40, 120))
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        await app.until_shown("reading 40 of 120 tokens", "Esc stop")
        engine.say()
        await app.until_shown("One", "context 121 / 8,192")
        assert "reading 40" not in app.screen
        engine.say(2)
        await app.until_shown("One two three.", "context 123 / 8,192", "Enter send")


async def test_escape_stops_the_reply_and_keeps_what_was_said(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say()
        await app.until_shown("One")
        await app.press("escape")
        await app.until_shown("stopped")
    (summary,) = store.conversations()
    reply = store.path(summary.id)[-1]
    assert (reply.message.content, reply.status) == ("One ", "stopped")


async def test_control_c_stops_and_twice_quits(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say()
        await app.until_shown("One")
        await app.press("ctrl+c")
        await app.until_shown("stopped", "Ctrl+C again quits")
        await app.press("ctrl+c")
        await app.until(lambda: not app.app.is_running)
        assert app.app.return_code == 0


async def test_control_c_copies_a_selection_instead(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine())) as app:
        await app.type("word")
        await app.press("shift+home", "ctrl+c")
        assert app.app.clipboard == "word"
        assert "again quits" not in app.screen


async def test_quitting_stops_the_reply_and_keeps_it(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say()
        await app.until_shown("One")
        await app.press("ctrl+q")
        await app.until(lambda: not app.app.is_running)
    (summary,) = store.conversations()
    assert store.path(summary.id)[-1].status == "stopped"


async def test_new_line_keys_make_new_lines_and_enter_sends_them_all(store: ConversationStore) -> None:
    engine = HeldEngine([])
    async with running(parts_of(store, engine)) as app:
        await app.press("a", "shift+enter", "b", "alt+enter", "c", "ctrl+j", "d", "enter")
        await app.until(lambda: bool(engine.heard))
        await app.until_idle()
    assert engine.heard[0][-1].content == "a\nb\nc\nd"


async def test_nothing_but_space_is_not_sent(store: ConversationStore) -> None:
    engine = HeldEngine([])
    async with running(parts_of(store, engine)) as app:
        await app.press("space", "ctrl+j", "enter")
        assert app.draft == " \n"
        assert not app.app.chat.pane.is_replying
    assert not engine.heard


async def test_up_in_an_empty_composer_brings_back_the_last_question(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine())) as app:
        await app.ask("first one")
        await app.until_idle()
        await app.press("up")
        await app.until(lambda: app.draft == "first one")
        await app.press("!")
        assert app.draft == "first one!"
        await app.press("up")
        assert app.draft == "first one!"


async def test_a_reply_cut_at_its_limit_says_so_also_when_it_is_opened_again(
    store: ConversationStore,
) -> None:
    parts = parts_of(store, EchoEngine(["one two three"]), compose=sampled(SamplingParams(max_tokens=2)))
    async with running(parts) as app:
        await app.ask("count")
        await app.until_shown("cut at 2 tokens")
    (summary,) = store.conversations()
    async with running(parts_of(store, EchoEngine(), conversation_id=summary.id)) as app:
        await app.until_shown("one two", "cut at 2 tokens")


async def test_turns_that_no_longer_fit_are_named(store: ConversationStore) -> None:
    parts = parts_of(store, EchoEngine(context_length=40), compose=sampled(SamplingParams(max_tokens=10)))
    async with running(parts) as app:
        await app.ask("word " * 12)
        await app.until_idle()
        await app.ask("more " * 12)
        await app.until_shown("Leave out the oldest turn")
        await app.press("enter")
        await app.until_shown("the oldest turn does not fit the context and was left out")


async def test_an_engine_that_fails_in_mid_reply_leaves_the_text_the_reason_and_the_app(
    store: ConversationStore,
) -> None:
    engine = HeldEngine(["half ", GenerationFailed("the logits are NaN; try --device cpu")])
    engine.say(2)
    async with running(parts_of(store, engine)) as app:
        await app.ask("go")
        await app.until_shown("half", "failed: the logits are NaN; try --device cpu")
        await app.type("still here")
        assert app.draft == "still here"


async def test_a_question_that_does_not_fit_comes_back_to_the_composer(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(context_length=8))) as app:
        await app.ask("one two three four five six seven")
        await app.until_shown("the input is 9 tokens, but only 6 fit")
        await app.until_idle()
        assert app.draft == "one two three four five six seven"
    assert not store.conversations()


DYING = """
import os, sys, pathlib
from chatterm.conversation import Message
from chatterm.store import ConversationStore, ReplyRecord
store = ConversationStore.open(pathlib.Path(sys.argv[1]))
conversation_id = store.create_conversation("t")
question = store.append(conversation_id, None, Message("user", "question"))
record = ReplyRecord(model_identity="m", model_name="m", engine="e", sampling={}, seed=0)
store.checkpoint(store.begin_reply(question, record).id, "half an answer")
os._exit(1)
"""


async def test_a_reply_whose_process_died_is_shown_as_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "chatterm.db"
    subprocess.run([sys.executable, "-c", DYING, path], check=False, timeout=60)
    with closing(ConversationStore.open(path)) as store:
        (summary,) = store.conversations()
        async with running(parts_of(store, EchoEngine(), conversation_id=summary.id)) as app:
            await app.until_shown("half an answer", "interrupted: chatterm ended before the reply did")


async def test_the_unsent_draft_survives_opening_and_beginning_conversations(
    store: ConversationStore,
) -> None:
    tell(store, ["old question", "old answer"], title="old one")
    async with running(parts_of(store, EchoEngine())) as app:
        await app.type("unsent")
        await app.press("f3", "down", "enter")
        await app.until_shown("old answer")
        await app.press("ctrl+n")
        await app.until(lambda: "old answer" not in app.screen)
        assert app.draft == "unsent"


async def test_a_reply_in_an_opened_conversation_knows_what_was_said_before(store: ConversationStore) -> None:
    tell(store, ["old question", "old answer"], title="old one")
    engine = HeldEngine(["Yes."])
    engine.say()
    async with running(parts_of(store, engine)) as app:
        await app.press("f3", "down", "enter")
        await app.until_shown("old answer")
        await app.ask("remember?")
        await app.until_idle()
    assert engine.heard[0] == (
        Message("user", "old question"),
        Message("assistant", "old answer"),
        Message("user", "remember?"),
    )


async def test_the_figures_of_a_reply_are_shown_where_it_is_selected(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(["One two."]))) as app:
        await app.ask("count")
        await app.until_shown("One two.")
        await app.until_idle()
        assert "written at" not in app.screen
        await app.press("shift+tab", "k")
        await app.until_shown("2 written at")
