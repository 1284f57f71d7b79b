"""What `chatterm ask` reads: formats, folders and several at once, as a shell sees it."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.chatterm_process import Ended, run_chatterm
from tests.support.office_files import encrypted_pdf, pdf


def ask(*arguments: str, stdin: bytes = b"") -> Ended:
    return run_chatterm("ask", "-m", "echo", *arguments, stdin=stdin)


@pytest.mark.usefixtures("home")
def test_a_pdf_is_read_from_a_pipe_and_a_folder_from_its_name(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/b.md").write_text("# Two\n")
    (tmp_path / "notes/a.html").write_text("<html><h1>One</h1><p>a<p>b</html>")
    ended = ask("-f", f"{tmp_path}/notes", "--json", "which?", stdin=pdf([["first page"], ["second page"]]))
    assert ended.code == 0
    shown = json.loads(ended.out)
    assert shown["prompt"] == (
        "[1: stdin]\n```\nfirst page\nsecond page\n```\n\n"
        "[2: a.html]\n```\n# One\n\na\n\nb\n```\n\n[3: b.md]\n```\n# Two\n```\n\nwhich?"
    )
    piped, page, note = shown["documents"]
    assert (piped["name"], piped["pages"], piped["lines"]) == ("stdin", 2, 2)
    assert (page["name"], page["pages"], page["bytes"], page["lines"]) == ("a.html", None, 33, 5)
    assert note["tokens"] > 0
    assert note["sha256"] == sha256(b"# Two\n").hexdigest()
    assert any("notes: 2 files were read" in notice for notice in shown["notices"])


@pytest.mark.usefixtures("home")
def test_a_dry_run_says_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(pdf([["one"], ["two"]]))
    ended = ask("-f", str(tmp_path / "paper.pdf"), "--dry-run", "what?")
    assert ended.code == 0
    assert "chatterm: paper.pdf: 2 pages, 2 lines, " in ended.err
    assert " tokens\n" in ended.err
    shown = json.loads(ask("-f", str(tmp_path / "paper.pdf"), "--dry-run", "--json", "what?").out)
    assert shown["documents"][0]["pages"] == 2


@pytest.mark.usefixtures("home")
def test_what_cannot_be_read_exits_8_and_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(encrypted_pdf())
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04")
    for name, said in (("a.pdf", "a.pdf is encrypted"), ("b.xlsx", "b.xlsx is an Excel workbook")):
        ended = ask("-f", str(tmp_path / name), "what?")
        assert (ended.code, ended.out) == (8, "")
        assert said in ended.err
