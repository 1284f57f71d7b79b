"""Turns run in the test's own thread; what they post is collected."""

from dataclasses import replace

import pytest
from textual.message import Message as UiEvent

from chatterm.conversation import ModelCard
from chatterm.engine.base import SamplingParams
from chatterm.engine.echo import EchoEngine
from chatterm.errors import GenerationFailed, ModelNotFound, PromptError
from chatterm.store import ConversationStore
from chatterm.tasks import Composed
from chatterm.tui import events
from chatterm.tui.drafts import Draft
from chatterm.tui.engine_slot import EngineSlot
from chatterm.tui.parts import AppParts
from chatterm.tui.turns import TurnPlan, TurnRunner
from tests.tui.driving import compose, parts_of, sampled
from tests.tui.engines import HeldEngine


def played(parts: AppParts, plan: TurnPlan) -> list[UiEvent]:
    posted: list[UiEvent] = []
    TurnRunner(parts, EngineSlot(parts.open_engine, lambda _event: None)).run(plan, posted.append)
    return posted


def plan_of(question: str) -> TurnPlan:
    return TurnPlan(draft=Draft(text=question), conversation_id=None, parent_id=None)


def ended(posted: list[UiEvent]) -> events.ReplyFinished:
    """Return how the turn ended; what the checks found in its reply comes after."""
    end, found = posted[-2:]
    assert isinstance(end, events.ReplyFinished)
    assert isinstance(found, events.ReplyChecked)
    return end


def text_of(posted: list[UiEvent]) -> str:
    return "".join(event.growth.text for event in posted if isinstance(event, events.ReplyGrew))


def test_a_turn_is_told_in_order_and_kept(store: ConversationStore) -> None:
    posted = played(parts_of(store, EchoEngine(["It is so."])), plan_of("Is it?"))
    assert [type(event) for event in posted[:3]] == [
        events.ReplyStarted,
        events.PrefillAdvanced,
        events.ReplyGrew,
    ]
    assert text_of(posted) == "It is so."
    last = ended(posted)
    assert last.turn.finish_reason == "end"
    kept = store.path(last.turn.reply.conversation_id)
    assert [node.message.content for node in kept] == ["Is it?", "It is so."]


def test_notices_of_the_prompt_are_told_before_the_reply(store: ConversationStore) -> None:
    def with_notice(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        return replace(compose(draft, card, goes_on), notices=("call for help",))

    first = played(parts_of(store, EchoEngine(), compose=with_notice), plan_of("hm"))[0]
    assert isinstance(first, events.TurnNoticed)
    assert first.text == "call for help"


@pytest.mark.parametrize("error", [GenerationFailed("NaN at token 3"), ZeroDivisionError("in a kernel")])
def test_a_failing_engine_ends_the_turn_with_its_error_and_what_was_said_is_kept(
    store: ConversationStore, error: Exception
) -> None:
    engine = HeldEngine(["half ", error])
    engine.say(2)
    posted = played(parts_of(store, engine), plan_of("?"))
    assert text_of(posted) == "half "
    last = posted[-1]
    assert isinstance(last, events.ReplyFailed)
    assert str(error) in str(last.error)
    (summary,) = store.conversations()
    reply = store.path(summary.id)[-1]
    assert (reply.message.content, reply.status) == ("half ", "failed")


@pytest.mark.parametrize(
    "parts",
    [
        {"open_engine": lambda: (_ for _ in ()).throw(ModelNotFound("no model at m.gguf"))},
        {"compose": lambda *_: (_ for _ in ()).throw(PromptError("a value is missing"))},
    ],
)
def test_what_fails_before_the_question_is_kept_leaves_no_trace(
    store: ConversationStore, parts: dict[str, object]
) -> None:
    posted = played(parts_of(store, EchoEngine(), **parts), plan_of("?"))
    assert [type(event) for event in posted] == [events.ReplyFailed]
    assert not store.conversations()


def test_a_turn_that_is_cancelled_before_the_engine_is_open_is_withdrawn(store: ConversationStore) -> None:
    plan = plan_of("?")
    plan.cancel.cancel()
    (only,) = played(parts_of(store, EchoEngine()), plan)
    assert isinstance(only, events.ReplyFailed)
    assert only.error is None
    assert not store.conversations()


def test_a_reply_cut_at_its_limit_says_so(store: ConversationStore) -> None:
    parts = parts_of(store, EchoEngine(["one two three"]), compose=sampled(SamplingParams(max_tokens=2)))
    last = ended(played(parts, plan_of("?")))
    assert last.turn.finish_reason == "length"


def test_the_engine_is_told_whether_a_conversation_goes_on(store: ConversationStore) -> None:
    told: list[bool] = []

    def recording(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        told.append(goes_on)
        return compose(draft, card, goes_on)

    parts = parts_of(store, EchoEngine(), compose=recording)
    reply = ended(played(parts, plan_of("one"))).turn.reply
    played(
        parts, TurnPlan(draft=Draft(text="two"), conversation_id=reply.conversation_id, parent_id=reply.id)
    )
    assert told == [False, True]
    assert len(store.path(reply.conversation_id)) == 4
