"""Stored questions, asked again: by what they were made from, and by what is left of it."""

import pytest

from chatterm.conversation import Document, Message, ModelCard
from chatterm.engine.base import SamplingParams
from chatterm.engine.echo import EchoEngine
from chatterm.errors import UnknownName
from chatterm.session import TurnRequest
from chatterm.store import AttachedFile, ConversationStore, PromptUse, ReplyRecord, TypedQuestion
from chatterm.tasks import Composed
from chatterm.tui import events
from chatterm.tui.asked_again import draft_of
from chatterm.tui.code_blocks import code_blocks
from chatterm.tui.drafts import Draft
from chatterm.tui.inspecting import inspect_reply
from chatterm.tui.turns import TurnPlan
from tests.tui.driving import parts_of, question_of
from tests.tui.test_turns import played


def stored(store: ConversationStore, prompt_id: str, typed: str = "why?") -> tuple[str, str]:
    """Return the ids of a question and of its reply."""
    record = ReplyRecord(
        model_identity="m", model_name="m", engine="e", sampling={"top_k": 3}, seed=1,
        prompt=PromptUse(id=prompt_id, version=1, sha256="ab", values={"party": "buyer"}),
    )  # fmt: skip
    asked = TypedQuestion(text=typed, files=(AttachedFile(name="a.txt", data="Ä".encode()),))
    question, (reply,) = store.begin_turn([Message("user", f"[a.txt] Ä {typed}")], [record], asked=asked)
    store.finish_reply(reply.id, "so", status="stopped")
    return question.id, reply.id


def test_a_draft_comes_back_as_it_was_asked(store: ConversationStore) -> None:
    question_id, _ = stored(store, "legal/clauses")
    assert draft_of(store, question_id) == Draft(
        text="why?",
        documents=(Document("a.txt", "Ä", 2),),
        prompt_id="legal/clauses",
        values={"party": "buyer"},
    )


@pytest.mark.parametrize("prompt_id", ["assistant/chat", "general/summarize"])
def test_a_prompt_that_fits_by_itself_is_not_chosen(store: ConversationStore, prompt_id: str) -> None:
    question_id, _ = stored(store, prompt_id)
    assert draft_of(store, question_id).prompt_id is None


def test_a_prompt_that_is_gone_is_told_and_the_question_is_answered(store: ConversationStore) -> None:
    drafts: list[Draft] = []

    def compose(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        drafts.append(draft)
        if draft.prompt_id:
            raise UnknownName("prompt", draft.prompt_id, ())
        sampling = SamplingParams(**draft.settings)  # type: ignore[arg-type]  # as this test gives them
        request = TurnRequest(messages=(Message("user", draft.text),), sampling=sampling)
        return Composed(request, question_of(draft))

    question_id, _ = stored(store, "mine/gone")
    plan = TurnPlan(
        draft=Draft(text="", settings={"top_k": 9}),
        conversation_id=store.node(question_id).conversation_id,
        parent_id=None,
        kind="regenerate",
        target_id=question_id,
    )
    posted = played(parts_of(store, EchoEngine(["again"]), compose=compose), plan)
    assert any(isinstance(one, events.TurnNoticed) and "mine/gone" in one.text for one in posted)
    last = next(one for one in posted if isinstance(one, events.ReplyFinished))
    assert last.turn.reply.message.content == "again"
    assert last.turn.question.id == question_id
    assert [draft.prompt_id for draft in drafts] == ["mine/gone", None]
    assert drafts[0].documents == (Document("a.txt", "Ä", 2),)
    detail = store.reply_detail(last.turn.reply.id)
    assert detail
    assert detail.record.sampling["top_k"] == 9


def test_the_inspector_tells_sources_and_no_text_that_could_act(store: ConversationStore) -> None:
    _, reply_id = stored(store, "legal/\x1b[31mclauses")
    told = {section.title: dict(section.rows) for section in inspect_reply(store, reply_id)}
    assert told["Sources"] == {"a.txt": "2 bytes"}
    assert told["Prompt"]["id"] == "legal/␛[31mclauses@1"
    assert told["Prompt"]["party"] == "buyer"
    assert told["Sampling"] == {"top_k": "3"}
    assert told["Tokens and time"] == {"ended by": "not ended"}
    assert "Certainty" not in told


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("no code", []),
        ("a\n```py\nx\ny\n```\nb\n~~~\nz\n~~~", ["x\ny", "z"]),
        ("````\n```\ninner\n```\n````", ["```\ninner\n```"]),
        ("```\nnever closed", ["never closed"]),
        ("```\n```", [""]),
        ("in `line` ``` not a fence", []),
    ],
)
def test_code_blocks_are_what_stands_between_fences(text: str, blocks: list[str]) -> None:
    assert code_blocks(text) == blocks
