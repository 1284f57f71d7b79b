"""Compiled once, and told where it cannot be."""

import logging
import shutil
from pathlib import Path

import pytest

from chatterm.engine.local.native.build import library_path

needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


@needs_compiler
def test_is_compiled_once(kernels: Path) -> None:
    first = library_path(kernels)
    assert first is not None
    made = first.stat().st_mtime_ns
    assert library_path(kernels) == first
    assert first.stat().st_mtime_ns == made
    assert first.suffix == ".so"


@needs_compiler
def test_another_processor_has_another_library(kernels: Path) -> None:
    assert library_path(kernels, "-O1") != library_path(kernels)


def test_without_a_compiler_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with caplog.at_level(logging.INFO):
        assert library_path(tmp_path / "kernels") is None
    assert "no C compiler" in caplog.text
    assert not (tmp_path / "kernels").exists()


def test_a_compiler_that_fails_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho 'it is broken' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    assert library_path(tmp_path / "kernels") is None
    assert "it is broken" in caplog.text
    assert list((tmp_path / "kernels").iterdir()) == []


@needs_compiler
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    assert library_path(tmp_path / "file" / "kernels") is None
    assert "could not be compiled" in caplog.text
