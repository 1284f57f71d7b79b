"""Memory runs out for real, in a process under the kernel's own limit: exit 5, advice, and it lives."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.gguf_files import TinyLlama, tiny_gguf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts mappings on Linux only")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose cache takes 66 kB a token and whose head takes 20 MB."""
    spec = TinyLlama(
        num_layers=16, embedding=512, num_heads=4, num_kv_heads=4, feed_forward=512, vocab_size=60_000,
        context_length=65_536, block_type="Q4_0",
    )  # fmt: skip
    return tiny_gguf(tmp_path_factory.mktemp("model") / "wide.gguf", spec)


def run(model: Path, cache: str, scenario: str) -> tuple[dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.memory_child", model, cache, scenario],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_conversation_that_is_too_long_ends_alone(
    model: Path, tmp_path: Path, *, is_compiled: bool
) -> None:
    """Growing the cache fails on the way: what it held before is whole, so a short question is answered."""
    found, _ = run(model, str(tmp_path) if is_compiled else "-", "answering")
    code, message = found.pop("long")
    assert code == 5
    assert "this conversation" in message
    assert "MB more were needed" in message
    assert "MB are free" in message
    assert "--ctx" in message
    assert found == {"before": "answered", "short": "answered", "long again": "answered"}


@pytest.mark.slow
def test_loading_that_fails_on_the_way_leaves_the_process_well(model: Path) -> None:
    found, _ = run(model, "-", "loading")
    code, message = found["loading"]
    assert code == 5
    assert "the model's weights" in message
    assert found["afterwards"] == "answered"


def test_the_command_refuses_before_loading_and_says_what_is_needed(model: Path) -> None:
    found, told = run(model, "-", "command")
    assert found["exit code"] == 5
    assert told.startswith("chatterm: wide.gguf needs ")
    assert "MB are free" in told
    assert "quantisation" in told
    assert len(told.splitlines()) <= 2


@pytest.mark.slow
def test_the_command_takes_a_shorter_context_where_only_that_is_too_long_and_says_so(model: Path) -> None:
    found, told = run(model, "-", "narrow command")
    assert found["exit code"] == 0, told
    assert "instead of 65,536" in told
