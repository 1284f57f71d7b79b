"""Model folders on the command line: asked, listed, shown, verified, quantised."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.support.chatterm_process import run_chatterm
from tests.support.model_folders import change_json, family_folder, foreign_model, model_folder


@pytest.fixture
def folder(home: Path) -> Path:
    return family_folder(home / "data" / "models" / "Tiny-Llama")


def test_a_folder_answers_by_its_name_and_by_its_path(folder: Path) -> None:
    ended = run_chatterm("ask", "-m", "Tiny-Llama", "hello", "--temperature", "0", "--max-tokens", "5")
    assert (ended.code, bool(ended.out.strip())) == (0, True), ended.err
    again = run_chatterm("ask", "-m", f"{folder}/", "hello", "--temperature", "0", "--max-tokens", "5")
    assert again.out == ended.out


def test_weights_are_quantised_on_request(folder: Path) -> None:
    ended = run_chatterm("ask", "-m", str(folder), "--quantize", "int4", "hello", "--max-tokens", "5")
    assert ended.code == 0, ended.err
    change_json(folder / "config.json", quantization_config={"quant_method": "awq", "bits": 4})
    ended = run_chatterm("ask", "-m", str(folder), "--quantize", "int8", "hello")
    assert ended.code == 2
    assert "quantised already (awq)" in ended.err
    ended = run_chatterm("ask", "-m", str(folder), "--quantize", "int5", "hello")
    assert ended.code == 2
    assert "int5" in ended.err


def test_a_folder_is_listed_shown_and_verified(folder: Path) -> None:
    rows = {row["name"]: row for row in json.loads(run_chatterm("models", "list", "--json").out)}
    assert rows["Tiny-Llama"]["state"] == "here"
    assert rows["Tiny-Llama"]["size"] == (folder / "model.safetensors").stat().st_size
    shown = json.loads(run_chatterm("models", "show", "Tiny-Llama", "--json").out)
    assert (shown["architecture"], shown["layers"], shown["vocabulary"]) == ("llama", 3, 2048)
    assert shown["chat template"] is True
    assert shown["weights"][0].startswith("F32: ")
    ended = run_chatterm("models", "verify", "Tiny-Llama", "--json")
    assert (ended.code, json.loads(ended.out)["problems"]) == (0, [])


def test_a_folder_that_is_not_sound_is_told(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, folder / "model.safetensors")
    (folder / "tokenizer.json").write_text("{")
    ended = run_chatterm("models", "verify", str(folder), "--json")
    problems = json.loads(ended.out)["problems"]
    assert ended.code == 4
    assert problems[0] == "model.norm.weight has 1 values that are not finite"
    assert "tokenizer.json is no valid JSON" in problems[1]


def test_a_foreign_folder_says_how_it_runs(home: Path) -> None:
    folder = model_folder(home / "tiny-gpt2", foreign_model())
    shown = json.loads(run_chatterm("models", "show", str(folder), "--json").out)
    assert shown["architecture"] == "gpt2 (through transformers)"
    assert "model_type is 'gpt2'" in shown["problem"]
    ended = run_chatterm("ask", "-m", str(folder), "hello", "--max-tokens", "5")
    assert ended.code == 0, ended.err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["BertForMaskedLM"], "model_type": "bert"}, "does not go on with a text"),
        ({"hidden_size": 10**12}, "hidden_size should be from 1 to"),
    ],
)
def test_a_bad_folder_is_refused(folder: Path, changes: dict[str, object], message: str) -> None:
    change_json(folder / "config.json", **changes)
    ended = run_chatterm("ask", "-m", str(folder), "hello")
    assert (ended.code, ended.out) == (4, "")
    assert message in ended.err
    assert ended.err.count("\n") <= 2
