"""The kept listing of prompts: as fast as it is right, and never of other files than those that are there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatterm.cli.main import run
from chatterm.cli.prompt_folders import open_library
from chatterm.cli.prompt_rows import kept_rows, prompt_rows, stamp_of
from chatterm.config import Paths
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts

PROMPT = """---
chatterm: 1
version: 1
title: {{en: {title}}}
languages: [en]
inputs: {{question: {{type: text}}}}
---
@@ user
{{{{ question }}}}
"""


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    (folder / "general").mkdir(parents=True)
    write(folder, "first")
    return folder


def write(folder: Path, title: str, name: str = "general/a.md") -> Path:
    path = folder / name
    path.write_text(PROMPT.format(title=title), encoding="utf-8")
    return path


def titles(folder: Path, cache: Path) -> list[str]:
    return [row["title"]["en"] for row in kept_rows(folder, cache) or ()]


def test_what_is_kept_is_what_was_read(shipped: Path, tmp_path: Path) -> None:
    read = kept_rows(shipped, tmp_path / "cache")
    kept = json.loads((tmp_path / "cache" / "prompts.json").read_bytes())
    assert kept["rows"] == read == kept_rows(shipped, tmp_path / "cache")


def test_an_edit_shows_at_once_whatever_size_and_time_say(shipped: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = shipped / "general" / "a.md"
    assert titles(shipped, cache) == ["first"]
    before = path.stat()
    write(shipped, "fif7h")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert titles(shipped, cache) == ["fif7h"]
    write(shipped, "second", "general/b.md")
    assert titles(shipped, cache) == ["fif7h", "second"]
    path.rename(shipped / "general" / "c.md")
    assert [row["id"] for row in kept_rows(shipped, cache) or ()] == ["general/b", "general/c"]


def test_a_snippet_counts_too(shipped: Path) -> None:
    before = stamp_of(shipped)
    (shipped / "snippets").mkdir()
    write(shipped, "x", "snippets/x.md")
    assert stamp_of(shipped) != before


@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b'{"stamp": 1}', b"[" * 9000, b"\xff", b'{"rows": 3}'])
def test_a_damaged_cache_is_made_again(shipped: Path, tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "prompts.json").write_bytes(kept)
    assert titles(shipped, tmp_path) == ["first"]
    assert json.loads((tmp_path / "prompts.json").read_bytes())["stamp"] == stamp_of(shipped)


def test_a_cache_that_cannot_be_written_is_done_without(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert titles(shipped, tmp_path / "file" / "cache") == ["first"]


def test_a_pipe_in_the_library_is_not_read(shipped: Path, tmp_path: Path) -> None:
    os.mkfifo(shipped / "general" / "endless.md")
    assert kept_rows(shipped, tmp_path / "cache") is None


def test_a_kept_listing_reads_no_prompt_file_s_yaml(home: Path) -> None:
    script = (
        "import sys\nfrom chatterm.cli.main import run\nassert run(['prompts', 'list']) == 0\n"
        "heavy = {'yaml', 'pydantic', 'torch', 'chatterm.prompts', 'chatterm.store'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    for expected in ("['chatterm.prompts', 'yaml']", "[]"):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == expected


def test_the_listing_is_the_same_with_and_without_what_is_kept(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prompts", "list", "--json"]) == 0
    first = capsys.readouterr().out
    assert (home / "cache" / "listings" / "prompts.json").is_file()
    assert run(["prompts", "list", "--json"]) == 0
    assert capsys.readouterr().out == first
    (home / "config" / "prompts" / "mine").mkdir(parents=True)
    write(home / "config" / "prompts", "Own", "mine/x.md")
    assert run(["prompts", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    own = [row for row in rows if row["id"] == "mine/x"]
    assert [(row["title"], row["origin"]) for row in own] == [("Own", "yours")]
    assert [row for row in rows if row["id"] != "mine/x"] == json.loads(first)
    assert "Own" not in (home / "cache" / "listings" / "prompts.json").read_text(encoding="utf-8")


def test_rows_are_the_same_kept_or_read(tmp_path: Path) -> None:
    own = tmp_path / "config" / "prompts"
    (own / "general").mkdir(parents=True)
    write(own, "mine", "general/summarize.md")
    write(own, "all mine", "general/zz.md")
    (own / "legal").mkdir()
    (own / "legal" / "draft.md").write_text("no prompt", encoding="utf-8")
    paths = Paths.from_environment({"CHATTERM_HOME": str(tmp_path)})
    rows = prompt_rows(paths)
    assert rows == prompt_rows(paths)
    listed = [(row["id"], row["origin"]) for row in rows]
    entries = open_library(paths).entries()
    states = ["shadowed" if one.is_shadowed else "changed" if one.is_changed else "" for one in entries]
    assert listed == [
        (one.id, f"{one.origin}, {state}" if state else one.origin)
        for one, state in zip(entries, states, strict=True)
    ]
    assert [state for state in states if state] == ["changed", "shadowed"] * 2


def test_no_shipped_prompt_rests_on_another_one() -> None:
    library = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
    assert [one.id for one in library.entries() if one.header is None or one.header.extends] == []
