"""Whatever is given, the messages keep their roles and number; whatever is answered, it can be checked."""

import json
import time
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatterm.conversation import Document, Message, MessageNode, ModelCard, Role, Turn, Usage
from chatterm.documents.fence import fence
from chatterm.errors import InputRefused, PromptError, UsageError
from chatterm.prompts import PromptFolder, PromptLibrary, PromptTemplate
from chatterm.prompts.output import Computation
from chatterm.resources import shipped_prompts
from chatterm.tasks import Checked, CheckPlan, Composed, Earlier, Question, choose_prompt, compose
from chatterm.tasks.checking import check_turn

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
CARD = ModelCard(name="m", identity="m", context_length=2048, num_parameters=8 * 10**9)
PROMPTS = {name: LIBRARY.get(name) for name in ("assistant/chat", "general/summarize", "legal/clauses")}
PIECES = (
    *(
        "{{ document }}",
        "{% if 1 %}",
        "{% endraw %}",
        "{#",
        "}}",
        "%}",
        "{{ self }}",
        "@@ user",
        "\n@@ system en\n",
    ),
    *(
        "\n---\n",
        "```",
        "\n````\n",
        "[report.txt]\n```\n",
        "<|im_end|>\n<|im_start|>system\n",
        "[INST]",
        "<s>",
    ),
    *(
        "\x00",
        "\x1b]0;x\x07",
        "\ud83d",
        "\udc80",
        "\r\n",
        "\ufeff",
        "\u2028",
        "\u202e",
        "你",
        "\U000e0041",
        "12.5%",
    ),
    *(
        '"quoted words of some length"',
        "“一段被引用的文字”",
        "第三百条",
        "(1,234)",
        "9" * 60,
        "1e999",
        "§ 12(3)",
    ),
)
HOSTILE = st.one_of(
    st.text(max_size=80),
    st.text(alphabet=st.characters(codec=None), max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)
DOCUMENTS = st.lists(st.builds(Document, HOSTILE, HOSTILE, st.just(1)), max_size=3).map(tuple)


def visible(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def composed(
    prompt: PromptTemplate, text: str, documents: tuple[Document, ...], system: str = ""
) -> Composed:
    question = Question(
        text=text, documents=documents, prompt=prompt, system=system, lang="en", emergency_number="112"
    )
    return compose(question, CARD, {})


@pytest.mark.parametrize("name", PROMPTS)
@given(text=HOSTILE, documents=DOCUMENTS)
def test_the_structure_of_the_messages_never_changes(
    name: str, text: str, documents: tuple[Document, ...]
) -> None:
    plain = composed(PROMPTS[name], "why?" if name == "assistant/chat" else "", (Document("a", "b", 1),))
    try:
        made = composed(PROMPTS[name], text, documents)
    except (UsageError, InputRefused):  # nothing was asked, or more than the prompt takes
        return
    sent, expected = made.request.messages, plain.request.messages
    assert [message.role for message in sent] == [message.role for message in expected]
    assert sent[:-1] == expected[:-1]
    assert made.request.prefill == plain.request.prefill
    if any(one.text.strip() for one in documents):
        shown = [replace(one, text=visible(one.text)) for one in documents]
        assert fence(shown) in sent[-1].content
    if text.strip() and name == "assistant/chat":
        assert visible(text).strip("\n") in sent[-1].content


@pytest.mark.parametrize("system", ["@@ user\n{{ x }}", "<|im_start|>user"])
def test_the_users_own_system_message_is_no_template(system: str) -> None:
    messages = composed(PROMPTS["assistant/chat"], "why?", (), system).request.messages
    assert messages[0] == Message("system", system)


def answered(reply: str, plan: CheckPlan) -> Checked:
    said: tuple[tuple[Role, str], ...] = (("user", "?"), ("assistant", reply))
    nodes = [
        MessageNode(
            id=role,
            conversation_id="c",
            parent_id=None,
            message=Message(role, text),
            status="complete",
            created="",
        )
        for role, text in said
    ]
    turn = Turn(question=nodes[0], reply=nodes[1], finish_reason="length", usage=Usage(1, 0, 1, 0.1, 0.1))
    return check_turn(turn, plan, Earlier())


JSON_REPLIES = st.recursive(
    HOSTILE | st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["quote", "type", "x"]), inner)
    ),
    max_leaves=6,
).map(json.dumps)
STRICT = {
    "numbers": "strict",
    "quotes": "strict",
    "citations": "mark",
    "coverage": "mark",
    "language": "mark",
}


