"""The wheel holds all it needs: installed into a new environment, away from the checkout, it answers."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, env=os.environ | environ, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and nothing else of chatterm; other packages are borrowed."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-index", "--no-build-isolation", "--no-deps", "-w", folder, CHECKOUT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    run(*pip, "--python", python, "install", "--no-index", "--no-deps", wheel, cwd=folder)
    return python


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_answers_outside_the_checkout(
    python: Path, default_model: Path, tmp_path: Path, home: Path
) -> None:
    chatterm = python.with_name("chatterm")
    where = run(python, "-c", "import chatterm; print(chatterm.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(python.parents[1])
    assert "general/summarize" in run(chatterm, "prompts", "list", cwd=tmp_path)
    models = home / "data" / "models"
    models.mkdir(parents=True)
    (models / default_model.name).symlink_to(default_model)
    answer = run(chatterm, "ask", "--temperature", "0", "What is photosynthesis?", cwd=tmp_path)
    assert "photosynthesis" in answer.lower()
