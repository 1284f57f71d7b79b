"""`chatterm prompts new, edit, diff, reset, path, test`, as people and scripts run them."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chatterm.cli.main import run
from chatterm.resources import shipped_prompts

SUMMARY = "general/summarize"


@pytest.fixture
def own(home: Path) -> Path:
    """The folder of the user's own prompts, which is not there yet."""
    return home / "config" / "prompts"


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An editor that does what is written into this file, a shell script; $1 is the prompt's file."""
    script = tmp_path / "my editor.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    monkeypatch.setenv("VISUAL", f'"{script}"')
    return script


def does(editor: Path, command: str) -> None:
    editor.write_text(f"#!/bin/sh\n{command}\n")


def test_a_shipped_prompt_is_copied_when_it_is_changed_and_comes_back(
    own: Path, editor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = shipped_prompts() / f"{SUMMARY}.md"
    before = shipped.read_bytes()
    does(editor, 'sed -i "s/You summarize texts/You shorten texts/" "$1"')
    assert run(["prompts", "edit", "tldr"]) == 0
    copy = own / f"{SUMMARY}.md"
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert f"\nbase: {SUMMARY}@" in copy.read_text(encoding="utf-8")
    assert shipped.read_bytes() == before
    capsys.readouterr()
    assert run(["prompts", "path", "tldr"]) == 0
    assert capsys.readouterr().out.strip() == str(copy)
    assert run(["prompts", "diff", "tldr"]) == 0
    shown = capsys.readouterr()
    assert "-You summarize texts" in shown.out
    assert "+You shorten texts" in shown.out
    assert shown.err == ""
    assert run(["prompts", "show", SUMMARY, "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["origin"] == f"yours, changed (from {SUMMARY}@{card['version']})"
    assert run(["prompts", "reset", "tldr"]) == 0
    assert not copy.exists()
    assert (own / f"{SUMMARY}.md.old1").read_text(encoding="utf-8").count("You shorten texts") == 1
    assert "is in use again" in capsys.readouterr().err
    assert run(["prompts", "path", "tldr"]) == 0
    assert capsys.readouterr().out.strip() == str(shipped)


def test_a_newer_shipped_version_is_told_with_the_difference(
    own: Path, editor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    does(editor, f'sed -i "s|^base: .*|base: {SUMMARY}@0|" "$1"')
    assert run(["prompts", "edit", SUMMARY]) == 0
    assert run(["prompts", "diff", SUMMARY]) == 0
    assert f"yours began as {SUMMARY}@0; the shipped one is at version" in capsys.readouterr().err
    assert (own / f"{SUMMARY}.md").exists()


def test_an_editor_that_changes_nothing_leaves_nothing(
    own: Path, editor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    does(editor, "exit 0")
    assert run(["prompts", "edit", SUMMARY]) == 0
    assert "nothing was changed" in capsys.readouterr().err
    assert [*own.rglob("*.md*")] == []


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("VISUAL", "no-such-editor-here", "'no-such-editor-here' cannot be run"),
        ("VISUAL", "false", "'false' ended with 1"),
        ("VISUAL", "'", "$VISUAL is no command"),
        ("EDITOR", "", "set $VISUAL or $EDITOR"),
    ],
)
def test_an_editor_that_fails_is_named(
    variable: str,
    value: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    assert run(["prompts", "edit", SUMMARY]) == 2
    assert message in capsys.readouterr().err


def test_mistakes_are_told_after_editing_also_in_a_broken_file(
    own: Path, editor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    does(editor, 'sed -i "s/^version: .*/version: x/" "$1"')
    assert run(["prompts", "edit", SUMMARY]) == 1
    assert "error[E09]: version is of the wrong kind" in capsys.readouterr().err
    does(editor, 'sed -i "s/^version: x/version: 2/" "$1"')
    assert run(["prompts", "edit", SUMMARY]) == 0
    assert (own / f"{SUMMARY}.md").read_text(encoding="utf-8").startswith("---\nchatterm: 1\nversion: 2\n")


@pytest.mark.parametrize("name", ["mine/letter", "medical/letter", "我的/信"])
def test_a_new_prompt_is_usable_as_it_is(
    own: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(variable, raising=False)
    assert run(["prompts", "new", name]) == 0
    assert capsys.readouterr().out.strip() == str(own / f"{name}.md")
    assert run(["prompts", "check", name, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {problem["code"] for problem in found} <= {"W06"}
    assert run(["prompts", "test", name, "-m", "echo"]) == 0


def test_a_new_prompt_may_begin_as_another(own: Path, editor: Path) -> None:
    does(editor, 'sed -i "s/^version: .*/version: 1/" "$1"')
    assert run(["prompts", "new", "mine/short", "--from", "tldr"]) == 0
    text = (own / "mine" / "short.md").read_text(encoding="utf-8")
    assert f"\nbase: {SUMMARY}@" in text
    assert "@@ system en\nYou summarize texts." in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new", "letter"], "write domain/name"),
        (["new", "../x/y"], "write domain/name"),
        (["new", "mine/x", "--from", "sumarize"], "summarize"),
        (["edit", "sumarize"], "summarize"),
        (["diff", SUMMARY], "is as it is shipped"),
        (["reset", SUMMARY], "is as it is shipped"),
        (["path", "sumarize"], "summarize"),
        (["test", "sumarize", "-m", "echo"], "summarize"),
        (["test", SUMMARY, "-m", "echo", "--lang", "fr"], "has no tests in fr"),
    ],
)
def test_what_cannot_be_done_says_what_can(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prompts", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_what_is_there_is_not_overwritten_and_what_is_all_ones_own_is_not_reset(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(variable, raising=False)
    assert run(["prompts", "new", "mine/letter"]) == 0
    before = (own / "mine" / "letter.md").read_text(encoding="utf-8")
    assert run(["prompts", "new", "mine/letter"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert run(["prompts", "reset", "mine/letter"]) == 2
    assert "is all yours" in capsys.readouterr().err
    assert (own / "mine" / "letter.md").read_text(encoding="utf-8") == before


def test_a_prompts_tests_are_told_one_by_one_and_by_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["prompts", "test", "plain-summary", "-m", "echo", "--lang", "zh", "--json"]) == 0
    passed = json.loads(capsys.readouterr().out)
    assert {row["result"] for row in passed} == {"ok"}
    assert {row["lang"] for row in passed} == {"zh"}
    assert run(["prompts", "test", "assistant/chat", "-m", "echo"]) == 1
    shown = capsys.readouterr()
    assert "FAILED  en  a fact everybody knows" in shown.out
    assert "contains: Paris" in shown.out
    assert "tests passed" in shown.err


def test_a_listing_imports_neither_engine_nor_models_nor_jinja2() -> None:
    code = (
        "import sys\nfrom chatterm.cli.main import run\nassert run(['prompts', 'list']) == 0\n"
        "print([name for name in ('torch', 'jinja2', 'chatterm.cli.wiring', 'chatterm.models.discovery') "
        "if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_prompts_are_listed_by_domain_and_tag(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "list", "--domain", "legal"]) == 0
    shown = capsys.readouterr()
    assert {line.split("/")[0] for line in shown.out.splitlines()} == {"legal"}
    assert "1B+" in shown.out
    assert "not tried on one here" in shown.err
    assert run(["prompts", "list", "--tag", "contracts", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["id"] for row in rows} >= {"legal/clauses", "legal/draft"}
    assert all("contracts" in row["tags"] for row in rows)


@pytest.mark.parametrize("option", [["--domain", "lega"], ["--tag", "contract"]])
def test_a_domain_or_tag_that_is_not_there_is_told_with_the_nearest(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prompts", "list", *option]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_a_prompt_says_what_it_is_made_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "show", "legal/case-brief"]) == 0
    assert "made for   3B or more, not tried on such a model here" in capsys.readouterr().out
    assert run(["prompts", "show", SUMMARY]) == 0
    assert "made for   any model; tried on SmolLM2-135M-Instruct Q4_1: en" in capsys.readouterr().out


def test_the_exact_messages_are_shown_with_their_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    values = ["-v", "facts=Vera Moss sells a boat.", "-v", "skeleton=SALE by {seller}."]
    assert run(["prompts", "show", "legal/draft", "-m", "echo", "--lang", "en", *values]) == 0
    shown = capsys.readouterr()
    assert "SALE by {seller}." in shown.out
    assert "Vera Moss sells a boat." in shown.out
    assert "Jurisdiction: Ruritania" in shown.out
    assert "from the prompt's first test: jurisdiction" in shown.err
    assert "tokens in 2 messages" in shown.err


def test_the_exact_messages_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "show", "entities", "-m", "echo", "--lang", "zh", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["messages"][0]["role"] == "system"
    assert "林玛丽" in shown["messages"][-1]["content"]
    assert shown["input_tokens"] > 0
    assert shown["from_test"] == ["document"]
    assert shown["name"] == "general/entities"


def test_a_value_for_no_input_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "show", "legal/draft", "-m", "echo", "-v", "fact=x"]) == 2
    assert "did you mean 'facts'" in capsys.readouterr().err


def test_a_new_prompt_may_be_given_its_inputs(
    own: Path, editor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prompts", "new", "work/offer", "--input", "party", "--input", "due_date"]) == 0
    assert (
        run(["prompts", "show", "work/offer", "-m", "echo", "-v", "due_date=1 May", "-v", "document=x"]) == 0
    )
    assert "due_date: 1 May" in capsys.readouterr().out
    assert run(["prompts", "new", "work/other", "--input", "Due Date"]) == 2
    assert "cannot be the name of an input" in capsys.readouterr().err
    assert not (own / "work" / "other.md").exists()


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["情感"], "general/sentiment"),
        (["tldr"], "general/summarize"),
        (["化验单", "LAB"], "medical/lab-explain"),
        (["key figures", "printed"], "finance/kpi-extract"),
    ],
    ids=["another name", "a short name", "two languages", "title"],
)
def test_prompts_are_found_by_words_of_any_language(
    words: list[str], first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prompts", "list", *words]) == 0
    assert capsys.readouterr().out.startswith(first)


def test_words_that_no_prompt_has_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "list", "--domain", "legal", "zorvium"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, "zorvium" in shown.err) == ("", True)


def test_prompts_alone_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts"]) == 0
    alone = capsys.readouterr().out
    assert run(["prompts", "list"]) == 0
    assert alone == capsys.readouterr().out
    assert alone.count("\n") >= 48


@pytest.mark.parametrize("options", [["--lang", "fr"], ["-v", "what=1"], ["-v", "jurisdiction"]])
def test_nothing_is_shown_where_something_is_refused(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prompts", "show", "legal/draft", "-m", "echo", *options]) == 2
    assert capsys.readouterr().out == ""
