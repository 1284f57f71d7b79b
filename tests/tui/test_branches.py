"""Branches by key presses: editing, other replies, continuing, walking; and what is done to a message."""

import re
from contextlib import closing
from pathlib import Path

from chatterm.conversation import Message, ModelCard
from chatterm.engine.base import SamplingParams
from chatterm.engine.echo import EchoEngine
from chatterm.errors import GenerationFailed, PromptError
from chatterm.store import AttachedFile, ConversationStore, PromptUse, ReplyRecord, TypedQuestion
from chatterm.store.driver import sqlite3
from chatterm.tasks import Composed
from chatterm.tui.drafts import Draft
from chatterm.tui.events import MessageWanted
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.transcript import Transcript
from tests.tui.driving import Driver, parts_of, running, sampled, tell
from tests.tui.engines import HeldEngine

RECORD = ReplyRecord(model_identity="m", model_name="smol", engine="e", sampling={}, seed=0)


def held(*replies: str) -> HeldEngine:
    """Says one piece for each request, in order, when the test lets it."""
    return HeldEngine(replies)


def contents(store: ConversationStore) -> list[str]:
    (summary,) = store.conversations()
    return [node.message.content for node in store.path(summary.id)]


def selected(app: Driver) -> str:
    view = app.app.chat.query_one(Transcript).selected
    return view.said_text if view else ""


async def test_another_reply_stands_beside_the_first_and_both_are_walked_to(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(["first one", "second one"]))) as app:
        await app.ask("go")
        await app.until_shown("first one")
        await app.until_idle()
        assert "< " not in app.screen
        await app.press("ctrl+r")
        await app.until_shown("second one", "Assistant  < 2/2 >")
        await app.until_idle()
        assert "first one" not in app.screen
        assert app.screen.count("You") == 1
        await app.press("shift+tab", "k", "left")
        await app.until_shown("first one", "< 1/2 >")
        assert selected(app) == "first one"
        assert contents(store) == ["go", "first one"]
        await app.press("left")
        await app.press("right")
        await app.until_shown("second one", "< 2/2 >")
        assert "first one" not in app.screen
    assert contents(store) == ["go", "second one"]


async def test_the_context_told_is_that_of_the_branch_on_screen(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(["short", "long " * 200]))) as app:
        await app.ask("go")
        await app.until_shown("short")
        await app.until_idle()
        short = re.findall(r"context [0-9,]+ /", app.screen)
        await app.press("ctrl+r")
        await app.until_shown("< 2/2 >")
        await app.until_idle()
        assert re.findall(r"context [0-9,]+ /", app.screen) != short
        await app.press("shift+tab", "k", "left")
        await app.until(lambda: re.findall(r"context [0-9,]+ /", app.screen) == short)


async def test_the_next_question_goes_on_from_the_branch_on_screen(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(["one", "two", "three"]))) as app:
        await app.ask("go")
        await app.until_idle()
        await app.press("ctrl+r")
        await app.until_shown("< 2/2 >")
        await app.until_idle()
        await app.press("shift+tab", "k", "left")
        await app.until_shown("< 1/2 >")
        await app.press("escape")
        await app.ask("on")
        await app.until_shown("three")
        await app.until_idle()
    assert contents(store) == ["go", "one", "on", "three"]


async def test_the_last_question_is_edited_and_the_old_one_stays(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(["one", "two"]))) as app:
        await app.ask("old")
        await app.until_idle()
        await app.press("f2")
        await app.until(lambda: app.draft == "old")
        await app.until_shown("Editing your question")
        await app.type("er")
        await app.press("enter")
        await app.until_shown("You  < 2/2 >", "older", "two")
        await app.until_idle()
        assert app.draft == ""
        assert "Editing" not in app.screen
        assert contents(store) == ["older", "two"]
        await app.press("shift+tab", "g", "left")
        await app.until_shown("You  < 1/2 >", "old", "one")
        assert contents(store) == ["old", "one"]


async def test_an_edit_is_given_up_by_escape_and_the_draft_comes_back(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(["one"]))) as app:
        await app.ask("old")
        await app.until_idle()
        await app.type("half a")
        await app.press("f2")
        await app.until(lambda: app.draft == "old")
        await app.press("escape")
        await app.until(lambda: app.draft == "half a")
        assert "Editing" not in app.screen
        assert app.app.chat.query_one(Composer).has_focus


