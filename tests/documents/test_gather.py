import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.documents.about import about, reading_report
from chatterm.documents.folders import glob_matches
from chatterm.documents.gather import read_all
from chatterm.errors import InputRefused, UsageError
from tests.support.office_files import encrypted_pdf, pdf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source folder in a repository, with all that is not to be read."""
    files = {
        ".git/config": b"[core]\n",
        ".gitignore": b"*.log\n/out/\n!kept.log\n[broken\n",
        "src/.env": b"SECRET=1\n",
        "src/b.py": b"b = 1\n",
        "src/a/deep.py": b"deep = 1\n",
        "src/a/.gitignore": b"made.txt\n",
        "src/a/made.txt": b"made\n",
        "src/run.log": b"log\n",
        "src/kept.log": b"kept\n",
        "src/logo.png": b"\x89PNG\r\n\x1a\n\0\0",
        "src/data.bin": bytes(range(256)),
        "src/__init__.py": b"",
        "src/wide.txt": "wide\n".encode("utf-16"),
        "src/node_modules/x.js": b"x\n",
        "src/locked.pdf": encrypted_pdf(),
        "src/paper.pdf": pdf([["one"], ["two"]]),
        "out/o.txt": b"made\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def names(*paths: Path) -> list[str]:
    return [document.name for document in read_all(paths)]


def test_a_folder_is_read_by_name_without_what_is_not_meant(folder: Path) -> None:
    documents = read_all([folder / "src"])
    assert [one.name for one in documents] == ["a/deep.py", "b.py", "kept.log", "paper.pdf", "wide.txt"]
    told, refused = documents[0].notices
    assert "5 files were read; left out: 2 hidden (.env, a/.gitignore)" in told
    assert "3 ignored (node_modules, run.log, a/made.txt), 2 not text (data.bin, logo.png)" in told
    assert "1 empty (__init__.py)" in told
    assert ".git," not in told
    assert "left out: locked.pdf is encrypted" in refused
    assert not any(one.notices for one in documents[1:])


def test_an_ignored_folder_that_is_named_is_read(folder: Path) -> None:
    assert names(folder / "out") == ["o.txt"]


def test_links_and_pipes_in_a_folder_are_left_alone(folder: Path) -> None:
    below = folder / "src/a"
    (below / "loop").symlink_to(below)
    (below / "out").symlink_to("/etc/passwd")
    os.mkfifo(below / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(below)
        try:
            listening.bind("socket")
        finally:
            os.chdir(before)
        (document,) = read_all([below])
    assert document.name == "deep.py"
    assert "2 that are links (loop, out), 2 that are no files (pipe, socket)" in document.notices[0]


@pytest.mark.timeout(10)
def test_rules_in_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".gitignore")
    (tmp_path / "a.txt").write_text("a")
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("src/*.py", ["b.py"]),
        ("src/**/*.py", ["a/deep.py", "b.py"]),
        ("s?c/[ab]*", ["src/b.py"]),
        ("**/d*.py", ["src/a/deep.py"]),
        ("src/.e*", [".env"]),
        ("src/a/**", ["deep.py"]),
    ],
)
def test_a_glob_names_files(folder: Path, pattern: str, found: Sequence[str]) -> None:
    assert names(folder / pattern) == found


def test_a_file_with_the_characters_of_a_glob_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("this")
    (tmp_path / "a1.txt").write_text("that")
    assert [one.text for one in read_all([tmp_path / "a[1].txt"])] == ["this"]


def test_documents_of_one_name_have_the_path_they_were_named_by(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "read.me").write_text(name)
    (tmp_path / "other.txt").write_text("o")
    found = names(tmp_path / "x", tmp_path / "y/read.me", tmp_path / "other.txt")
    assert found == [str(tmp_path / "x/read.me"), str(tmp_path / "y/read.me"), "other.txt"]


def test_what_has_nothing_to_read_says_why(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InputRefused, match=r"there is no text to read in .*empty; check"):
        read_all([folder / "empty"])
    with pytest.raises(InputRefused, match=r"no file matches .*\*\.png; left out: 1 not text \(logo.png\)"):
        read_all([folder / "src/*.png"])
    with pytest.raises(InputRefused, match=r"nothing in .* could be read; locked.pdf is encrypted"):
        read_all([folder / "src/lo*.pdf"])
    with pytest.raises(UsageError, match=r"there is no folder .*absent"):
        read_all([folder / "absent/*.md"])
    with pytest.raises(UsageError, match="there is no file"):
        read_all([folder / "absent.md"])
    with pytest.raises(InputRefused, match=r"logo\.png is a picture"):
        read_all([folder / "src", folder / "src/logo.png"])


def test_all_together_have_one_cap_with_both_numbers(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text("x" * 400)
    assert len(read_all([tmp_path], cap=1200)) == 3
    with pytest.raises(InputRefused, match="have 1,200 bytes together, more than the 1,000"):
        read_all([tmp_path], cap=1000)
    with pytest.raises(InputRefused, match="have 1,600 bytes together, more than the 1,300"):
        read_all([tmp_path, tmp_path / "a.txt"], cap=1300)


def test_too_many_files_are_refused_and_few_notices_are_told_of_many(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number:04}.txt").write_bytes(b"caf\xe9 in a text\n" if number < 9 else b"x\n")
    documents = read_all([tmp_path])
    assert len(documents) == 2000
    assert len(documents[0].notices) == 5
    assert documents[0].notices[-1] == "... and 6 more such notices"
    (tmp_path / "one more.txt").write_text("x")
    with pytest.raises(InputRefused, match="has more than 2,000 files to read"):
        read_all([tmp_path])


@given(
    st.lists(st.sampled_from(["a", "b", ".h"]), min_size=1, max_size=5),
    st.lists(st.sampled_from(["a", "*", "**", ".*"]), min_size=1, max_size=4),
)
def test_globs_match_as_their_definition_says(path: list[str], parts: list[str]) -> None:
    def defined(path: list[str], parts: list[str]) -> bool:
        if not parts:
            return not path
        if parts == ["**"]:
            return bool(path) and not any(name.startswith(".") for name in path)
        if parts[0] == "**":
            return defined(path, parts[1:]) or (
                bool(path) and not path[0].startswith(".") and defined(path[1:], parts)
            )
        likes = {"a": ["a"], "*": ["a", "b"], ".*": [".h"]}[parts[0]]
        return bool(path) and path[0] in likes and defined(path[1:], parts[1:])

    assert glob_matches(path, parts) == defined(path, parts)


def test_what_was_read_is_told(folder: Path) -> None:
    paper, code = read_all([folder / "src/paper.pdf", folder / "src/b.py"])
    assert about(paper) == f"2 pages, 2 lines, {paper.num_bytes:,} bytes"
    assert about(code) == "1 line, 6 bytes"
    assert reading_report([paper, code])[1] == "b.py: 1 line, 6 bytes"
    assert reading_report([code] * 6) == ("6 documents: 6 lines, 36 bytes",)
