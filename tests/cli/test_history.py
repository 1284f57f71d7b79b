"""`chatterm history`: search, rename, rm, export and import as they are run."""

import json
import os
import pty
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chatterm.cli.main import run
from chatterm.conversation import Message
from chatterm.store import ConversationStore
from tests.support.chatterm_process import COMMAND, Ended

Run = Callable[..., Ended]


@pytest.fixture
def run_chatterm(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: what it prints goes through the same streams, 0.3 s sooner."""

    def run_here(*arguments: str | Path) -> Ended:
        code = run([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run_here


@pytest.fixture
def database(home: Path) -> Path:
    return home / "data" / "chatterm.db"


@pytest.fixture
def liens(database: Path) -> str:
    """Two conversations, of which this is the first."""
    with closing(ConversationStore.open(database)) as store:
        first = store.create_conversation("Liens \x1b[31m留置权")
        question = store.append(first, None, Message("user", "What is a lien? \x1b]0;x\x07"))
        store.append(first, question.id, Message("assistant", "A claim on property. 留置权。"))
        store.append(store.create_conversation("Recipes"), None, Message("user", "How is bread made?"))
    return first


def listed(run_chatterm: Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(run_chatterm("history", "list", "--json").out)
    return rows


def test_search_shows_where_and_marks_what(run_chatterm: Run, liens: str) -> None:
    shown = run_chatterm("history", "search", "lien").out.splitlines()
    assert shown[0].startswith(f"{liens[:8]}  20")
    assert shown[0].endswith("user       Liens \u241b[31m留置权")
    assert shown[1] == "    What is a [lien]? \u241b]0;x\u2407"
    found = json.loads(run_chatterm("history", "search", "留置", "--json").out)
    assert [(hit["role"], hit["conversation_id"]) for hit in found] == [(None, liens), ("assistant", liens)]
    assert found[1]["snippet"][1] == {"text": "留置", "is_match": True}
    assert len(json.loads(run_chatterm("history", "search", "-n", "1", "--json", "is").out)) == 1


@pytest.mark.parametrize("text", ["zebra", '"', "AND", "NEAR(", "", "*", "😀"])
def test_a_search_that_finds_nothing_is_quiet(run_chatterm: Run, liens: str, text: str) -> None:
    ended = run_chatterm("history", "search", text)
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_rename_gives_a_title(run_chatterm: Run, liens: str) -> None:
    assert run_chatterm("history", "rename", liens[:6], "All", "about liens").code == 0
    assert "All about liens" in [row["title"] for row in listed(run_chatterm)]
    assert run_chatterm("history", "rename", liens, " ").code == 2
    assert run_chatterm("history", "rename", "zzzz", "x").code == 2


def test_rm_asks_or_is_told(run_chatterm: Run, liens: str, database: Path) -> None:
    refused = run_chatterm("history", "rm", liens[:6])
    assert refused.code == 2
    assert "--yes" in refused.err
    assert len(listed(run_chatterm)) == 2
    (database.parent / "chatterm.db.schema-1.backup").touch()
    ended = run_chatterm("history", "rm", "--yes", liens[:6])
    assert (ended.code, ended.out) == (0, "")
    assert "deleted 1 conversation\n" in ended.err
    assert "schema-1.backup" in ended.err
    assert [row["title"] for row in listed(run_chatterm)] == ["Recipes"]
    assert not any("留置权".encode() in path.read_bytes() for path in database.parent.iterdir())


def test_rm_by_age_keeps_the_young_and_the_pinned(run_chatterm: Run, liens: str, database: Path) -> None:
    assert "deleted 0" in run_chatterm("history", "rm", "--older-than", "30d").err
    assert len(listed(run_chatterm)) == 2
    with closing(ConversationStore.open(database)) as store:
        store.set_pinned(liens, True)
    assert "deleted 1 conversation\n" in run_chatterm("history", "rm", "--older-than", "0h", "--yes").err
    assert [row["id"] for row in listed(run_chatterm)] == [liens]


@pytest.mark.parametrize("arguments", [[], ["--older-than", "soon"], ["--older-than", "9999y"], ["ab"]])
def test_rm_refuses_what_it_does_not_understand(run_chatterm: Run, liens: str, arguments: list[str]) -> None:
    assert run_chatterm("history", "rm", *arguments).code == 2
    assert len(listed(run_chatterm)) == 2


@pytest.mark.parametrize(("reply", "code", "left"), [(b"y\n", 0, 1), (b"n\n", 130, 2), (b"\n", 130, 2)])
def test_rm_asks_on_a_terminal(run_chatterm: Run, liens: str, reply: bytes, code: int, left: int) -> None:
    master, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            [*COMMAND, "history", "rm", liens], stdin=terminal, stderr=terminal, stdout=subprocess.PIPE
        ) as child:
            os.write(master, reply)
            assert child.wait(timeout=30) == code
        said = os.read(master, 10_000).decode()
    finally:
        os.close(master)
        os.close(terminal)
    assert "\u241b[31m留置权" in said
    assert "\x1b" not in said
    assert len(listed(run_chatterm)) == left


def test_what_is_exported_can_be_imported_elsewhere(
    run_chatterm: Run, monkeypatch: pytest.MonkeyPatch, liens: str, database: Path, tmp_path: Path
) -> None:
    path = tmp_path / "all.json"
    assert run_chatterm("history", "export", "--all", "--json", "-o", path).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run_chatterm("history", "export", "--all", "--json").out == path.read_text(encoding="utf-8")
    assert "\x1b" not in path.read_text(encoding="utf-8")
    monkeypatch.setenv("CHATTERM_HOME", str(tmp_path / "other"))
    ended = run_chatterm("history", "import", path)
    assert (ended.code, ended.out) == (0, "")
    assert "2 new conversations, 3 new messages, 0 known" in ended.err
    assert "0 new conversations, 0 new messages, 3 known" in run_chatterm("history", "import", path).err
    with (
        closing(ConversationStore.open(database)) as first,
        closing(ConversationStore.open(tmp_path / "other" / "data" / "chatterm.db")) as second,
    ):
        assert first.conversation_ids() == second.conversation_ids()
        assert [first.whole(one) for one in first.conversation_ids()] == [
            second.whole(one) for one in second.conversation_ids()
        ]


def test_markdown_goes_to_stdout_or_a_file_each(run_chatterm: Run, liens: str, tmp_path: Path) -> None:
    shown = run_chatterm("history", "export", liens[:6]).out
    assert shown.startswith('---\ntitle: "Liens \\u001b[31m留置权"\n')
    assert "\n## Assistant\n\nA claim on property. 留置权。\n" in shown
    assert "\x1b" not in shown
    label = "AI-generated / 由人工智能生成"
    assert shown.count(label) == 2
    assert label not in run_chatterm("history", "export", liens[:6], "--no-label").out
    folder = tmp_path / "md"
    assert run_chatterm("history", "export", "--all", "-o", folder).code == 0
    names = sorted(path.name[11:] for path in folder.iterdir())
    assert names[0].startswith("liens-31m留置权-")
    assert names[1].startswith("recipes-")
    assert run_chatterm("history", "export", "--all", "-o", folder).code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["export"], "or --all"),
        (["export", "--all"], "their folder"),
        (["export", "--all", "--json", "-o", "/nowhere/x.json"], "/nowhere/x.json"),
        (["import", "/nowhere/x.json"], "/nowhere/x.json"),
        (["export", "zzzz"], "zzzz"),
    ],
)
def test_wrong_usage_is_told(run_chatterm: Run, arguments: list[str], words: str) -> None:
    ended = run_chatterm("history", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


def test_a_bad_import_changes_nothing(run_chatterm: Run, liens: str, tmp_path: Path) -> None:
    path = tmp_path / "bad\x1b.json"
    path.write_text('[{"id": "a", "mapping": {"x": {"message": {"author": 7}}}}]', encoding="utf-8")
    ended = run_chatterm("history", "import", path)
    assert (ended.code, ended.out) == (8, "")
    assert "author is 7, not an object" in ended.err
    assert "\x1b" not in ended.err
    assert len(listed(run_chatterm)) == 2


def test_path_names_the_database(run_chatterm: Run, database: Path) -> None:
    assert run_chatterm("history", "path").out == f"{database}\n"
    assert not database.exists()


def test_archived_conversations_have_a_list_of_their_own(
    run_chatterm: Run, liens: str, database: Path
) -> None:
    with closing(ConversationStore.open(database)) as store:
        store.set_archived(liens, True)
    assert [row["title"] for row in listed(run_chatterm)] == ["Recipes"]
    (row,) = json.loads(run_chatterm("history", "list", "--archived", "--json").out)
    assert (row["id"], row["archived"]) == (liens, True)