async def test_e_edits_the_question_that_is_selected(store: ConversationStore) -> None:
    conversation_id = tell(store, ["q1", "a1", "q2", "a2"])
    async with running(parts_of(store, EchoEngine(["b1"]), conversation_id=conversation_id)) as app:
        await app.until_shown("a2")
        await app.press("shift+tab", "g", "e")
        await app.until(lambda: app.draft == "q1")
        await app.type("!")
        await app.press("enter")
        await app.until_shown("q1!", "b1")
        await app.until_idle()
        assert "q2" not in app.screen
        assert contents(store) == ["q1!", "b1"]
        await app.press("shift+tab", "g", "left")
        await app.until_shown("a1", "q2", "a2")


async def test_an_edit_that_cannot_be_sent_comes_back_to_be_edited_on(store: ConversationStore) -> None:
    def refusing(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        raise PromptError("a value is missing")

    conversation_id = tell(store, ["q1", "a1"])
    parts = parts_of(store, EchoEngine(), compose=refusing, conversation_id=conversation_id)
    async with running(parts) as app:
        await app.until_shown("a1")
        await app.press("f2")
        await app.until(lambda: app.draft == "q1")
        await app.type("!")
        await app.press("enter")
        await app.until_shown("a value is missing", "q1", "a1", "Editing your question")
        await app.until_idle()
        assert app.draft == "q1!"
        await app.press("escape")
        await app.until(lambda: app.draft == "")
    assert contents(store) == ["q1", "a1"]


async def test_r_asks_the_question_above_for_another_reply(store: ConversationStore) -> None:
    conversation_id = tell(store, ["q1", "a1", "q2", "a2"])
    async with running(parts_of(store, EchoEngine(["b1"]), conversation_id=conversation_id)) as app:
        await app.until_shown("a2")
        await app.press("shift+tab", "g", "j")
        assert selected(app) == "a1"
        await app.press("r")
        await app.until_shown("b1", "< 2/2 >")
        await app.until_idle()
        assert "q2" not in app.screen
    assert contents(store) == ["q1", "b1"]


async def test_a_cut_reply_is_continued_and_says_everything_once(store: ConversationStore) -> None:
    parts = parts_of(
        store, EchoEngine(["one two three", " three four"]), compose=sampled(SamplingParams(max_tokens=2))
    )
    async with running(parts) as app:
        await app.ask("count")
        await app.until_shown("one two", "cut at 2 tokens · F4 continues it")
        await app.until_idle()
        await app.press("f4")
        await app.until_shown("one two three four", "< 2/2 >")
        await app.until_idle()
        assert app.screen.count("one two") == 1
    assert contents(store) == ["count", "one two three four"]


async def test_a_list_that_is_continued_keeps_its_first_items(store: ConversationStore) -> None:
    engine = HeldEngine(["\n4. four"])
    conversation_id = tell(store, ["count"])
    question = store.path(conversation_id)[0]
    reply = store.begin_reply(question, RECORD)
    store.finish_reply(reply.id, "1. one\n2. two\n3. three", status="stopped")
    async with running(parts_of(store, engine, conversation_id=conversation_id)) as app:
        await app.until_shown("three", "stopped")
        await app.press("f4")
        await app.until(lambda: bool(engine.heard))
        engine.say()
        await app.until_shown("one", "two", "three", "four")
        await app.until_idle()
        await app.until_shown("one", "two", "three", "four")


async def test_c_continues_a_stopped_reply(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say()
        await app.until_shown("One")
        await app.press("escape")
        await app.until_shown("stopped · F4 continues it")
        await app.until_idle()
        await app.press("shift+tab", "k", "c")
        await app.until(lambda: len(engine.heard) == 2)
        await app.until_shown("One")
        engine.say(2)
        await app.until_shown("< 2/2 >", "One")
        await app.until_idle()
    assert engine.prefills == ["", "One"]
    assert contents(store) == ["count", "OneOne two"]


async def test_a_finished_reply_is_not_continued(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(["done"]))) as app:
        await app.ask("go")
        await app.until_idle()
        await app.press("f4")
        await app.until_shown("This reply came to its end.")
    assert contents(store) == ["go", "done"]


async def test_a_failed_reply_keeps_its_reason_and_can_be_asked_for_again(store: ConversationStore) -> None:
    engine = HeldEngine(["half ", GenerationFailed("the numbers are NaN")])
    engine.say(2)
    async with running(parts_of(store, engine)) as app:
        await app.ask("go")
        await app.until_shown("half", "failed: the numbers are NaN")
        await app.until_idle()
        engine.say(2)
        await app.press("ctrl+r")
        await app.until_shown("< 2/2 >", "failed: the numbers are NaN")


async def test_a_message_and_its_code_are_copied_by_the_users_key_alone(store: ConversationStore) -> None:
    reply = "Look:\n\n```python\nx = 1\ny\x1b]52;c;aGk=\x07 = 2\n```\n\nand\n\n~~~\nz\n~~~\n"
    conversation_id = tell(store, ["q", reply])
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("Look:")
        assert app.app.clipboard == ""
        await app.press("shift+tab", "y")
        await app.until_shown("j and k select a message to copy.")
        await app.press("k", "Y")
        await app.until(lambda: app.app.clipboard == "x = 1\ny␛]52;c;aGk=␇ = 2\n\nz")
        await app.press("y")
        await app.until(lambda: app.app.clipboard.startswith("Look:"))
        assert "\x1b" not in app.app.clipboard
        await app.press("k", "Y")
        await app.until_shown("There is no code block in this message.")


async def test_the_selection_is_visible_and_a_click_selects(store: ConversationStore) -> None:
    conversation_id = tell(store, ["q1", "a1", "q2", "a2"])
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("a2")
        assert "█" not in app.screen
        await app.press("shift+tab", "k")
        assert selected(app) == "a2"
        await app.until_shown("█")
        await app.press("k", "k")
        assert selected(app) == "a1"
        await app.press("j")
        assert selected(app) == "q2"
        await app.click(app.app.chat.query_one(Transcript).query(".message").first(), offset=(3, 1))
        await app.until(lambda: selected(app) == "q1")


async def test_the_conversation_is_branched_at_a_reply(store: ConversationStore) -> None:
    conversation_id = tell(store, ["q1", "a1", "q2", "a2"])
    async with running(parts_of(store, EchoEngine(["b"]), conversation_id=conversation_id)) as app:
        await app.until_shown("a2")
        await app.press("shift+tab", "g", "j", "escape")
        await app.ask("/branch")
        await app.until(lambda: "q2" not in app.screen)
        await app.ask("other")
        await app.until_shown("other", "b", "You  < 2/2 >")
        await app.until_idle()
    assert contents(store) == ["q1", "a1", "other", "b"]


async def test_a_stored_question_shows_what_was_typed_and_attached(store: ConversationStore) -> None:
    asked = TypedQuestion(
        text="what does it say?", files=(AttachedFile(name="deed.txt", data=b"the whole deed"),)
    )
    question, (reply,) = store.begin_turn(
        [Message("user", "[deed.txt]\n```\nthe whole deed\n```\n\nwhat does it say?")], [RECORD], asked=asked
    )
    store.finish_reply(reply.id, "Nothing.", status="complete")
    cid = question.conversation_id
    async with running(parts_of(store, EchoEngine(), conversation_id=cid)) as app:
        await app.until_shown("what does it say?", "[deed.txt]", "Nothing.")
        assert "the whole deed" not in app.screen
        await app.press("f2")
        await app.until(lambda: app.draft == "what does it say?")
        await app.until(lambda: app.screen.count("deed.txt") == 2)


async def test_the_inspector_tells_how_the_selected_reply_was_made(store: ConversationStore) -> None:
    record = ReplyRecord(
        model_identity="sha256:ab", model_name="smol", engine="local", sampling={"top_k": 5}, seed=7,
        prompt=PromptUse(id="legal/clauses", version=3, sha256="cd" * 32),
    )  # fmt: skip
    question, (reply,) = store.begin_turn([Message("user", "q")], [record])
    store.finish_reply(
        reply.id, "a", status="complete", finish_reason="end", log_probabilities=((-0.1, -0.1), (-2.0, -2.0))
    )
    cid = question.conversation_id
    async with running(parts_of(store, EchoEngine(), conversation_id=cid), size=(140, 40)) as app:
        await app.until_shown("Assistant")
        assert "Inspector" not in app.screen
        await app.press("ctrl+t")
        await app.until_shown("Inspector", "sha256:ab", "legal/clauses@3", "top_k", "seed 7", "13.5%")
        await app.press("ctrl+t")
        await app.until(lambda: "Inspector" not in app.screen)


async def test_the_inspector_takes_the_room_of_a_narrow_window(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine(["It is so."])), size=(60, 20)) as app:
        await app.ask("so?")
        await app.until_shown("It is so.")
        await app.until_idle()
        await app.press("ctrl+t")
        await app.until_shown("Inspector", "ended by")
        await app.press("ctrl+t")
        await app.until_shown("It is so.")


