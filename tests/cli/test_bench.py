"""`chatterm bench` and `chatterm cache`, as they are run."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.chatterm_process import run_chatterm, start_chatterm
from tests.support.gguf_files import TinyLlama, tiny_gguf

SECONDS = ("load_cold_s", "load_s", "first_token_cold_s", "first_token_warm_s")
RATES = ("prefill_tok_s", "decode_tok_s", "bandwidth_bytes_s")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(context_length=1024))


def test_figures_are_in_their_ranges(model: Path) -> None:
    ended = run_chatterm("bench", "-m", model, "--device", "cpu", "--threads", "1", "--json")
    assert ended.code == 0, ended.err
    assert ended.err == ""
    found = json.loads(ended.out)
    assert (found["model"], found["device"], found["threads"]) == ("tiny", "cpu", 1)
    assert found["context_length"] == 1024
    assert all(0 < found[name] < 60 for name in SECONDS), found
    assert all(found[name] > 0 for name in RATES), found
    assert found["load_s"] < found["load_cold_s"] < found["first_token_cold_s"]
    assert 480 <= found["prefill_tokens"] <= 512
    assert 1 <= found["decode_tokens"] <= 128
    assert found["decode_long_tok_s"] is None
    assert 50e6 < found["peak_memory_bytes"] < 4e9
    assert 0 < found["weights_bytes"] < 10 * model.stat().st_size
    assert 0 < found["bandwidth_share"] < 1
    share = found["weights_bytes"] * found["decode_tok_s"] / found["bandwidth_bytes_s"]
    assert found["bandwidth_share"] == pytest.approx(share)


def test_a_table_in_a_pipe_is_plain(model: Path) -> None:
    ended = run_chatterm("bench", "-m", model, "--device", "cpu", "--ctx", "512")
    assert ended.code == 0, ended.err
    assert ended.out.isascii()
    lines = ended.out.splitlines()
    assert len(lines) == 11
    assert re.match(r"prompt +[\d.]+ tokens/s +\d+ tokens$", lines[0])
    assert re.search(r"^reply, long prompt +- ", ended.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-m", "echo"], 2, "nothing to measure"),
        (["-m", "./none.gguf"], 4, "none.gguf"),
        (["--device", "tpu"], 2, "cpu"),
        (["--ctx", "4096"], 2, "4,096 tokens was asked for, but this model has 1 to 1,024"),
    ],
)
def test_what_cannot_be_measured_is_refused(model: Path, arguments: list[str], code: int, words: str) -> None:
    ended = run_chatterm("bench", "-m", model, *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert words in ended.err


def test_ctrl_c_ends_it_cleanly(model: Path) -> None:
    process = start_chatterm("bench", "-m", model, "--device", "cpu")
    kept = Path(f"/proc/{process.pid}/maps")
    deadline = time.monotonic() + 60
    while "libtorch_cpu" not in kept.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err) == (b"", b"")


def test_the_cache_is_shown_and_cleared(home: Path) -> None:
    weights = home / "cache" / "prepared" / "tiny" / "weights"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"x" * 2_000_000)
    rows = {row["kind"]: row for row in json.loads(run_chatterm("cache", "show", "--json").out)}
    assert set(rows) >= {"templates", "native", "prepared"}
    assert (rows["prepared"]["entries"], rows["prepared"]["size"]) == (1, 2_000_000)
    assert "2,000,000" in run_chatterm("cache", "show").out
    freed = json.loads(run_chatterm("cache", "clear", "--json").out)
    assert freed["path"] == str(home / "cache")
    assert freed["freed"] >= 2_000_000
    assert list((home / "cache").iterdir()) == []
    assert run_chatterm("cache", "clear").out.startswith("0.0 MB freed")


def test_a_model_is_shown_with_what_it_needs(model: Path) -> None:
    fields = json.loads(run_chatterm("models", "show", str(model), "--json").out)
    assert fields["fits"] == "yes"
    assert fields["memory needed"] < fields["memory free"]
    assert "context" in fields["of it"]
    limited = "import resource; resource.setrlimit(resource.RLIMIT_DATA, (10**8, 10**8))"
    code = f"{limited}; from chatterm.cli.main import run; run(['models', 'show', {str(model)!r}, '--json'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout)["fits"] == "no"
