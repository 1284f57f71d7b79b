"""Chat templates of many families and of hostile files: what they render, and what they are not let do."""

import json
import os
import stat
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.engine.local.text.chat_template import ChatTemplate
from chatterm.errors import BadModelFile, Unsupported
from tests.support.chat_families import FAMILIES
from tests.support.vocabularies import default_metadata

SPECIALS = {"bos_token": "<s>", "eos_token": "</s>"}
SYSTEM = Message("system", "Answer in French.")
QUESTION = Message("user", "Where is the lighthouse keeper?")
REPLY = Message("assistant", "On the island.")
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests here, as for all starts of chatterm: each template is tried out once."""
    return tmp_path_factory.mktemp("cache") / "chat_templates"


def opened(source: str, verdicts: Path | None) -> ChatTemplate:
    return ChatTemplate.open(source, SPECIALS, verdicts=verdicts, now=lambda: datetime(2031, 5, 1))


def bare(content: str) -> str:
    return "{% for m in messages %}{{ m.role + ': ' + " + content + " + '\n' }}{% endfor %}"


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_renders_a_conversation(name: str, verdicts: Path) -> None:
    family = FAMILIES[name]
    template = opened(family.template, verdicts)
    assert template.has_system_role == family.has_system_role
    text = template.render([SYSTEM, QUESTION, REPLY, QUESTION])
    positions = [text.index(message.content) for message in (SYSTEM, QUESTION, REPLY)]
    assert positions == sorted(positions)
    assert text.rindex(QUESTION.content) > positions[-1]


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.builtin])
def test_a_builtin_system_text_never_appears(name: str, verdicts: Path) -> None:
    family = FAMILIES[name]
    template = opened(family.template, verdicts)
    assert family.builtin not in template.render([QUESTION, REPLY, QUESTION])
    assert template.render([QUESTION]) == template.render([Message("system", ""), QUESTION])


@pytest.mark.parametrize("name", ["chatml", "llama3", "harmony", "deepseek", "command-r"])
def test_no_system_turn_is_added_where_the_template_adds_none(name: str, verdicts: Path) -> None:
    text = opened(FAMILIES[name].template, verdicts).render([QUESTION])
    assert text.count("system") == FAMILIES[name].template.count("<|start|>system")


def test_a_builtin_text_that_only_a_text_replaces_is_replaced(verdicts: Path) -> None:
    """Some templates take an empty system message for none."""
    source = "{{ (messages[0].content if messages[0].role == 'system' else '') or 'You are a buoy.' }}"
    source += "{% for m in messages if m.role != 'system' %}{{ '|' + m.content }}{% endfor %}"
    template = opened(source, verdicts)
    assert template.render([QUESTION]) == "|Where is the lighthouse keeper?"
    assert template.render([SYSTEM, QUESTION]) == "Answer in French.|Where is the lighthouse keeper?"


def test_a_fixed_text_of_the_format_stays(verdicts: Path) -> None:
    """What stands there with a system message too is the format that the model was trained on."""
    source = "{{ 'Date: 2024. ' }}" + bare("m.content")
    assert opened(source, verdicts).render([QUESTION]).startswith("Date: 2024. user: ")


@pytest.mark.parametrize(
    "source",
    [
        FAMILIES["gemma"].template,
        "{% for m in messages if m.role != 'system' %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}",
    ],
    ids=["raises", "drops"],
)
def test_a_system_message_is_folded_where_there_is_no_such_role(source: str, verdicts: Path) -> None:
    template = opened(source, verdicts)
    assert not template.has_system_role
    folded = template.render([SYSTEM, QUESTION, REPLY, QUESTION])
    first = Message("user", f"{SYSTEM.content}\n\n{QUESTION.content}")
    assert folded == template.render([first, REPLY, QUESTION])
    assert SYSTEM.content in template.render([SYSTEM])


def test_neighbours_of_one_role_are_joined_where_roles_must_alternate(verdicts: Path) -> None:
    gemma, chatml = (opened(FAMILIES[name].template, verdicts) for name in ("gemma", "chatml"))
    twice = [QUESTION, Message("user", "And the dog?")]
    joined = [Message("user", f"{QUESTION.content}\n\nAnd the dog?")]
    assert gemma.render(twice) == gemma.render(joined)
    assert chatml.render(twice) != chatml.render(joined)


def test_refused_messages_are_the_users_to_know(verdicts: Path) -> None:
    template = opened(FAMILIES["gemma"].template, verdicts)
    with pytest.raises(Unsupported, match="refuses these messages: Roles must alternate"):
        template.render([REPLY, QUESTION])
    with pytest.raises(Unsupported, match="refuses these messages: Roles must alternate"):
        template.render([REPLY, REPLY, QUESTION])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (bare("m.content | tojson"), 'user: "<b>é</b>"\n'),
        (
            "{% for m in messages %}\n  {% if true %}\n{{ m.content }}\n  {% endif %}\n{% endfor %}",
            "<b>é</b>\n",
        ),
        ("{% for m in messages %}{{ m.content }}{% break %}{% endfor %}!", "<b>é</b>!"),
        ("{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}", "01 May 2031 <b>é</b>"),
        ("{{ bos_token }}{{ messages[0]['content'] }}{{ eos_token }}{{ pad_token }}", "<s><b>é</b></s>"),
        ("{% generation %}{{ messages[0].content }}{% endgeneration %}", "<b>é</b>"),
        ("{{ messages[0].content }}{% if tools %}tools{% endif %}{{ documents }}", "<b>é</b>None"),
        ("{{ messages[0].content }}{% if not add_generation_prompt %}none{% endif %}", "<b>é</b>"),
    ],
)
def test_templates_see_what_transformers_gives_them(source: str, expected: str, verdicts: Path) -> None:
    assert opened(source, verdicts).render([Message("user", "<b>é</b>")]) == expected


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (ENDLESS, "it runs for more than 2 s"),
        pytest.param("{{ 9 ** 400000000 }}", "it runs for more than 2 s", marks=pytest.mark.slow),
        ("{{ 'a' * 10 ** 12 }}", "it takes more than 512 MB of memory"),
        (
            "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "512 MB",
        ),
        ("{{ '%1000000000d' % 1 }}", "512 MB"),
        ("{% set x = 'a' * 10 ** 6 %}{% for i in range(1000) %}{{ x }}{% endfor %}", "writes far more than"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError: access to attribute '__class__'"),
        ("{{ messages.append(1) }}{{ messages[0].content }}", "SecurityError"),
        ("{% include '/etc/passwd' %}", "TypeError: no loader"),
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ messages[0].content.no.such }}", "UndefinedError"),
        ("{{ raise_exception('not today') }}", "TemplateError: not today"),
        ("Hello!", "it leaves the user's text out"),
        ("", "it leaves the user's text out"),
    ],
)
def test_bad_templates_are_refused_in_little_time(source: str, reason: str, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(BadModelFile, match="the model's chat template cannot be used") as caught:
        opened(source, tmp_path)
    assert reason in str(caught.value)
    assert time.monotonic() - start < 20
    (verdict,) = tmp_path.iterdir()
    start = time.monotonic()
    with pytest.raises(BadModelFile) as again:
        opened(source, tmp_path)
    assert str(again.value) == str(caught.value)
    assert time.monotonic() - start < 5, "the verdict was not remembered"
    assert json.loads(verdict.read_text()) == {"reason": json.loads(verdict.read_text())["reason"]}


@pytest.mark.parametrize("role", ["system", pytest.param("assistant", marks=pytest.mark.slow)])
def test_a_template_is_tried_out_with_every_role(role: str, tmp_path: Path) -> None:
    trap = f"{{% if m.role == '{role}' %}}{ENDLESS}{{% endif %}}"
    source = f"{{% for m in messages %}}{{{{ m.content }}}}{trap}{{% endfor %}}"
    with pytest.raises(BadModelFile, match="more than 2 s"):
        opened(source, tmp_path)


def test_what_comes_out_is_limited_after_the_trial_too(verdicts: Path) -> None:
    source = bare("m.content * (100000 if m.content == 'flood, please' else 1)")
    template = opened(source, verdicts)
    assert template.render([QUESTION])
    with pytest.raises(Unsupported, match="writes far more than the messages hold"):
        template.render([Message("user", "flood, please")])


@pytest.mark.parametrize(
    "work",
    [
        ENDLESS,
        pytest.param(
            "{% for a in x %}{% for b in x %}{% for c in x %}{% for d in x %}"
            "{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "{% macro twice(n) %}{% if n %}{{ twice(n - 1) }}{{ twice(n - 1) }}{% endif %}{% endmacro %}"
            "{{ twice(60) }}",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_other_messages_set_off_is_limited_too(work: str, verdicts: Path) -> None:
    """A template that behaves while it is tried out, and not when a message has a word in it."""
    source = (
        "{% for m in messages %}{% set x = m.content %}{{ x }}{% if 'x' * 50 in x %}" + work
        + "{% endif %}{% endfor %}"
    )  # fmt: skip
    template = ChatTemplate.open(source, {}, verdicts=verdicts)
    assert template.render([Message("user", "Hello!")]) == "Hello!"
    begun = time.thread_time()
    with pytest.raises(Unsupported, match="runs for more than 3 s"):
        template.render([Message("user", "x" * 5_000)])
    assert time.thread_time() - begun < 5
    assert template.render([Message("user", "Hello!")]) == "Hello!"


def test_long_messages_may_come_out_several_times(verdicts: Path) -> None:
    template = opened(bare("m.content * 10"), verdicts)
    assert len(template.render([Message("user", "long " * 200_000)])) > 10_000_000


def test_verdicts_are_private_and_hold_no_text(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "when needed"
    old_mask = os.umask(0)
    try:
        opened(bare("m.content"), folder).render([Message("user", "my secret")])
    finally:
        os.umask(old_mask)
    (verdict,) = folder.iterdir()
    assert stat.S_IMODE(verdict.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads(verdict.read_text()) == {"has_system_role": True, "has_builtin_system": False}


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"[]", b'{"has_system_role": "yes"}', b'{"reason": 3}']
)
def test_a_damaged_verdict_counts_as_none(content: bytes, tmp_path: Path) -> None:
    opened(bare("m.content"), tmp_path)
    (verdict,) = tmp_path.iterdir()
    sound = verdict.read_bytes()
    verdict.write_bytes(content)
    opened(bare("m.content"), tmp_path)
    assert verdict.read_bytes() == sound


def test_a_verdict_counts_for_its_variables_only(tmp_path: Path) -> None:
    """Else a harmless file could vouch for one whose special tokens switch something on."""
    source = bare("m.content") + "{% if bos_token == 'go' %}" + ENDLESS + "{% endif %}"
    opened(source, tmp_path)
    with pytest.raises(BadModelFile, match="more than 2 s"):
        ChatTemplate.open(source, {"bos_token": "go"}, verdicts=tmp_path)


def test_nothing_depends_on_a_folder_for_verdicts(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    for folder in (None, blocked / "folder"):
        assert opened(bare("m.content"), folder).render([QUESTION])


def test_the_default_models_template_needs_no_trial(default_model: Path, tmp_path: Path) -> None:
    metadata = default_metadata(default_model)
    template = ChatTemplate.open(metadata["tokenizer.chat_template"], {}, verdicts=tmp_path)
    assert not list(tmp_path.iterdir())
    assert template.has_system_role
    assert template.render([QUESTION]) == (
        "<|im_start|>system\n<|im_end|>\n"
        "<|im_start|>user\nWhere is the lighthouse keeper?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_known_templates_start_without_what_trials_need(default_model: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from chatterm.models.gguf import GGUFFile;"
        " from chatterm.engine.local.text.prompt_ids import open_prompt_encoder;"
        " from chatterm.engine.local.text.tokenizer import Tokenizer;"
        f" data = GGUFFile.open(Path({str(default_model)!r})).metadata;"
        " open_prompt_encoder(Tokenizer.from_metadata(data), data['tokenizer.chat_template'], verdicts=None);"
        " trial = 'chatterm.engine.local.text.template_verdict';"
        " print(sorted({'torch', 'transformers', 'numpy', trial} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
