"""The house's own rules: what may be imported at start-up, and that every file is where it belongs."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "textual", "numpy", "tokenizers", "rich.markdown", "sqlite_utils")
"""What `--help` must not pay for: torch 1.0 s, transformers 1.5 s, textual 0.3 s, sqlite_utils 0.1 s."""


def modules_after(code: str) -> set[str]:
    """The modules a fresh interpreter holds after `code`."""
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("chatterm.cli.main", HEAVY),
        ("chatterm.session", ("torch", "transformers", "textual")),
        ("chatterm.tui.app", ("torch", "transformers")),
        ("chatterm.tasks", ("torch", "transformers", "textual")),
        ("chatterm.models.gguf", ("torch", "numpy")),
        ("chatterm.engine.hosted", ("torch", "numpy", "tokenizers", "textual")),
        ("chatterm.engine.local.engine", ("torch", "transformers", "numpy")),
        ("chatterm.prompts", ("torch", "numpy", "textual")),
    ],
)
def test_importing_stays_light(module: str, absent: tuple[str, ...]) -> None:
    loaded = modules_after(f"import {module}")
    assert module in loaded
    assert loaded.isdisjoint(absent), sorted(loaded & set(absent))


def test_help_imports_nothing_heavy() -> None:
    code = "from chatterm.cli.main import run\nassert run(['--help']) == 0"
    assert modules_after(code).isdisjoint(HEAVY)


def test_the_local_engine_needs_no_transformers() -> None:
    loaded = modules_after("import chatterm.engine.local.engine, chatterm.engine.local.runtime")
    assert "torch" in loaded
    assert "transformers" not in loaded