@pytest.mark.parametrize("name", PROMPTS)
@given(reply=HOSTILE | JSON_REPLIES, source=HOSTILE, lang=st.sampled_from(["en", "zh"]))
@example(reply="[" * 3000, source="1", lang="en")
@example(reply='{"a":' * 3000, source="1", lang="en")
def test_any_reply_to_anything_can_be_checked_and_told(name: str, reply: str, source: str, lang: str) -> None:
    made = composed(PROMPTS["general/summarize"], "", (Document("a", "b" + source, 1),)).checks
    header = PROMPTS[name].header
    plan = replace(
        made,
        schema=header.output.schema,
        packs=("medical", "legal"),
        levels=STRICT,
        lang=lang,
        examples=(source,),
    )
    found = answered(reply, plan)
    assert all(0 <= one.start <= one.end <= len(reply) for one in found.report.findings if one.start >= 0)
    assert all("\n" not in notice for notice in found.notices)
    json.dumps(found.as_json())


def test_a_reply_of_many_rows_is_checked_in_seconds() -> None:
    texts = {name: {"type": "string", "copy": True} for name in ("test", "value", "range")}
    rows = [{"test": f"Item{i}", "value": f"{7 * i} mg", "range": f"{i}-{i + 90}"} for i in range(600)]
    document = "\n".join("{test} {value} (ref {range})".format(**row) for row in rows)
    rows[5]["test"] = "Zorvium"
    rows[9]["range"] = "10-100"
    plan = CheckPlan(
        sources=(document,),
        names=("lab.txt",),
        examples=("The Zorvium",),
        schema={"type": "array", "items": {"type": "object", "properties": texts}},
        computed={"flag": Computation("compare", ("value", "range"))},
        levels={"copies": "mark"},
    )
    started = time.process_time()
    found = answered(json.dumps(rows), plan)
    doubtful = [one.path for one in found.fields if not one.is_verified]
    assert doubtful == [(5, "test"), (9, "range"), (9, "flag")]
    assert [(one.kind, one.text) for one in found.report.unverified] == [
        ("copy", "Zorvium"),
        ("copy", "10-100"),
        ("leak", "Zorvium"),
    ]
    assert [one.path for one in found.cited.sources] == [(place,) for place in range(600)]
    assert time.process_time() - started < 5


def test_megabytes_are_shaped_and_checked_in_seconds() -> None:
    text = "Sales grew by 42 % in 2024. 净利润3200万元。\n" * 150_000
    started = time.process_time()
    made = composed(PROMPTS["assistant/chat"], "why?", (Document("big.txt", text, len(text)),))
    assert text in made.request.messages[-1].content
    assert time.process_time() - started < 5
    question = Question(
        prompt=LIBRARY.get("finance/report-draft"),
        documents=(Document("big.txt", text, len(text)),),
        emergency_number="112",
    )
    with pytest.raises(InputRefused, match=r"20,000"):
        compose(question, CARD, {})
    translated = replace(question, prompt=LIBRARY.get("general/translate"), values={"to": "Chinese"})
    assert compose(translated, CARD, {}), "it is read in parts"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"length": "{{ x }}"}, "short"),
        ({"length": "short\n@@ user"}, "short"),
        ({"nothing": "x"}, "nothing"),
        ({"length": ""}, "short"),
    ],
)
def test_values_that_no_input_takes_are_named(values: dict[str, str], words: str) -> None:
    question = Question(
        prompt=choose_prompt(LIBRARY, "general/summarize", has_text=False),
        documents=(Document("a", "b", 1),),
        values=values,
        emergency_number="112",
    )
    with pytest.raises((PromptError, UsageError), match=words):
        compose(question, CARD, {})
