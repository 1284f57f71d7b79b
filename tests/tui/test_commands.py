"""What is typed after a slash, and what can be completed before the cursor."""

from pathlib import Path

import pytest

from chatterm.errors import ChattermError, UnknownName, UsageError
from chatterm.tui.commands import COMMANDS, as_message, call_of
from chatterm.tui.completion import Trigger, command_suggestions, fuzzy, trigger_at
from chatterm.tui.file_walk import files_below
from chatterm.tui.recall import Recall


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("/new", "screen.new_conversation"),
        ("/new ", "screen.new_conversation"),
        ("/model", "screen.model"),
        ("/model smollm2", "screen.model('smollm2')"),
        ("/file it's.txt", 'file("it\'s.txt")'),
        ("/system two\nlines", "system('two\\nlines')"),
        ("/system\nbelow", "system('below')"),
        ("/set temperature 0.5", "set('temperature 0.5')"),
    ],
)
def test_a_command_names_its_action(text: str, action: str) -> None:
    call = call_of(text)
    assert call
    assert call.action == action


@pytest.mark.parametrize("text", ["", "new", " /new", "//new", "a /new"])
def test_other_texts_are_messages(text: str) -> None:
    assert call_of(text) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("/", UnknownName),
        ("/nwe", UnknownName),
        ("/set", UsageError),
        ("/new x", UsageError),
        ("/NEW", UnknownName),
    ],
)
def test_what_is_no_command_is_told(text: str, kind: type[ChattermError]) -> None:
    with pytest.raises(kind):
        call_of(text)


def test_of_two_slashes_one_is_sent() -> None:
    assert [as_message(text) for text in ("//x", "/x", " //x", "///x")] == ["/x", "/x", " //x", "//x"]


@pytest.mark.parametrize(
    ("line", "trigger"),
    [
        ("/", Trigger("command", "", 0)),
        ("/mo", Trigger("command", "mo", 0)),
        ("/set to", Trigger("option", "to", 5)),
        ("/file rea", Trigger("attached", "rea", 0)),
        ("see @re", Trigger("attached", "re", 4)),
        ("@", Trigger("attached", "", 0)),
        ("a@b", None),
        ("see @re ", None),
        ("a /mo", None),
        ("", None),
    ],
)
def test_what_stands_before_the_cursor_is_completed(line: str, trigger: Trigger | None) -> None:
    assert trigger_at(line, len(line), is_first_line=True) == trigger


def test_commands_stand_on_the_first_line_only() -> None:
    assert trigger_at("/mo", 3, is_first_line=False) is None
    assert trigger_at("@mo", 3, is_first_line=False) == Trigger("attached", "mo", 0)


def test_every_command_is_suggested_and_by_its_beginning() -> None:
    assert len(command_suggestions("")) == len(COMMANDS)
    assert [one.value for one in command_suggestions("sea")] == ["/search"]


def test_the_best_match_comes_first_and_letters_keep_their_order() -> None:
    names = ["docs/engine.md", "chatterm/engine/base.py", "README.md", "x/README.md"]
    assert fuzzy("readme", names)[0] == "README.md"
    assert fuzzy("emdaer", names) == []
    assert fuzzy("", names) == names
    assert len(fuzzy("e", [f"e{number}" for number in range(5000)])) == 50


def test_the_walk_leaves_out_what_is_hidden_ignored_or_linked_and_has_an_end(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt", "a/deep/d.txt", ".git/x", "node_modules/y", "made/z", "odd\n.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("# made by tools\nmade/\n*.log\n", encoding="utf-8")
    (tmp_path / "around").symlink_to(tmp_path)
    found = files_below(tmp_path)
    assert [name for name in found if name != "around"] == ["b.txt", "odd\n.txt", "a/c.txt", "a/deep/d.txt"]
    assert len(files_below(tmp_path, max_files=2)) == 2
    assert "a/c.txt" not in files_below(tmp_path, max_folders=1)
    assert files_below(tmp_path / "nosuch") == []


def test_recall_tells_each_question_once_the_newest_first() -> None:
    recall = Recall()
    recall.refill(["one", "two", " "])
    recall.add("one")
    assert [recall.earlier() for _ in range(3)] == ["one", "two", None]
    assert [recall.later() for _ in range(3)] == ["one", "", None]
