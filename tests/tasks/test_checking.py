"""Replies checked as both front ends check them, by an engine that says what a test wants."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.checks import Kind
from chatterm.conversation import Document, ModelCard
from chatterm.engine.base import CancelToken
from chatterm.engine.echo import EchoEngine
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession, TurnFinished
from chatterm.store import ConversationStore
from chatterm.tasks import Checked, Composed, Question, checked, choose_prompt, compose, earlier_in
from chatterm.tasks.answer_shape import Wish
from chatterm.tasks.schemas import read_answer_schema

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
CARD = ModelCard(name="m", identity="m", context_length=8192, num_parameters=8 * 10**9, can_constrain=False)
REPORT = (
    "Sales grew by 42 % to 3,200 units.\nThey met on 3 May 2024.\n“Nobody expected it at all,” she said.\n"
)
LAB_PROMPT = """---
chatterm: 1
version: 1
title: {en: Lab, zh: 化验}
purpose: {en: p, zh: p}
inputs:
  document: {from: [stdin, file]}
languages: [en, zh]
output:
  format: json
  schema:
    type: array
    maxItems: 9
    items:
      type: object
      properties:
        test: {type: string, copy: true}
        value: {type: string, copy: true}
        range: {type: [string, "null"], copy: true}
        flag: {type: string, enum: [high, low]}
        meaning: {type: string, maxLength: 200}
      required: [test, value, range, meaning]