async def test_another_window_s_branch_is_shown_when_its_conversation_is_read_again(
    store: ConversationStore, tmp_path: Path
) -> None:
    conversation_id = tell(store, ["q1", "a1"])
    async with running(parts_of(store, EchoEngine(["mine"]), conversation_id=conversation_id)) as app:
        await app.until_shown("a1")
        question = store.path(conversation_id)[0]
        other = store.begin_reply(question, RECORD)
        store.finish_reply(other.id, "theirs", status="complete")
        await app.press("ctrl+r")
        await app.until_shown("mine", "< 3/3 >")


def refuse_messages(path: Path) -> None:
    """Make the database refuse every new message, as a full disk would."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON message BEGIN SELECT RAISE(FAIL, 'full'); END")


async def test_what_the_store_refuses_is_shown_nevertheless(store: ConversationStore, tmp_path: Path) -> None:
    conversation_id = tell(store, ["q1", "a1"])
    refuse_messages(tmp_path / "chatterm.db")
    parts = parts_of(store, EchoEngine(["not kept", "nor this"]), conversation_id=conversation_id)
    async with running(parts) as app:
        await app.until_shown("a1")
        await app.ask("q2")
        await app.until_shown("not saved:", "not kept", "q2")
        await app.until_idle()
        await app.until_shown("a1", "q2", "not kept")
        await app.ask("q3")
        await app.until_shown("nor this", "q3")
        await app.until_idle()
        await app.until_shown("not kept", "nor this")
    assert contents(store) == ["q1", "a1"]


async def test_a_message_that_was_found_is_shown_on_its_branch(store: ConversationStore) -> None:
    conversation_id = tell(store, ["q1", "a1", "q2", "a2"])
    question = store.path(conversation_id)[0]
    other = store.begin_reply(question, RECORD)
    store.finish_reply(other.id, "the other branch", status="complete")
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("the other branch", "< 2/2 >")
        wanted = store.children(question.id)[0]
        app.app.chat.pane.post_message(MessageWanted(conversation_id, wanted.id))
        await app.until_shown("a1", "q2", "a2", "< 1/2 >")
        await app.until(lambda: selected(app) == "a1")


async def test_another_reply_goes_on_while_another_conversation_is_read(store: ConversationStore) -> None:
    other = tell(store, ["old question", "old answer"], title="old one")
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say(2)
        await app.until_shown("One two")
        await app.until_idle()
        await app.press("ctrl+r")
        await app.until(lambda: len(engine.heard) == 2)
        engine.say()
        await app.until(lambda: "One" in app.screen and "One two" not in app.screen)
        await app.press("f3", "down", "enter")
        await app.until_shown("old answer")
        mine = next(one.id for one in store.conversations() if one.id != other)
        app.app.chat.pane.open_conversation(mine)
        await app.until_shown("count", "One")
        engine.say()
        await app.until_shown("One two", "< 2/2 >")
        await app.until_idle()
        assert app.screen.count("One two") == 1


async def test_a_branch_of_what_is_gone_meanwhile_is_told(store: ConversationStore) -> None:
    conversation_id = tell(store, ["q1", "a1"])
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("a1")
        await app.press("shift+tab", "k")
        store.delete([conversation_id])
        await app.app.chat.run_action("branch")
        await app.until_shown("no message is called")


async def test_a_reply_is_not_shown_on_another_branch_than_its_own(store: ConversationStore) -> None:
    conversation_id = tell(store, ["q1", "a1"])
    other = store.begin_reply(store.path(conversation_id)[0], RECORD)
    store.finish_reply(other.id, "a2", status="complete")
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine, conversation_id=conversation_id)) as app:
        await app.until_shown("a2")
        await app.ask("more")
        engine.say()
        await app.until_shown("more", "One")
        await app.press("shift+tab", "g", "j", "left")
        await app.until_shown("a1", "< 1/2 >")
        await app.until(lambda: "One" not in app.screen and "more" not in app.screen)
        await app.press("right")
        await app.until_shown("a2", "more", "One")
        engine.say()
        await app.until_idle()
        await app.until_shown("One two")
