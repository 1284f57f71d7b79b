"""`chatterm ask` for answers with a form: samples, code blocks, labels, JSON by a schema."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.cli.formed import list_text, print_table, scored_notices, scored_text
from chatterm.prompts.output import OutputSpec
from chatterm.session import LabelScore, Scored
from chatterm.tasks.views import view_of
from tests.support.chatterm_process import Ended, run_chatterm
from tests.support.gguf_files import scripted_gguf


def ask(*arguments: str, model: Path | str = "echo", stdin: bytes = b"") -> Ended:
    return run_chatterm("ask", "-m", str(model), *arguments, stdin=stdin)


def test_samples_are_parted_by_lines_and_are_a_list_in_json() -> None:
    assert ask("-n", "3", "hello") == Ended(0, "hello\n--- 2/3 ---\nhello\n--- 3/3 ---\nhello\n", "")
    answers = json.loads(ask("-n", "2", "--json", "hello").out)
    assert [one["response"] for one in answers] == ["hello", "hello"]
    assert len({one["id"] for one in answers}) == 2
    assert len({one["conversation_id"] for one in answers}) == 1


def test_only_the_first_fenced_block_is_extracted() -> None:
    text = "Here:\n```py\nx = 1\n```\nand\n```\ny\n```"
    assert ask("-x", text) == Ended(0, "x = 1\n", "")
    none = ask("-x", "no code")
    assert (none.code, none.out) == (0, "no code\n")
    assert "no fenced block" in none.err
    shown = json.loads(ask("-x", "--json", text).out)
    assert (shown["extracted"], shown["response"]) == ("x = 1\n", text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-n", "0", "x"], "-n takes 1 to 100 samples"),
        (["-n", "2", "--temperature", "0", "x"], "would all be the same"),
        (["--choices", "a", "x"], "at least two labels"),
        (["--choices", "a,,b", "x"], "must not be empty"),
        (["--choices", "是，否、是", "x"], "'是' stands there twice"),
        (["--choices", "a,b", "--schema", "a", "x"], "leave one out"),
        (["--choices", "a,b", "-n", "2", "x"], "leave out -n"),
        (["--schema", "age integr", "x"], "'integr' is no type"),
        (["--schema", "none.json", "x"], "none.json cannot be read"),
        (["-x", "--schema", "a", "x"], "leave out --choices and --schema"),
        (["--choices", "a,b", "x"], "echo cannot choose among labels"),
        (["--schema", "a", "x"], "echo cannot keep to a schema"),
    ],
)
def test_wrong_usage_is_told_before_a_model_is_loaded(arguments: list[str], words: str) -> None:
    ended = ask(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert ended.err.count("\n") == 1


def test_an_answer_by_a_schema_is_json_in_a_pipe(default_model: Path) -> None:
    schema = ("--schema", "name, age int", "--temperature", "0", "--max-tokens", "80")
    shown = json.loads(ask(*schema, "--json", "Ada is 36 years old.", model=default_model).out)
    assert json.loads(shown["response"]) == shown["answer"]
    assert list(shown["answer"]) == ["name", "age"]
    assert isinstance(shown["answer"]["age"], int)


def test_a_reply_that_is_no_json_is_shown_as_it_is() -> None:
    ended = ask("-p", "medical/lab-explain", "-q", stdin=b"LDL 171")
    assert (ended.code, ended.err) == (0, "")
    assert "LDL 171" in ended.out
    assert "is no JSON" in ask("-p", "medical/lab-explain", stdin=b"LDL 171").err


LAB = OutputSpec(
    format="json", schema={"type": "array", "items": {"type": "object", "properties": {}}}, view="table"
)
VIEW = view_of('[{"test": "LDL\\u001b[31m", "value": "171"}, {"test": "[bold]K", "value": null}]', LAB)


def test_tables_and_lists_show_text_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert VIEW is not None
    assert list_text(VIEW, {(1, "test")}) == (
        "test: LDL\N{SYMBOL FOR ESCAPE}[31m\nvalue: 171\n\ntest: [bold]K ⚠\nvalue: –"
    )
    print_table(VIEW, {(0, "value")})
    lines = capsys.readouterr().out.splitlines()
    assert any("LDL\N{SYMBOL FOR ESCAPE}[31m" in line and "171 ⚠" in line for line in lines)
    assert any("[bold]K" in line and "–" in line for line in lines)


def test_labels_are_shown_with_their_probabilities_the_likeliest_first() -> None:
    scores = (LabelScore("no", 0.4, -2.0), LabelScore("yes", 0.6, -3.0))
    scored = Scored(scores=scores, chosen=("yes",), margin=0.2, is_unsure=False, is_calibrated=False)
    assert scored_text(scored) == "yes\n  yes  0.60\n  no   0.40"
    wide = replace(scored, scores=(LabelScore("是", 0.4, -2.0), *scores[1:]))
    assert scored_text(wide) == "yes\n  yes  0.60\n  是   0.40"
    assert scored_notices(scored) == ["the probabilities are not calibrated"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ('{"type": "string", "minLength": 5, "maxLength": 2}', "schema"),
        ('{"type": "nonsense"}', "schema"),
        ('{"enum": []}', "schema"),
    ],
)
def test_a_schema_that_no_answer_could_meet_is_refused(tmp_path: Path, schema: str, words: str) -> None:
    model = scripted_gguf(tmp_path / "m.gguf", "{}")
    ended = ask("--schema", schema, "x", model=model)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


def test_a_choice_is_a_label_and_unsure_where_the_model_leans_the_same_way_for_nothing(
    tmp_path: Path, home: Path
) -> None:
    model = scripted_gguf(tmp_path / "m.gguf", "yes")
    choice = ("--choices", "yes,no", "Is it?")
    ended = ask(*choice, model=model)
    assert ended.code == 0
    assert ended.out in ("yes\n", "no\n")
    assert "unsure" in ended.err
    strict = ask(*choice, "--strict", "--json", model=model)
    assert strict.code == 6
    shown = json.loads(strict.out)
    assert (shown["is_unsure"], shown["is_calibrated"]) == (True, True)
    assert [one["label"] for one in shown["scores"]] == ["yes", "no"]
    assert sum(one["probability"] for one in shown["scores"]) == pytest.approx(1)
    (kept,) = (home / "cache" / "calibrations").iterdir()
    assert len(json.loads(kept.read_text())) == 2
    ask("--choices", "yes,no", "--private", "Another?", model=model)
    assert len(list((home / "cache" / "calibrations").iterdir())) == 1


@pytest.mark.slow
def test_the_default_model_finds_the_polarity_of_plain_reviews(default_model: Path) -> None:
    good = ask("-p", "sentiment", "Warm, funny and beautifully acted.", model=default_model)
    assert (good.code, good.out) == (0, "positive\n")
    bad = ask("-p", "sentiment", model=default_model, stdin=b"The soup was cold and the waiter was rude.")
    assert (bad.code, bad.out) == (0, "negative\n")


def test_a_flag_from_a_range_that_the_report_lacks_is_unknown(tmp_path: Path) -> None:
    row = {"test": "Haemoglobin", "value": "118 g/L", "range": "118-150", "measures": "blood"}
    reply = json.dumps([row]).removeprefix('[{"test": "')  # which the prompt has begun
    model = scripted_gguf(tmp_path / "m.gguf", reply)
    prompt = ("-p", "medical/lab-explain", "--json")
    shown = json.loads(ask(*prompt, model=model, stdin=b"Haemoglobin 118 g/L (ref 120-150)\n").out)
    assert [one["flag"] for one in shown["answer"]] == ["unknown"]
    assert {"path": "[0].flag", "verified": False} in shown["verification"]["fields"]