shots: {tiny: 1, small: 1, medium: 1, large: 1}
verify: {numbers: strict, quotes: strict, example_leak: true}
---
@@ user
{{ document }}
@@ example
@@ in
The Zorvium 9.87 mmol/L (ref 3-4)
@@ out
[{"test": "Zorvium", "value": "9.87", "range": "3-4", "meaning": "The salt level is outside the range."}]
"""


@pytest.fixture
def store() -> Iterator[ConversationStore]:
    with closing(ConversationStore.in_memory()) as opened:
        yield opened


def asked(
    text: str = "",
    document: str = "",
    *,
    prompt: str | None = None,
    values: Mapping[str, str] | None = None,
    continues: bool = False,
) -> Composed:
    question = Question(
        text=text,
        documents=(Document("report.txt", document, len(document)),) if document else (),
        prompt=choose_prompt(LIBRARY, prompt, has_text=bool(text)),
        is_prompt_chosen=prompt is not None,
        values=values or {},
        emergency_number="112",
        continues=continues,
    )
    return compose(question, CARD, {"max_tokens": 1000})


def answered(
    store: ConversationStore, composed: Composed, reply: str, after: Checked | None = None
) -> Checked:
    """Run a turn below the reply of `after`."""
    parent = store.node(after.reply_id) if after else None
    events = ChatSession(EchoEngine([reply]), store).send(
        replace(composed.request, prefill=""),
        CancelToken(),
        conversation_id=parent.conversation_id if parent else None,
        parent_id=parent.id if parent else None,
    )
    told = list(checked(events, composed, earlier_in(store, parent.id if parent else None)))
    assert isinstance(told[-2], TurnFinished)
    assert isinstance(told[-1], Checked)
    return told[-1]


@pytest.fixture
def lab(tmp_path: Path) -> str:
    path = tmp_path / "lab.md"
    path.write_text(LAB_PROMPT, encoding="utf-8")
    return str(path)


def unverified(found: Checked) -> list[tuple[Kind, str]]:
    return [(finding.kind, finding.text) for finding in found.report.unverified]


def test_numbers_and_quotes_are_held_against_the_document(store: ConversationStore) -> None:
    reply = "Sales grew 42 % to 3,300 units. “Nobody expected that at all,” she said on 3 May 2024."
    found = answered(store, asked("How did sales do?", REPORT), reply)
    assert unverified(found) == [("number", "3,300"), ("quote", "Nobody expected that at all,")]
    assert found.fails_strictly
    assert [notice.split()[0] for notice in found.notices] == ["number", "quote"]
    assert "not in the document" in found.notices[0]
    assert "(line 3)" in found.notices[1]


def test_what_the_document_says_passes(store: ConversationStore) -> None:
    found = answered(store, asked("How did sales do?", REPORT), "They grew by 42 percent to 3200 units.")
    assert (unverified(found), found.fails_strictly, found.notices) == ([], False, ())
    assert found.report.grounded("number") == 1.0


def test_chinese_replies_are_told_of_in_chinese(store: ConversationStore) -> None:
    found = answered(store, asked("净利润多少？", "公司净利润3200万元。"), "净利润为三千三百万元。")
    assert unverified(found) == [("number", "三千三百万元")]
    assert "不在原文中" in found.notices[0]


def test_a_plain_chat_rests_on_nothing_and_is_not_checked(store: ConversationStore) -> None:
    found = answered(store, asked("How high is it?"), "It is 8,849 m high, “the roof of the world”.")
    assert found.report.findings == ()
    assert found.report.grounded() is None
    assert not found.fails_strictly


def test_no_numbers_is_neither_good_nor_bad(store: ConversationStore) -> None:
    found = answered(store, asked("How?", REPORT), "It went well.")
    assert found.report.grounded() is None
    assert found.as_json()["grounded"] == {}


def test_a_document_of_an_earlier_turn_is_a_source_too(store: ConversationStore) -> None:
    first = answered(store, asked("How did sales do?", REPORT), "They grew by 42 %.")
    second = answered(store, asked("And units?", continues=True), "3,200 units, not 3,300 units.", first)
    assert unverified(second) == [("number", "3,300")]
    third = answered(store, asked("Sure?", continues=True), "Yes: 3,200 units.", second)
    assert third.report.grounded("number") == 1.0


def test_what_somebody_typed_like_a_document_is_none_in_later_turns(store: ConversationStore) -> None:
    first = answered(store, asked("[notes.txt]\n```\nSales grew by 42 %.\n```\nWell?"), "They grew by 42 %.")
    second = answered(store, asked("And units?", continues=True), "3,300 units.", first)
    assert (first.report.findings, second.report.findings) == ((), ())


def test_what_the_user_said_may_be_repeated(store: ConversationStore) -> None:
    first = answered(store, asked("Did sales grow by 17 %?", REPORT), "No, not by 17 %, by 42 %.")
    assert unverified(first) == []
    assert unverified(answered(store, asked("Why?", continues=True), "Not 17 %.", first)) == []


def test_a_footer_is_told_once_a_conversation(store: ConversationStore) -> None:
    composed = asked(document=REPORT, prompt="medical/plain-summary")
    first = answered(store, composed, "It went well.")
    assert len(first.footers) == 1
    assert answered(store, composed, "It went well.", first).footers == ()
    chat = answered(store, asked("hello there"), "Hello.")
    assert answered(store, composed, "It went well.", chat).footers == first.footers


def test_phrasings_that_a_guard_pack_forbids_are_marked(store: ConversationStore) -> None:
    composed = asked(document="Discharge letter. Aspirin 100 mg daily.", prompt="medical/plain-summary")
    found = answered(store, composed, "All is well.\nYou should stop taking aspirin.")
    assert [(one.pack, one.line) for one in found.phrasings] == [("medical", 2)]
    assert any("stop taking" in notice for notice in found.notices)


def test_a_medicine_or_a_date_that_is_left_out_is_told(store: ConversationStore) -> None:
    letter = "Discharged on 3 May 2024. Take aspirin 100 mg and ramipril 5 mg."
    composed = asked(document=letter, prompt="medical/plain-summary")
    for level in ("mark", "strict"):
        plan = replace(composed.checks, levels={"coverage": level})
        found = answered(
            store, replace(composed, checks=plan), "You went home on 3 May 2024. Take ramipril 5 mg."
        )
        assert unverified(found) == [("coverage", "100 mg"), ("coverage", "aspirin")]
        assert found.fails_strictly == (level == "strict")
    assert any("aspirin is in the document and not in the answer" in notice for notice in found.notices)
    short = replace(composed.request, sampling=replace(composed.request.sampling, max_tokens=3))
    assert unverified(answered(store, replace(composed, request=short), "You went home on 3 May")) == []


LAB = '[{"test": "LDL", "value": "171 mg/dL", "range": "<130", "meaning": "High: 171, not \\"115\\"."}]'


def test_fields_of_a_reply_in_json_are_marked_one_by_one(store: ConversationStore, lab: str) -> None:
    composed = asked(document="LDL 171 mg/dL (ref <120)\n", prompt=lab)
    found = answered(store, composed, LAB)
    marks = {one.path[-1]: one.is_verified for one in found.fields}
    assert marks == {"test": True, "value": True, "range": False, "meaning": False}
    assert unverified(found) == [("copy", "<130"), ("number", "115")]
    (copy, number) = found.report.unverified
    assert LAB[copy.start : copy.end] == "<130"
    assert "115" in LAB[number.start : number.end]
    assert found.fails_strictly


def test_names_and_marks_of_json_are_no_quotes(store: ConversationStore, lab: str) -> None:
    composed = asked(document="LDL 171 mg/dL (ref <130)\n", prompt=lab)
    found = answered(store, composed, LAB.replace("115", "171"))
    assert unverified(found) == []
    assert found.misses_schema is None


@pytest.mark.parametrize("reply", ["no json", "[1, 2]", "{", "[" * 5000], ids=range(4))
def test_a_reply_that_misses_its_schema_fails_strictly(
    store: ConversationStore, lab: str, reply: str
) -> None:
    composed = asked(document="LDL 171 mg/dL (ref <130)\n", prompt=lab)
    found = answered(store, composed, reply)
    assert found.misses_schema
    assert found.fails_strictly
    assert any("schema" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("question", "reply", "is_marked"),
    [
        ("What is the capital of France?", "法国的首都是巴黎。", True),
        ("法国的首都是哪里？", "The capital of France is Paris.", True),
        ("What is the capital of France?", "The capital is Paris (巴黎).", False),
        ("Say hello in Chinese", "你好，很高兴认识你。", False),
        ("用英语怎么说你好", "You say hello to them.", False),
        ("What is it called?", "巴黎", False),
    ],
)
def test_a_reply_in_another_language_is_marked(
    store: ConversationStore, question: str, reply: str, is_marked: bool
) -> None:
    composed = asked(question)
    plan = replace(composed.checks, levels={"language": "mark"})
    found = answered(store, replace(composed, checks=plan), reply)
    assert [kind for kind, _ in unverified(found)] == ["language"] * is_marked
    assert len(found.notices) == is_marked


def test_a_translation_is_in_the_language_it_was_asked_into(store: ConversationStore) -> None:
    composed = asked(document="The museum is closed today.", prompt="translate", values={"to": "Chinese"})
    assert unverified(answered(store, composed, "博物馆今天闭馆。")) == []
    found = answered(store, composed, "The museum is not open today.")
    assert unverified(found) == [("language", "en")]
    assert found.fails_strictly


def test_what_a_field_has_from_an_example_is_told_as_such(store: ConversationStore, lab: str) -> None:
    composed = asked(document="LDL 171 mg/dL (ref <120)\n", prompt=lab)
    reply = '[{"test": "Zorvium", "value": "171 mg/dL", "range": null, "meaning": "It was Zorvium."}]'
    found = answered(store, composed, reply)
    assert sorted(unverified(found)) == [("copy", "Zorvium"), ("leak", "Zorvium"), ("leak", "Zorvium")]
    assert {one.path[-1] for one in found.fields if not one.is_verified} == {"test", "meaning"}


def test_values_of_a_closed_set_are_not_looked_for(store: ConversationStore, lab: str) -> None:
    composed = asked(document="LDL 171 mg/dL (ref <120)\n", prompt=lab)
    reply = '[{"test": "LDL", "value": "171", "range": "<120", "flag": "high", "meaning": "So it is."}]'
    assert unverified(answered(store, composed, reply)) == []


def test_many_marks_are_told_in_a_few_lines(store: ConversationStore) -> None:
    reply = ", ".join(str(number) for number in range(5001, 5031))
    found = answered(store, asked("How many?", REPORT), reply)
    assert len(unverified(found)) == 30
    assert len(found.notices) == 9
    assert found.notices[-1].startswith("and 22 more")


def test_the_number_at_the_cut_of_a_reply_is_not_held_against_it(store: ConversationStore) -> None:
    composed = asked("How many?", REPORT)
    request = replace(composed.request, sampling=replace(composed.request.sampling, max_tokens=3))
    found = answered(store, replace(composed, request=request), "It is 3,2 or so")
    assert found.report.findings == ()


def test_the_turn_is_closed_with_what_wraps_it(store: ConversationStore) -> None:
    composed = asked("why?")
    events = ChatSession(EchoEngine(["a b c d"]), store).send(composed.request, CancelToken())
    wrapped = checked(events, composed)
    next(wrapped)
    wrapped.close()
    (summary,) = store.conversations()
    assert store.path(summary.id)[-1].status == "stopped"


def test_an_emergency_is_heeded_in_the_default_conversation_too() -> None:
    assert any("112" in notice for notice in asked("I have chest pain and cannot breathe").notices)
    assert any("112" in notice for notice in asked("我胸口很痛，喘不上气").notices)
    assert not any("112" in notice for notice in asked("What does it say?", "He had chest pain.").notices)
    pasted = asked(prompt="medical/plain-summary", values={"document": "He had chest pain."})
    assert not any("112" in notice for notice in pasted.notices)


def test_words_that_become_the_document_are_still_the_users_own() -> None:
    typed = asked("My chest pain is back and I cannot breathe", prompt="medical/plain-summary")
    assert any("112" in notice for notice in typed.notices)
    assert typed.checks.sources


def test_an_answer_by_a_schema_of_the_users_own_is_read_as_json(store: ConversationStore) -> None:
    question = Question(
        text="Who grew?",
        documents=(Document("report.txt", REPORT, len(REPORT)),),
        prompt=choose_prompt(LIBRARY, None, has_text=True),
        emergency_number="112",
        wish=Wish(schema=read_answer_schema("growth, units int")),
    )
    composed = compose(question, replace(CARD, can_constrain=True), {})
    plain = replace(composed, request=replace(composed.request, constraint=None))
    found = answered(store, plain, '{"growth": "forty-two percent", "units": 3300}')
    assert unverified(found) == [("number", "3300")]
    assert [one.path for one in found.fields if not one.is_verified] == [("units",)]
    assert answered(store, plain, '{"growth": 1}').misses_schema


@pytest.mark.parametrize(
    ("prompt", "values"),
    [
        ("legal/draft", {"facts": "x", "jurisdiction": "y"}),
        ("education/grade", {"rubric": "x"}),
    ],
)
def test_drafts_say_that_they_are(store: ConversationStore, prompt: str, values: dict[str, str]) -> None:
    found = answered(
        store, asked(document="It is signed here.", prompt=prompt, values=values), "It is signed."
    )
    assert found.notices[0].startswith("DRAFT")


def lab_reply(*rows: tuple[str, str, str]) -> str:
    items = [{"test": test, "value": value, "range": span, "measures": "-"} for test, value, span in rows]
    return json.dumps(items, ensure_ascii=False)


@pytest.mark.parametrize(
    ("document", "row", "doubtful"),
    [
        ("LDL 171 mg/dL (ref <130)\nPotassium 4 mmol/L (3.5-5.1)\n", ("LDL", "171 mg/dL", "<130"), set()),
        (
            "低密度脂蛋白 4.42 mmol/L (参考 <3.37)\n血钾 3.1 mmol/L (参考 3.5-5.1)\n",
            ("低密度脂蛋白", "4.42 mmol/L", "3.5-5.1"),
            {"range", "flag"},
        ),
        (
            "1. LDL 171 mg/dL (ref <130)\n2. HbA1c 5.4 % (4.0-5.6)\n",
            ("LDL", "5.4 %", "4.0-5.6"),
            {"value", "flag"},
        ),
        ("1. LDL\n171 mg/dL\n<130\n2. HbA1c\n5.4 %\n4.0-5.6\n", ("LDL", "171 mg/dL", "<130"), set()),
        ("LDL 171 mg/dL (ref <130)\n", ("LDL", "171 mg/dL", "<120"), {"range", "flag"}),
    ],
    ids=["its own", "of another row", "of another test", "a cell a line", "invented"],
)
def test_a_flag_is_in_doubt_with_what_it_is_computed_from(
    store: ConversationStore, document: str, row: tuple[str, str, str], doubtful: set[str]
) -> None:
    found = answered(store, asked(document=document, prompt="lab-explain"), lab_reply(row))
    assert {one.path[-1] for one in found.fields if not one.is_verified} == doubtful
    assert found.fails_strictly == bool(doubtful)
    assert all(one.path[0] == 0 for one in found.fields)
