"""`chatterm history pin`, `archive`, `tag` and their opposites; `chatterm config set` and `unset`."""

from pathlib import Path

import pytest

from chatterm.cli.main import run
from chatterm.config import Paths, load_config
from chatterm.store import ConversationStore


@pytest.fixture
def ids(home: Path) -> list[str]:
    store = ConversationStore.open(home / "data" / "chatterm.db")
    made = [store.create_conversation(title) for title in ("one", "two")]
    store.close()
    return made


def summary_of(home: Path, identity: str) -> tuple[bool, bool, tuple[str, ...]]:
    store = ConversationStore.open(home / "data" / "chatterm.db")
    found = store.summary(identity)
    store.close()
    return found.pinned, found.archived, found.tags


def test_conversations_are_pinned_archived_and_tagged_and_back(home: Path, ids: list[str]) -> None:
    for command in (["pin", *ids], ["archive", ids[0][:6]], ["tag", ids[0], "work", "tax 2026"]):
        assert run(["history", *command]) == 0
    assert summary_of(home, ids[0]) == (True, True, ("tax 2026", "work"))
    assert summary_of(home, ids[1]) == (True, False, ())
    for command in (["unpin", ids[0]], ["unarchive", ids[0]], ["untag", ids[0], "work"]):
        assert run(["history", *command]) == 0
    assert summary_of(home, ids[0]) == (False, False, ("tax 2026",))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["pin", "zzzz"], "no conversation is called 'zzzz'"),
        (["untag", "ID", "nothing"], "no tag of this conversation is called 'nothing'"),
        (["tag", "ID", "t" * 60], "1 to 50 characters"),
    ],
)
def test_what_cannot_be_done_is_told(
    ids: list[str], capsys: pytest.CaptureFixture[str], command: list[str], told: str
) -> None:
    assert run(["history", *(ids[0] if part == "ID" else part for part in command)]) == 2
    assert told in capsys.readouterr().err


def test_an_unknown_id_changes_nothing(home: Path, ids: list[str]) -> None:
    assert run(["history", "pin", ids[0], "zzzz"]) == 2
    assert summary_of(home, ids[0]) == (False, False, ())


def test_a_setting_is_written_and_dropped_and_comments_stay(home: Path) -> None:
    paths = Paths.from_environment({"CHATTERM_HOME": str(home)})
    paths.config_file.parent.mkdir()
    paths.config_file.write_text('# mine\ntheme = "nord"\n\n[keys]\n"chat.new" = "f5"\n')
    for command in (
        ["set", "temperature", "1"],
        ["set", "enter_sends", "no"],
        ["set", "keys.chat.search", "f6, /"],
        ["unset", "theme"],
        ["unset", "keys.chat.new"],
    ):
        assert run(["config", *command]) == 0
    config = load_config({}, paths)
    assert (config.temperature, config.enter_sends, config.theme) == (1.0, False, "textual-dark")
    assert config.keys == {"chat.search": "f6,slash"}
    assert paths.config_file.read_text().startswith("# mine\n")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["set", "temprature", "1"], "did you mean 'temperature'"),
        (["set", "temperature", "hot"], "must be a number"),
        (["set", "keys.chat.serch", "f6"], "did you mean 'chat.search'"),
        (["set", "keys.chat.search", "foo+x"], "no key is called 'foo+x'"),
        (["unset", "temprature"], "did you mean 'temperature'"),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_is_written(
    home: Path, capsys: pytest.CaptureFixture[str], command: list[str], told: str
) -> None:
    assert run(["config", *command]) == 2
    assert told in capsys.readouterr().err
    assert not (home / "config" / "config.toml").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('keys = "f6"', "keys must be a table"),
        ('[keys]\nchat.search = "f6"', '"chat.search" with quotes'),
        ('[keys]\n"chat.search" = 6', "must be a key"),
        ('[keys]\n"chat.search" = []', "must be a key"),
    ],
)
def test_a_wrong_table_of_keys_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(text)
    assert run(["config", "show"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", [["set", "keys.chat.new", "f6"], ["unset", "keys.chat.new"]])
def test_what_is_no_table_of_keys_is_told_before_it_is_changed(
    home: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text("keys = 3")
    assert run(["config", *command]) == 2
    assert "keys must be a table" in capsys.readouterr().err
    assert (home / "config" / "config.toml").read_text() == "keys = 3"
